// SPDX-License-Identifier: MIT
// litmus: the classic shapes of weak-memory behaviour, as ordinary C++, through the model checker. Each shape runs in
// five columns: all accesses relaxed; release stores and acquire loads; all seq_cst; relaxed with an acq_rel fence
// between the operations of each thread; the same with a seq_cst fence. The verdict is A when the weak outcome was seen
// and - when it was not; the number is how many different execution graphs there are.
#include <gantry/check/model.hpp>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

namespace {

using gantry::check::model_options;
using gantry::check::model_result;

enum class column { rlx, ra, sc, acq_rel_fence, seq_cst_fence };
constexpr std::array<const char*, 5> column_names{"rlx", "ra", "sc", "+AR", "+SC"};

template<column C>
constexpr std::memory_order store_order = C == column::ra   ? std::memory_order_release
                                          : C == column::sc ? std::memory_order_seq_cst
                                                            : std::memory_order_relaxed;
template<column C>
constexpr std::memory_order load_order = C == column::ra   ? std::memory_order_acquire
                                         : C == column::sc ? std::memory_order_seq_cst
                                                           : std::memory_order_relaxed;
template<column C>
constexpr std::memory_order rmw_order = C == column::ra   ? std::memory_order_acq_rel
                                        : C == column::sc ? std::memory_order_seq_cst
                                                          : std::memory_order_relaxed;

std::atomic<int> x{0};
std::atomic<int> y{0};
std::atomic<int> z{0};

template<column C>
void w(std::atomic<int>& a, int value = 1) {
    a.store(value, store_order<C>);
}

template<column C>
int r(const std::atomic<int>& a) {
    return a.load(load_order<C>);
}

// Between two operations of a thread.
template<column C>
void f() {
    if constexpr (C == column::acq_rel_fence) {
        std::atomic_thread_fence(std::memory_order_acq_rel);
    } else if constexpr (C == column::seq_cst_fence) {
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
}

template<class... Bodies>
void in_parallel(Bodies... bodies) {
    std::array<std::thread, sizeof...(Bodies)> threads{std::thread(bodies)...};
    for (std::thread& t : threads) {
        t.join();
    }
}

using gantry::check::outcome;

template<column C>
void sb() {
    int a = 0;
    int b = 0;
    in_parallel([&] { w<C>(x), f<C>(), a = r<C>(y); }, [&] { w<C>(y), f<C>(), b = r<C>(x); });
    outcome({a == 0 && b == 0});
}

template<column C>
void mp() {
    int a = 0;
    int b = 0;
    in_parallel([&] { w<C>(x), f<C>(), w<C>(y); }, [&] { a = r<C>(y), f<C>(), b = r<C>(x); });
    outcome({a == 1 && b == 0});
}

template<column C>
void lb() {
    int a = 0;
    int b = 0;
    in_parallel([&] { a = r<C>(x), f<C>(), w<C>(y); }, [&] { b = r<C>(y), f<C>(), w<C>(x); });
    outcome({a == 1 && b == 1});
}

template<column C>
void s() {
    int a = 0;
    in_parallel([] { w<C>(x, 2), f<C>(), w<C>(y); }, [&] { a = r<C>(y), f<C>(), w<C>(x); });
    outcome({a == 1 && x.load(std::memory_order_relaxed) == 2});
}

template<column C>
void r_shape() {
    int a = 0;
    in_parallel([] { w<C>(x), f<C>(), w<C>(y); }, [&] { w<C>(y, 2), f<C>(), a = r<C>(x); });
    outcome({y.load(std::memory_order_relaxed) == 2 && a == 0});
}

template<column C>
void two_plus_two_w() {
    in_parallel([] { w<C>(x), f<C>(), w<C>(y, 2); }, [] { w<C>(y), f<C>(), w<C>(x, 2); });
    outcome({x.load(std::memory_order_relaxed) == 1 && y.load(std::memory_order_relaxed) == 1});
}

template<column C>
void wrc() {
    int a = 0;
    int b = 0;
    int c = 0;
    in_parallel([] { w<C>(x); }, [&] { a = r<C>(x), f<C>(), w<C>(y); }, [&] { b = r<C>(y), f<C>(), c = r<C>(x); });
    outcome({a == 1 && b == 1 && c == 0});
}

template<column C>
void isa2() {
    int a = 0;
    int b = 0;
    int c = 0;
    in_parallel([] { w<C>(x), f<C>(), w<C>(y); }, [&] { a = r<C>(y), f<C>(), w<C>(z); },
                [&] { b = r<C>(z), f<C>(), c = r<C>(x); });
    outcome({a == 1 && b == 1 && c == 0});
}

template<column C>
void iriw() {
    int a = 0;
    int b = 0;
    int c = 0;
    int d = 0;
    in_parallel([] { w<C>(x); }, [] { w<C>(y); }, [&] { a = r<C>(x), f<C>(), b = r<C>(y); },
                [&] { c = r<C>(y), f<C>(), d = r<C>(x); });
    outcome({a == 1 && b == 0 && c == 1 && d == 0});
}

template<column C>
void corr() {
    int a = 0;
    int b = 0;
    in_parallel([] { w<C>(x); }, [&] { a = r<C>(x), f<C>(), b = r<C>(x); });
    outcome({a == 1 && b == 0});
}

template<column C>
void coww() {
    in_parallel([] { w<C>(x), f<C>(), w<C>(x, 2); });
    outcome({x.load(std::memory_order_relaxed) == 1});
}

template<column C>
void corw() {
    int a = 0;
    in_parallel([&] { a = r<C>(x), f<C>(), w<C>(x); });
    outcome({a == 1});
}

template<column C>
void cowr() {
    int a = 0;
    in_parallel([&] { w<C>(x), f<C>(), a = r<C>(x); });
    outcome({a == 0});
}

// The read-modify-write is relaxed in every column: it continues the release sequence.
template<column C>
void mp_rmw() {
    int a = 0;
    int b = 0;
    in_parallel([] { w<C>(x), f<C>(), w<C>(y); }, [] { y.fetch_add(1, std::memory_order_relaxed); },
                [&] { a = r<C>(y), f<C>(), b = r<C>(x); });
    outcome({a == 2 && b == 0});
}

template<column C>
void two_fetch_add() {
    int a = 0;
    int b = 0;
    in_parallel([&] { a = x.fetch_add(1, rmw_order<C>); }, [&] { b = x.fetch_add(1, rmw_order<C>); });
    outcome({a == b});
}

struct shape {
    const char* name;
    std::array<const char*, 5> right; // verdict and number of graphs, by column
    std::array<void (*)(), 5> bodies;
};

#define SHAPE(name, function, ...)                                                                                     \
    shape {                                                                                                            \
        name, {__VA_ARGS__}, {                                                                                         \
            function<column::rlx>, function<column::ra>, function<column::sc>, function<column::acq_rel_fence>,        \
                function<column::seq_cst_fence>                                                                        \
        }                                                                                                              \
    }

const shape shapes[] = {
    SHAPE("SB", sb, "A4", "A4", "-3", "A4", "-3"),
    SHAPE("MP", mp, "A4", "-3", "-3", "-3", "-3"),
    SHAPE("LB", lb, "-3", "-3", "-3", "-3", "-3"),
    SHAPE("S", s, "A4", "-3", "-3", "-3", "-3"),
    SHAPE("R", r_shape, "A4", "A4", "-3", "A4", "-3"),
    SHAPE("2+2W", two_plus_two_w, "A4", "A4", "-3", "A4", "-3"),
    SHAPE("WRC", wrc, "A8", "-7", "-7", "-7", "-7"),
    SHAPE("ISA2", isa2, "A8", "-7", "-7", "-7", "-7"),
    SHAPE("IRIW", iriw, "A16", "A16", "-15", "A16", "-15"),
    SHAPE("CoRR", corr, "-3", "-3", "-3", "-3", "-3"),
    SHAPE("CoWW", coww, "-1", "-1", "-1", "-1", "-1"),
    SHAPE("CoRW", corw, "-1", "-1", "-1", "-1", "-1"),
    SHAPE("CoWR", cowr, "-1", "-1", "-1", "-1", "-1"),
    SHAPE("MP+RMW", mp_rmw, "A12", "-9", "-9", "-9", "-9"),
    SHAPE("2xfetch_add", two_fetch_add, "-2", "-2", "-2", "-2", "-2"),
};

} // namespace

int main(int argc, char** argv) {
    bool json = false;
    bool check = false;
    bool wrong = false;
    model_options options;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (std::strcmp(argv[i], "--check") == 0) {
            check = true;
        } else if (std::strcmp(argv[i], "--random") == 0) {
            options.mode = gantry::check::search::random;
            options.executions_max = 2000;
        } else {
            const bool help = std::strcmp(argv[i], "--help") == 0;
            std::fprintf(help ? stdout : stderr,
                         "usage: %s [--json] [--check] [--random]\n"
                         "Runs the litmus table: A or - for the weak outcome seen or not, and the number of graphs.\n"
                         "--check compares them with the table that is known to be right, and fails when they differ.\n"
                         "--random tries 2000 random executions a cell instead of all.\n",
                         argv[0]);
            return help ? 0 : 2;
        }
    }
    for (const shape& each : shapes) {
        if (!json) {
            std::printf("%-12s", each.name);
        }
        for (std::size_t c = 0; c < column_names.size(); ++c) {
            const model_result result = gantry::check::model(
                options, [](void* body) { (*static_cast<void (**)()>(body))(); },
                const_cast<void (**)()>(&each.bodies[c]));
            if (!result.ok()) {
                std::fprintf(stderr, "%s %s: %s\n", each.name, column_names[c], result.report.c_str());
                return 1;
            }
            const char* const verdict = result.outcomes.contains({1}) ? "A" : "-";
            const std::string found = verdict + std::to_string(result.graphs);
            // At random: the verdict alone.
            if (check && (options.mode == gantry::check::search::exact ? found != each.right[c]
                                                                       : verdict[0] != each.right[c][0])) {
                std::fprintf(stderr, "%s %s: %s, should be %s\n", each.name, column_names[c], found.c_str(),
                             each.right[c]);
                wrong = true;
            }
            if (json) {
                std::printf("{\"test\":\"%s\",\"column\":\"%s\",\"verdict\":\"%s\",\"graphs\":%llu}\n", each.name,
                            column_names[c], verdict, static_cast<unsigned long long>(result.graphs));
            } else {
                std::printf("  %s%-6llu", verdict, static_cast<unsigned long long>(result.graphs));
            }
        }
        if (!json) {
            std::printf("\n");
        }
    }
    return wrong ? 1 : 0;
}
