// SPDX-License-Identifier: MIT
// stack_cycle/ck_hazard and queue_cycle/ck_hazard: Concurrency Kit's stack and queue on its hazard pointers. Its
// headers are C: this file alone is compiled with what they need.
#include <gantry/container/test_cycles.hpp>

#include <cstdlib>
#include <optional>

extern "C" {
#include <ck_hp.h>
#include <ck_hp_fifo.h>
#include <ck_hp_stack.h>
}

namespace {

using gantry::container::test::cycles;
using gantry::container::test::element;

constexpr unsigned threshold = 128; // objects that a thread keeps before it looks, as many as ours

// A thread's record, for one structure after the other; Concurrency Kit keeps records, and so does this.
struct record {
    explicit record(ck_hp_t& hp) { ck_hp_register(&hp, &mine, slots); }
    ck_hp_record_t mine;
    void* slots[2] = {};
};

template<class Owner>
ck_hp_record_t& record_of(ck_hp_t& hp, const Owner* owner) {
    static thread_local const Owner* of = nullptr;
    static thread_local record* mine = nullptr;
    static thread_local unsigned long generation = 0;
    if (of != owner || generation != owner->generation) {
        of = owner;
        generation = owner->generation;
        mine = new record(hp); // lives as long as the process: the structure walks over it
    }
    return mine->mine;
}

unsigned long next_generation() {
    static unsigned long last = 0; // structures are made by one thread
    return ++last;
}

class ck_stack_on_hazard {
public:
    ck_stack_on_hazard() {
        ck_hp_init(&hp_, CK_HP_STACK_SLOTS_COUNT, threshold, &std::free);
        ck_stack_init(&stack_);
    }
    void push(element value) {
        auto* const added = static_cast<node*>(std::malloc(sizeof(node)));
        added->value = value;
        ck_hp_stack_push_mpmc(&stack_, &added->entry);
    }
    std::optional<element> try_pop() {
        ck_hp_record_t& mine = record_of(hp_, this);
        ck_stack_entry_t* const entry = ck_hp_stack_pop_mpmc(&mine, &stack_);
        if (entry == nullptr)
            return std::nullopt;
        auto* const got = reinterpret_cast<node*>(entry); // its first member
        const element value = got->value;
        ck_hp_set(&mine, 0, nullptr);
        ck_hp_free(&mine, &got->hazard, got, got);
        return value;
    }

    const unsigned long generation = next_generation();

private:
    struct node {
        ck_stack_entry_t entry;
        ck_hp_hazard_t hazard;
        element value;
    };
    ck_hp_t hp_;
    ck_stack_t stack_;
};

class ck_queue_on_hazard {
public:
    ck_queue_on_hazard() {
        ck_hp_init(&hp_, CK_HP_FIFO_SLOTS_COUNT, threshold, &std::free);
        ck_hp_fifo_init(&queue_, &static_cast<node*>(std::malloc(sizeof(node)))->entry);
    }
    void push(element value) {
        auto* const added = static_cast<node*>(std::malloc(sizeof(node)));
        added->value = value;
        ck_hp_record_t& mine = record_of(hp_, this);
        ck_hp_fifo_enqueue_mpmc(&mine, &queue_, &added->entry, &added->value);
        ck_hp_clear(&mine);
    }
    std::optional<element> try_pop() {
        ck_hp_record_t& mine = record_of(hp_, this);
        element* value = nullptr;
        ck_hp_fifo_entry_t* const spent = ck_hp_fifo_dequeue_mpmc(&mine, &queue_, &value);
        if (spent == nullptr)
            return std::nullopt;
        const element copy = *value; // of the node that is the first now, and protected
        ck_hp_clear(&mine);
        ck_hp_free(&mine, &spent->hazard, spent, spent);
        return copy;
    }

    const unsigned long generation = next_generation();

private:
    struct node {
        ck_hp_fifo_entry_t entry;
        element value;
    };
    ck_hp_t hp_;
    ck_hp_fifo_t queue_;
};

void threads(benchmark::internal::Benchmark* b) {
    b->UseRealTime()->Threads(1)->Threads(2)->Threads(4);
}

BENCHMARK(cycles<ck_stack_on_hazard>)->Name("stack_cycle/ck_hazard")->Apply(threads);
BENCHMARK(cycles<ck_queue_on_hazard>)->Name("queue_cycle/ck_ms_hazard")->Apply(threads);

} // namespace
