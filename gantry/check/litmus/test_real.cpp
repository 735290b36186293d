// SPDX-License-Identifier: MIT
// litmus-real: the litmus tests on this machine's threads, beside what the model checker says the C++ memory model
// allows. An outcome that the machine shows and the model forbids is an error of the one or the other.
#include <gantry/check/litmus/test_modelled.hpp>
#include <gantry/check/litmus/test_real_threads.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using gantry::check::fault;
using gantry::check::model_result;
using gantry::check::litmus::real_counts;
using gantry::check::litmus::real_outcome;

constexpr const char* usage =
    "usage: litmus-real [SHAPE...] [--order ORDER] [--seconds S] [--json]\n"
    "Runs litmus tests on real threads, counts what each round came to, and prints beside each outcome whether the "
    "C++\n"
    "memory model allows it, which the model checker finds out from the same code.\n"
    "SHAPE      SB MP LB S R 2+2W WRC ISA2 IRIW CoRR CoWW CoRW CoWR MP+RMW 2xfetch_add; all of them when none is "
    "named\n"
    "--order    plain, rlx, ra, sc, +AR or +SC (relaxed with acq_rel or seq_cst fences); all of them when not given\n"
    "--seconds  how long the machine runs in all, 10 when not given\n"
    "--json     one object a line for each outcome\n"
    "--self-test  judges rounds of CoWW by the model of SB, which knows nothing of what they come to: must exit with "
    "1\n"
    "* marks the weak outcome that the shape is about.\n"
    "Exit codes: 0 nothing forbidden was seen, 1 something was, 2 a wrong argument.\n";

struct request {
    std::vector<std::string_view> shapes;
    std::string_view order;
    double seconds = 10;
    bool json = false;
    bool self_test = false;
};

bool parse(int argc, char** argv, request& asked) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--json") {
            asked.json = true;
        } else if (argument == "--self-test") {
            asked.self_test = true;
        } else if (argument == "--seconds" && i + 1 < argc) {
            char* end = nullptr;
            asked.seconds = std::strtod(argv[++i], &end);
            if (*end != '\0' || !(asked.seconds >= 0)) {
                std::fprintf(stderr, "litmus-real: --seconds %s: not a number of seconds\n", argv[i]);
                return false;
            }
        } else if (argument == "--order" && i + 1 < argc) {
            asked.order = argv[++i];
            if (std::find(column_names.begin(), column_names.end(), asked.order) == column_names.end()) {
                std::fprintf(stderr, "litmus-real: --order %s: no such order\n", argv[i]);
                return false;
            }
        } else {
            bool known = false;
            each_shape([&]<class Shape>() { known = known || argument == Shape::name; });
            if (!known) {
                std::fprintf(stderr, "litmus-real: %s: no such shape or option\n%s", argv[i], usage);
                return false;
            }
            asked.shapes.push_back(argument);
        }
    }
    return true;
}

// What the memory model says of an outcome.
enum class verdict : unsigned char { allowed, forbidden, undefined, iso_only };
constexpr const char* verdict_names[] = {"allowed", "forbidden", "undefined (data race)",
                                         "allowed by ISO C++, not by RC11"};

struct cell {
    const char* shape;
    std::size_t reads;
    const char* order;
    bool (*weak)(const outcome_of_round&);
    model_result model;
    real_counts seen;
};

std::vector<std::int64_t> told(const real_outcome& o) {
    return {o.begin(), o.end()};
}

verdict judge(const cell& c, const std::vector<std::int64_t>& o) {
    if (c.model.found == fault::race) {
        return verdict::undefined;
    }
    if (c.model.outcomes.contains(o)) {
        return verdict::allowed;
    }
    // RC11 forbids what ISO C++ allows: relaxed loads that see stores which come after them.
    const bool buffered = c.shape == std::string_view("LB") && c.order == std::string_view("rlx");
    return buffered && c.weak(round_of(o)) ? verdict::iso_only : verdict::forbidden;
}

