// SPDX-License-Identifier: MIT
// Stands in for the model checker: runs the models of the files that it is linked with many times on real threads, for
// a sanitizer, or for seeing how seldom a fault shows.
#include <gantry/check/model.hpp>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace gantry::check {

namespace {

registered_model* first = nullptr;

} // namespace

bool register_model(registered_model& entry) noexcept {
    entry.next = first;
    first = &entry;
    return true;
}

registered_model* registered_models() noexcept {
    return first;
}

void fail(const char* what, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    std::abort();
}

void fail_compared(const char* what, const spelled& left, const spelled& right, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: does not hold: %s: %s, %s\n", file, line, what, left.text.c_str(), right.text.c_str());
    std::abort();
}

} // namespace gantry::check

int main(int argc, char** argv) {
    using gantry::check::registered_model;
    int times = 1000;
    if (argc > 1) {
        const char* const end = argv[1] + std::strlen(argv[1]);
        if (argc > 2 || std::from_chars(argv[1], end, times).ptr != end || times < 1) {
            std::fprintf(stderr, "usage: %s [TIMES]\nRuns each model so many times (1000) on real threads.\n", argv[0]);
            return 2;
        }
    }
    for (const registered_model* m = gantry::check::registered_models(); m != nullptr; m = m->next) {
        for (int i = 0; i < times; ++i) {
            m->body();
        }
        std::printf("%s: %d times\n", m->name, times);
    }
    return 0;
}
