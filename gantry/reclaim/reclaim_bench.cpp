// SPDX-License-Identifier: MIT
// read/<implementation>/threads:N: reads a pointer that is safe to follow, and what it points to, in an operation of
// its own (section and guard made and left). read_held/...: the same with the guard or pin made before: what one more
// read costs. replace/...: puts a new object of 24 bytes into the thread's own place and retires the old one.
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>
#include <gantry/reclaim/test_peers.hpp>

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace {

using namespace gantry::reclaim;
namespace peers = gantry::reclaim::test;

template<class Scheme>
struct ours {
    struct node : Scheme::template object<node>, peers::triple {};
    static inline std::atomic<node*> place{new node};

    static std::uint64_t read() {
        typename Scheme::section section;
        typename Scheme::guard guard(section);
        return guard.protect(place)->value;
    }
    struct held {
        typename Scheme::section section;
        typename Scheme::guard guard{section};
        std::uint64_t read() { return guard.protect(place)->value; }
    };
    struct replacing {
        std::atomic<node*> own{new node};
        replacing() = default;
        replacing(const replacing&) = delete;
        replacing& operator=(const replacing&) = delete;
        ~replacing() { delete own.load(std::memory_order_relaxed); }
        void replace() {
            typename Scheme::section section;
            section.retire(own.exchange(new node, std::memory_order_acq_rel));
        }
    };
};

// What a plain acquire load costs; never frees.
struct plain {
    static inline std::atomic<std::uint64_t*> place{new std::uint64_t(1)};
    static std::uint64_t read() { return *place.load(std::memory_order_acquire); }
    struct held {
        std::uint64_t read() { return *place.load(std::memory_order_acquire); }
    };
    struct replacing { // frees at once
        std::atomic<peers::triple*> own{new peers::triple};
        replacing() = default;
        replacing(const replacing&) = delete;
        replacing& operator=(const replacing&) = delete;
        ~replacing() { delete own.load(std::memory_order_relaxed); }
        void replace() { delete own.exchange(new peers::triple, std::memory_order_acq_rel); }
    };
};

struct retirable : hazard_pointer_obj_base<retirable>, peers::triple {};

// The standard's interface.
struct hazard_pointers {
    using node = retirable;
    static inline std::atomic<node*> place{new node};
    static std::uint64_t read() {
        hazard_pointer h = make_hazard_pointer();
        return h.protect(place)->value;
    }
    struct held {
        hazard_pointer h = make_hazard_pointer();
        std::uint64_t read() { return h.protect(place)->value; }
    };
    struct replacing {
        std::atomic<node*> own{new node};
        replacing() = default;
        replacing(const replacing&) = delete;
        replacing& operator=(const replacing&) = delete;
        ~replacing() { delete own.load(std::memory_order_relaxed); }
        void replace() { own.exchange(new node, std::memory_order_acq_rel)->retire(); }
    };
};

struct shared_looks {
    static inline atomic_shared<peers::triple> box{make_shared<peers::triple>()};
    static std::uint64_t read() { return box.look()->value; }
    struct replacing {
        atomic_shared<peers::triple> mine{make_shared<peers::triple>()};
        void replace() { mine.store(make_shared<peers::triple>()); }
    };
};
struct shared_loads {
    static std::uint64_t read() { return shared_looks::box.load()->value; }
};

struct std_shared {
    static inline std::atomic<std::shared_ptr<peers::triple>> place{std::make_shared<peers::triple>()};
    static std::uint64_t read() { return place.load(std::memory_order_acquire)->value; }
    struct replacing {
        std::atomic<std::shared_ptr<peers::triple>> own{std::make_shared<peers::triple>()};
        void replace() { own.store(std::make_shared<peers::triple>(), std::memory_order_release); }
    };
};

template<class Reclaimer>
struct xenium_scheme {
    struct node : Reclaimer::template enable_concurrent_ptr<node>, peers::triple {};
    using pointer = typename Reclaimer::template concurrent_ptr<node, 0>;
    using guard_ptr = typename pointer::guard_ptr;
    using marked_ptr = typename pointer::marked_ptr;
    static inline pointer place{new node};
    static std::uint64_t read() {
        guard_ptr guard;
        guard.acquire(place, std::memory_order_acquire);
        return guard->value;
    }
    struct held {
        typename Reclaimer::region_guard region;
        guard_ptr guard;
        std::uint64_t read() {
            guard.acquire(place, std::memory_order_acquire);
            return guard->value;
        }
    };
    struct replacing {
        pointer own{new node};
        replacing() = default;
        replacing(const replacing&) = delete;
        replacing& operator=(const replacing&) = delete;
        ~replacing() { delete own.load(std::memory_order_relaxed).get(); }
        void replace() {
            guard_ptr guard;
            guard.acquire(own, std::memory_order_acquire);
            own.store(new node, std::memory_order_release);
            guard.reclaim();
        }
    };
};

struct libcds_hazard {
    using node = peers::triple;
    static inline std::atomic<node*> place{new node};
    static std::uint64_t read() {
        cds::gc::HP::Guard guard;
        return guard.protect(place)->value;
    }
    struct held {
        cds::gc::HP::Guard guard;
        std::uint64_t read() { return guard.protect(place)->value; }
    };
    struct replacing {
        std::atomic<node*> own{new node};
        replacing() = default;
        replacing(const replacing&) = delete;
        replacing& operator=(const replacing&) = delete;
        ~replacing() { delete own.load(std::memory_order_relaxed); }
        struct disposer {
            void operator()(node* p) const { delete p; }
        };
        void replace() { cds::gc::HP::retire<disposer>(own.exchange(new node, std::memory_order_acq_rel)); }
    };
};

template<class Way, class Attachment = peers::no_attachment>
void read(benchmark::State& state) {
    [[maybe_unused]] const Attachment attachment{};
    std::uint64_t sum = 0;
    for ([[maybe_unused]] auto _ : state)
        sum += Way::read();
    state.SetItemsProcessed(state.iterations());
    if (sum != static_cast<std::uint64_t>(state.iterations()))
        state.SkipWithError("a wrong value was read");
}

template<class Way, class Attachment = peers::no_attachment>
void read_held(benchmark::State& state) {
    [[maybe_unused]] const Attachment attachment{};
    typename Way::held held;
    std::uint64_t sum = 0;
    for ([[maybe_unused]] auto _ : state)
        sum += held.read();
    state.SetItemsProcessed(state.iterations());
    if (sum != static_cast<std::uint64_t>(state.iterations()))
        state.SkipWithError("a wrong value was read");
}

template<class Way, class Attachment = peers::no_attachment>
void replace(benchmark::State& state) {
    [[maybe_unused]] const Attachment attachment{};
    typename Way::replacing mine;
    for ([[maybe_unused]] auto _ : state)
        mine.replace();
    state.SetItemsProcessed(state.iterations());
}

void threads(benchmark::internal::Benchmark* b) {
    b->UseRealTime()->Threads(1)->Threads(2);
}

using peers::libcds_attachment;
using xenium_hazard = xenium_scheme<peers::xenium_hazard>;
using xenium_epoch = xenium_scheme<peers::xenium_epoch>;
using xenium_new_epoch = xenium_scheme<peers::xenium_new_epoch>;
using xenium_counted = xenium_scheme<peers::xenium_counted>;

BENCHMARK(read<plain>)->Name("read/plain_try_never_frees")->Apply(threads);
BENCHMARK(read<ours<epoch>>)->Name("read/gantry_epoch")->Apply(threads);
BENCHMARK(read<ours<hazard>>)->Name("read/gantry_hazard")->Apply(threads);
BENCHMARK(read<hazard_pointers>)->Name("read/gantry_hazard_pointer")->Apply(threads);
BENCHMARK(read<shared_looks>)->Name("read/gantry_shared_look")->Apply(threads);
BENCHMARK(read<shared_loads>)->Name("read/gantry_shared_load")->Apply(threads);
BENCHMARK(read<xenium_epoch>)->Name("read/xenium_epoch")->Apply(threads);
BENCHMARK(read<xenium_new_epoch>)->Name("read/xenium_new_epoch")->Apply(threads);
BENCHMARK(read<xenium_hazard>)->Name("read/xenium_hazard")->Apply(threads);
BENCHMARK(read<xenium_counted>)->Name("read/xenium_counted")->Apply(threads);
BENCHMARK(read<libcds_hazard, libcds_attachment>)->Name("read/libcds_hazard")->Apply(threads);
BENCHMARK(read<std_shared>)->Name("read/std_counted")->Apply(threads);

BENCHMARK(read_held<plain>)->Name("read_held/plain_try_never_frees")->Apply(threads);
BENCHMARK(read_held<ours<epoch>>)->Name("read_held/gantry_epoch")->Apply(threads);
BENCHMARK(read_held<ours<hazard>>)->Name("read_held/gantry_hazard")->Apply(threads);
BENCHMARK(read_held<hazard_pointers>)->Name("read_held/gantry_hazard_pointer")->Apply(threads);
BENCHMARK(read_held<xenium_epoch>)->Name("read_held/xenium_epoch")->Apply(threads);
BENCHMARK(read_held<xenium_hazard>)->Name("read_held/xenium_hazard")->Apply(threads);
BENCHMARK(read_held<libcds_hazard, libcds_attachment>)->Name("read_held/libcds_hazard")->Apply(threads);

BENCHMARK(replace<plain>)->Name("replace/plain_try_frees_at_once")->Apply(threads);
BENCHMARK(replace<ours<epoch>>)->Name("replace/gantry_epoch")->Apply(threads);
BENCHMARK(replace<ours<hazard>>)->Name("replace/gantry_hazard")->Apply(threads);
BENCHMARK(replace<ours<counted>>)->Name("replace/gantry_counted")->Apply(threads);
BENCHMARK(replace<hazard_pointers>)->Name("replace/gantry_hazard_pointer")->Apply(threads);
BENCHMARK(replace<shared_looks>)->Name("replace/gantry_shared")->Apply(threads);
BENCHMARK(replace<xenium_epoch>)->Name("replace/xenium_epoch")->Apply(threads);
BENCHMARK(replace<xenium_hazard>)->Name("replace/xenium_hazard")->Apply(threads);
BENCHMARK(replace<xenium_counted>)->Name("replace/xenium_counted")->Apply(threads);
BENCHMARK(replace<libcds_hazard, libcds_attachment>)->Name("replace/libcds_hazard")->Apply(threads);
BENCHMARK(replace<std_shared>)->Name("replace/std_counted")->Apply(threads);

} // namespace

BENCHMARK_MAIN();
