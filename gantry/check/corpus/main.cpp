// SPDX-License-Identifier: MIT
// Runs the corpus: every faulty program must be reported, with the right fault, and every repaired twin must pass.
#include <gantry/check/corpus/corpus.hpp>

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
    using namespace gantry::check;
    const char* const only = argc > 1 ? argv[1] : nullptr;
    int wrong = 0;
    for (const corpus::program& p : corpus::programs()) {
        if (only != nullptr && std::strcmp(only, p.name) != 0) {
            continue;
        }
        const model_options options{.seconds_max = 10};
        const model_result r =
            model(options, [](void* body) { reinterpret_cast<void (*)()>(body)(); }, reinterpret_cast<void*>(p.body));
        const bool right = r.found == p.expected && (p.expected != fault::none || r.exhaustive);
        wrong += right ? 0 : 1;
        std::printf("%s %-28s expected %s, found %s: %llu graphs, %llu blocked, %.3f s%s\n", right ? "ok   " : "WRONG",
                    p.name, name_of(p.expected), name_of(r.found), static_cast<unsigned long long>(r.graphs),
                    static_cast<unsigned long long>(r.blocked), r.seconds, r.exhaustive ? ", exhaustive" : "");
        if (!right || only != nullptr) {
            std::printf("%s\n", r.report.c_str());
        }
    }
    return wrong == 0 ? 0 : 1;
}
