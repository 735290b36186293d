// SPDX-License-Identifier: MIT
// Whatever the bytes, the reader of tokens ends, and what it accepts means the same when it is spelled anew.
#include <gantry/check/explore/script.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gantry::check;
    const auto script = parse_token(std::string(reinterpret_cast<const char*>(data), size));
    if (!script) {
        return 0;
    }
    const auto again = parse_token(token_of(*script));
    bool same = again && again->size() == script->size();
    for (std::size_t i = 0; same && i < script->size(); ++i) {
        same = (*again)[i].thread == (*script)[i].thread && (*again)[i].behind == (*script)[i].behind;
    }
    if (!same) {
        std::fprintf(stderr, "what was spelled anew reads differently\n");
        std::abort();
    }
    return 0;
}
