// SPDX-License-Identifier: MIT
// Whatever the bytes, the reader ends, and what it accepts comes back the same from the writer, is judged within limits
// and drawn.
#include <gantry/check/linearizability/history_file.hpp>
#include <gantry/check/linearizability/history_page.hpp>
#include <gantry/check/linearizability/history_text.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

void require(bool condition, const char* what) {
    if (!condition) {
        std::fprintf(stderr, "%s\n", what);
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gantry::check;
    const auto file = read_history(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!file) {
        require(!file.error().what.empty(), "refused without a word");
        return 0;
    }
    const std::string text = write_history(*file);
    const auto again = read_history(text);
    require(again.has_value() && *again == *file, "what was written reads differently");
    std::vector<page_bar> bars;
    for (const auto& each : file->all) {
        bars.push_back({.thread = each.thread, .call = each.call, .end = each.end, .label = text_of(each)});
    }
    for (const condition what : {condition::linearizable, condition::quiescent, condition::sequential}) {
        const auto result = check_file(*file, {.what = what, .states_max = 1000});
        require(result.has_value() != file->object.empty(), "an object is judged, and only an object");
        if (result) {
            require(!history_page(bars, *result, file->object).empty(), "no page");
        }
    }
    return 0;
}