std::string spell(const cell& c, const std::vector<std::int64_t>& o) {
    std::string text;
    for (std::size_t i = 0; i < c.reads; ++i) {
        text += "r" + std::to_string(i) + "=" + std::to_string(o[i]) + " ";
    }
    constexpr const char* names[] = {"x", "y", "z"};
    for (std::size_t i = 0; i < locations; ++i) {
        text += std::string(names[i]) + "=" + std::to_string(o[registers_max + i]) + (i + 1 < locations ? " " : "");
    }
    return text;
}

// How many outcomes were seen that are forbidden.
int print(const cell& c, bool json) {
    std::map<std::vector<std::int64_t>, std::uint64_t> all;
    for (const auto& [o, times] : c.model.outcomes) {
        all[o] = 0;
    }
    std::uint64_t rounds = 0;
    for (const auto& [o, times] : c.seen) {
        all[told(o)] = times;
        rounds += times;
    }
    if (!json) {
        std::printf("%s %s: %llu rounds\n", c.shape, c.order, static_cast<unsigned long long>(rounds));
    }
    int forbidden = 0;
    for (const auto& [o, times] : all) {
        const verdict v = judge(c, o);
        const bool weak = c.weak(round_of(o));
        forbidden += v == verdict::forbidden ? 1 : 0;
        if (json) {
            std::printf("{\"test\":\"%s\",\"order\":\"%s\",\"outcome\":\"%s\",\"weak\":%s,\"seen\":%llu,"
                        "\"model\":\"%s\"}\n",
                        c.shape, c.order, spell(c, o).c_str(), weak ? "true" : "false",
                        static_cast<unsigned long long>(times), verdict_names[static_cast<std::size_t>(v)]);
        } else {
            std::printf("  %-31s %c %12llu  %s\n", spell(c, o).c_str(), weak ? '*' : ' ',
                        static_cast<unsigned long long>(times), verdict_names[static_cast<std::size_t>(v)]);
        }
    }
    std::fflush(stdout);
    return forbidden;
}

// The shape's model, or another one's, beside this machine.
template<class Judge, class Shape, column C>
int compare(std::size_t number, double seconds, bool json) {
    constexpr auto c = static_cast<std::size_t>(C);
    const cell one{.shape = Shape::name,
                   .reads = Shape::reads,
                   .order = column_names[c],
                   .weak = Shape::weak,
                   .model = gantry::check::model({.minimise = 0}, [] { modelled<Judge, C>(); }),
                   .seen = gantry::check::litmus::run_on_threads(number, c, seconds)};
    if (one.model.ok() ? !one.model.exhaustive : one.model.found != fault::race) {
        std::fprintf(stderr, "litmus-real: the model of %s %s says nothing: %s\n", Shape::name, column_names[c],
                     one.model.report.c_str());
        return 1;
    }
    return print(one, json);
}

} // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "--help") {
        std::fputs(usage, stdout);
        return 0;
    }
    request asked;
    if (!parse(argc, argv, asked)) {
        return 2;
    }
    const auto wanted = [&](std::string_view shape, std::string_view order) {
        return (asked.shapes.empty() ||
                std::find(asked.shapes.begin(), asked.shapes.end(), shape) != asked.shapes.end()) &&
               (asked.order.empty() || asked.order == order);
    };
    int cells = 0;
    each_shape([&]<class Shape>() {
        each_column(
            [&]<column C>() { cells += wanted(Shape::name, column_names[static_cast<std::size_t>(C)]) ? 1 : 0; });
    });
    int forbidden = 0;
    std::size_t s = 0;
    each_shape([&]<class Shape>() {
        if (asked.self_test) {
            if constexpr (std::is_same_v<Shape, coherence_ww>) {
                forbidden += compare<store_buffering, Shape, column::rlx>(s, 0, asked.json);
            }
        } else {
            each_column([&]<column C>() {
                if (wanted(Shape::name, column_names[static_cast<std::size_t>(C)])) {
                    forbidden += compare<Shape, Shape, C>(s, asked.seconds / cells, asked.json);
                }
            });
        }
        ++s;
    });
    if (forbidden != 0) {
        std::fprintf(stderr, "litmus-real: %d kinds of outcome were seen that the memory model forbids\n", forbidden);
    }
    return forbidden == 0 ? 0 : 1;
}
