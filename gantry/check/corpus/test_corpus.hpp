// SPDX-License-Identifier: MIT
#pragma once
//
// corpus: programs with a known fault, which the checker must name, each beside its repaired twin, which must pass.
//
// Use it when adding a kind of fault that the checker must find: a checker that cannot fail checks nothing.
// Do not use it when testing a component -> GANTRY_MODEL in a *_model.cpp.
//
// Threads: n/a. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: n/a. Origin: n/a.

#include <gantry/check/model.hpp>

#include <vector>

namespace gantry::check::corpus {

// What a faulty program gets wrong, in a few words, the program of this corpus that gets it right, and where the same
// fault was published.
struct about {
    const char* twin = "";
    const char* what = "";
    const char* seen = "";
};

struct program {
    const char* name;
    fault expected;
    void (*body)();
    const char* file;
    int line;
    about text;
};

inline std::vector<program>& programs() {
    static std::vector<program> all;
    return all;
}

inline bool add(const program& p) {
    programs().push_back(p);
    return true;
}

// How much is wrong with scenarios().
int wrong_scenarios();

// Of docs/guides/scenarios.md.
certificate faulty_mailboxes(const model_options& given);
certificate repaired_mailboxes(const model_options& given);

} // namespace gantry::check::corpus

// MODEL_IS(name, fault [, "twin", "what is wrong" [, "seen in"]]): what the checker must say about the GANTRY_MODEL of
// that name earlier in the file.
#define MODEL_IS(model_name, expected, ...)                                                                            \
    [[maybe_unused]] static const bool added_model_##model_name = ::gantry::check::corpus::add(                        \
        {#model_name, ::gantry::check::fault::expected, gantry_model_##model_name, __FILE__, __LINE__, {__VA_ARGS__}})

// FAULTY(name, fault [, "twin", "what is wrong" [, "seen in"]]) { body }: the checker must find that fault. SOUND(name)
// { body }: it must find none, exhaustively.
#define FAULTY(program_name, expected, ...)                                                                            \
    static void faulty_##program_name();                                                                               \
    [[maybe_unused]] static const bool added_faulty_##program_name = ::gantry::check::corpus::add(                     \
        {#program_name, ::gantry::check::fault::expected, faulty_##program_name, __FILE__, __LINE__, {__VA_ARGS__}});  \
    static void faulty_##program_name()

#define SOUND(program_name)                                                                                            \
    static void sound_##program_name();                                                                                \
    [[maybe_unused]] static const bool added_sound_##program_name = ::gantry::check::corpus::add(                      \
        {#program_name, ::gantry::check::fault::none, sound_##program_name, __FILE__, __LINE__, {}});                  \
    static void sound_##program_name()
