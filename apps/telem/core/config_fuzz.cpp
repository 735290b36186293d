// SPDX-License-Identifier: MIT
//
// What must hold: read_config takes any bytes; what it accepts, print_config writes so that it is read back the same.
#include <apps/telem/core/config.hpp>

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto read = telem::read_config({reinterpret_cast<const char*>(data), size});
    if (!read) {
        if (read.error().empty()) {
            std::fputs("refused without a reason\n", stderr);
            std::abort();
        }
        return 0;
    }
    const std::string printed = telem::print_config(*read);
    const auto again = telem::read_config(printed);
    if (!again || telem::print_config(*again) != printed) {
        std::fputs("what was printed is not what was read\n", stderr);
        std::abort();
    }
    return 0;
}
