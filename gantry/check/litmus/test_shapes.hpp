// SPDX-License-Identifier: MIT
#pragma once
//
// shapes: the classic litmus tests of weak memory, each written once, in six columns of orders: for the model checker
// (compiled with announcements) and for real threads (compiled without).
//
// Use it when a shape is to run in both worlds. Do not use it when a test is of a component -> GANTRY_MODEL.
//
// Threads: each thread of a shape calls its function once a round, with its number. Progress: n/a. Ordering: n/a.
// Cost: n/a. Failure: n/a. Lifetime: n/a. Origin: Alglave, Maranget, Sarkar, Sewell, "Litmus: running tests against
// hardware", TACAS 2011, for the shapes and their names.
//
// Everything has internal linkage: one program holds it twice, compiled in two ways.

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

namespace {

// How the accesses are ordered: plain variables; relaxed; release stores and acquire loads; all seq_cst; relaxed with
// an acq_rel fence between the two operations of a thread; the same with a seq_cst fence.
enum class column : unsigned char { plain, rlx, ra, sc, acq_rel_fence, seq_cst_fence };
constexpr std::array<const char*, 6> column_names{"plain", "rlx", "ra", "sc", "+AR", "+SC"};
constexpr std::size_t columns = column_names.size();

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

// What the threads of a shape share: three locations, on a cache line each.
constexpr std::size_t locations = 3;
constexpr std::size_t line_bytes = 64;

template<column C>
struct alignas(line_bytes) location {
    std::atomic<int> value{0};
};

template<>
struct alignas(line_bytes) location<column::plain> {
    int value = 0;
};

template<column C>
struct memory {
    location<C> x;
    location<C> y;
    location<C> z;
};

template<column C>
void w(location<C>& at, int value = 1) {
    if constexpr (C == column::plain) {
        at.value = value;
    } else {
        at.value.store(value, store_order<C>);
    }
}

template<column C>
int r(const location<C>& at) {
    if constexpr (C == column::plain) {
        return at.value;
    } else {
        return at.value.load(load_order<C>);
    }
}

template<column C>
int add_one(location<C>& at, std::memory_order order) {
    if constexpr (C == column::plain) {
        return at.value++;
    } else {
        return at.value.fetch_add(1, order);
    }
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

// What the threads of a shape read, and what the locations hold in the end. A thread writes its own registers only.
constexpr std::size_t registers_max = 4;
using registers = std::array<int, registers_max>;

struct outcome_of_round {
    registers read{};
    std::array<int, locations> left{}; // x, y, z

    [[nodiscard]] int x() const { return left[0]; }
    [[nodiscard]] int y() const { return left[1]; }
};

struct store_buffering {
    static constexpr const char* name = "SB";
    static constexpr std::size_t threads = 2;
    static constexpr std::size_t reads = 2;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            w(m.x), f<C>(), to[0] = r(m.y);
        } else {
            w(m.y), f<C>(), to[1] = r(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 0 && o.read[1] == 0; }
};

struct message_passing {
    static constexpr const char* name = "MP";
    static constexpr std::size_t threads = 2;
    static constexpr std::size_t reads = 2;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            w(m.x), f<C>(), w(m.y);
        } else {
            to[0] = r(m.y), f<C>(), to[1] = r(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 1 && o.read[1] == 0; }
};

struct load_buffering {
    static constexpr const char* name = "LB";
    static constexpr std::size_t threads = 2;
    static constexpr std::size_t reads = 2;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            to[0] = r(m.x), f<C>(), w(m.y);
        } else {
            to[1] = r(m.y), f<C>(), w(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 1 && o.read[1] == 1; }
};

struct s_shape {
    static constexpr const char* name = "S";
    static constexpr std::size_t threads = 2;
    static constexpr std::size_t reads = 1;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            w(m.x, 2), f<C>(), w(m.y);
        } else {
            to[0] = r(m.y), f<C>(), w(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 1 && o.x() == 2; }
};

struct r_shape {
    static constexpr const char* name = "R";
    static constexpr std::size_t threads = 2;
    static constexpr std::size_t reads = 1;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            w(m.x), f<C>(), w(m.y);
        } else {
            w(m.y, 2), f<C>(), to[0] = r(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.y() == 2 && o.read[0] == 0; }
};

struct two_plus_two_w {
    static constexpr const char* name = "2+2W";
    static constexpr std::size_t threads = 2;
    static constexpr std::size_t reads = 0;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& /*to*/) {
        if (me == 0) {
            w(m.x), f<C>(), w(m.y, 2);
        } else {
            w(m.y), f<C>(), w(m.x, 2);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.x() == 1 && o.y() == 1; }
};

struct write_to_read_causality {
    static constexpr const char* name = "WRC";
    static constexpr std::size_t threads = 3;
    static constexpr std::size_t reads = 3;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            w(m.x);
        } else if (me == 1) {
            to[0] = r(m.x), f<C>(), w(m.y);
        } else {
            to[1] = r(m.y), f<C>(), to[2] = r(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 1 && o.read[1] == 1 && o.read[2] == 0; }
};

struct isa2 {
    static constexpr const char* name = "ISA2";
    static constexpr std::size_t threads = 3;
    static constexpr std::size_t reads = 3;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            w(m.x), f<C>(), w(m.y);
        } else if (me == 1) {
            to[0] = r(m.y), f<C>(), w(m.z);
        } else {
            to[1] = r(m.z), f<C>(), to[2] = r(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 1 && o.read[1] == 1 && o.read[2] == 0; }
};

// Two writers, and two readers that must agree on which wrote first: they do when all is sequentially consistent.
struct independent_reads {
    static constexpr const char* name = "IRIW";
    static constexpr std::size_t threads = 4;
    static constexpr std::size_t reads = 4;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            w(m.x);
        } else if (me == 1) {
            w(m.y);
        } else if (me == 2) {
            to[0] = r(m.x), f<C>(), to[1] = r(m.y);
        } else {
            to[2] = r(m.y), f<C>(), to[3] = r(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) {
        return o.read[0] == 1 && o.read[1] == 0 && o.read[2] == 1 && o.read[3] == 0;
    }
};

struct coherence_rr {
    static constexpr const char* name = "CoRR";
    static constexpr std::size_t threads = 2;
    static constexpr std::size_t reads = 2;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            w(m.x);
        } else {
            to[0] = r(m.x), f<C>(), to[1] = r(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 1 && o.read[1] == 0; }
};

struct coherence_ww {
    static constexpr const char* name = "CoWW";
    static constexpr std::size_t threads = 1;
    static constexpr std::size_t reads = 0;

    template<column C>
    static void run(std::size_t /*me*/, memory<C>& m, registers& /*to*/) {
        w(m.x), f<C>(), w(m.x, 2);
    }

    static bool weak(const outcome_of_round& o) { return o.x() == 1; }
};

struct coherence_rw {
    static constexpr const char* name = "CoRW";
    static constexpr std::size_t threads = 1;
    static constexpr std::size_t reads = 1;

    template<column C>
    static void run(std::size_t /*me*/, memory<C>& m, registers& to) {
        to[0] = r(m.x), f<C>(), w(m.x);
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 1; }
};

struct coherence_wr {
    static constexpr const char* name = "CoWR";
    static constexpr std::size_t threads = 1;
    static constexpr std::size_t reads = 1;

    template<column C>
    static void run(std::size_t /*me*/, memory<C>& m, registers& to) {
        w(m.x), f<C>(), to[0] = r(m.x);
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 0; }
};

// The read-modify-write is relaxed in every column: it continues the release sequence.
struct message_through_rmw {
    static constexpr const char* name = "MP+RMW";
    static constexpr std::size_t threads = 3;
    static constexpr std::size_t reads = 2;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        if (me == 0) {
            w(m.x), f<C>(), w(m.y);
        } else if (me == 1) {
            add_one(m.y, std::memory_order_relaxed);
        } else {
            to[0] = r(m.y), f<C>(), to[1] = r(m.x);
        }
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == 2 && o.read[1] == 0; }
};

struct two_fetch_add {
    static constexpr const char* name = "2xfetch_add";
    static constexpr std::size_t threads = 2;
    static constexpr std::size_t reads = 2;

    template<column C>
    static void run(std::size_t me, memory<C>& m, registers& to) {
        to[me] = add_one(m.x, rmw_order<C>);
    }

    static bool weak(const outcome_of_round& o) { return o.read[0] == o.read[1]; }
};

// Calls visit.template operator()<Shape>() for each, in the order of the table.
template<class Visit>
void each_shape(Visit visit) {
    const auto all = [&]<class... Shapes>() {
        (visit.template operator()<Shapes>(), ...);
    };
    all.template operator()<store_buffering, message_passing, load_buffering, s_shape, r_shape, two_plus_two_w,
                            write_to_read_causality, isa2, independent_reads, coherence_rr, coherence_ww, coherence_rw,
                            coherence_wr, message_through_rmw, two_fetch_add>();
}

// Calls visit.template operator()<C>() for each column.
template<class Visit>
void each_column(Visit visit) {
    const auto all = [&]<std::size_t... C>(std::index_sequence<C...>) {
        (visit.template operator()<static_cast<column>(C)>(), ...);
    };
    all(std::make_index_sequence<columns>{});
}

} // namespace
