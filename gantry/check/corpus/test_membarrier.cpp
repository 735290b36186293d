// SPDX-License-Identifier: MIT
// Asymmetric fences: a compiler barrier on the frequent side, membarrier(2) on the rare one.
#include <gantry/check/corpus/test_corpus.hpp>

#include <linux/membarrier.h>
#include <sys/syscall.h>

#include <unistd.h>

#include <atomic>
#include <thread>

namespace {

using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

long membarrier(int command) {
    return syscall(SYS_membarrier, command, 0U, 0);
}

// As a program has to: asks, registers, and knows what to do without.
class fences {
public:
    fences()
        : works_(membarrier(MEMBARRIER_CMD_QUERY) > 0 && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0) {}

    void light() const {
        if (works_) {
            std::atomic_signal_fence(memory_order_seq_cst);
        } else {
            std::atomic_thread_fence(memory_order_seq_cst);
        }
    }

    void heavy() const {
        if (works_) {
            GANTRY_CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0);
        } else {
            std::atomic_thread_fence(memory_order_seq_cst);
        }
    }

    [[nodiscard]] bool work() const { return works_; }

private:
    const bool works_;
};

// Store buffering with that between the store and the load of each thread.
template<class Often, class Rarely>
void buffered_stores(Often often, Rarely rarely) {
    std::atomic<int> x{0};
    std::atomic<int> y{0};
    int seen_x = 0;
    std::thread other([&] {
        y.store(1, memory_order_relaxed);
        often();
        seen_x = x.load(memory_order_relaxed);
    });
    x.store(1, memory_order_relaxed);
    rarely();
    const int seen_y = y.load(memory_order_relaxed);
    other.join();
    GANTRY_CHECK(seen_x == 1 || seen_y == 1);
}

SOUND(store_buffering_light_and_heavy) {
    const fences f;
    buffered_stores([&] { f.light(); }, [&] { f.heavy(); });
}

FAULTY(store_buffering_two_light, assertion, "store_buffering_light_and_heavy", "light fences on both sides") {
    const fences f;
    buffered_stores([&] { f.light(); }, [&] { f.light(); });
}

FAULTY(store_buffering_light_and_full, assertion, "store_buffering_light_and_heavy",
       "a light fence on one side and a seq_cst fence on the other") {
    const fences f;
    buffered_stores([&] { f.light(); }, [] { std::atomic_thread_fence(memory_order_seq_cst); });
}

FAULTY(store_buffering_weak_barrier, assertion, "store_buffering_light_and_heavy",
       "the compiler's barrier is acq_rel, which lets it put the load before the store") {
    const fences f;
    buffered_stores(
        [&] {
            if (f.work()) {
                std::atomic_signal_fence(std::memory_order_acq_rel);
            } else {
                f.light();
            }
        },
        [&] { f.heavy(); });
}

FAULTY(membarrier_that_is_not_there, assertion, "store_buffering_light_and_heavy",
       "takes for granted that the kernel has membarrier") {
    membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    buffered_stores([] { std::atomic_signal_fence(memory_order_seq_cst); },
                    [] { membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); });
}

FAULTY(membarrier_without_registration, assertion, "store_buffering_light_and_heavy",
       "the process has not registered for the expedited command") {
    const bool works = membarrier(MEMBARRIER_CMD_QUERY) > 0;
    buffered_stores([] { std::atomic_signal_fence(memory_order_seq_cst); },
                    [&] {
                        if (works) {
                            membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
                        }
                        std::atomic_thread_fence(memory_order_seq_cst);
                    });
}

// Message passing: the fences carry plain data, either way round.
template<class Before, class After>
void passed_message(Before before, After after) {
    int data = 0;
    std::atomic<bool> there{false};
    std::thread writer([&] {
        data = 1;
        before();
        there.store(true, memory_order_relaxed);
    });
    if (there.load(memory_order_relaxed)) {
        after();
        GANTRY_CHECK(data == 1);
    }
    writer.join();
}

SOUND(message_light_then_heavy) {
    const fences f;
    passed_message([&] { f.light(); }, [&] { f.heavy(); });
}

SOUND(message_heavy_then_light) {
    const fences f;
    passed_message([&] { f.heavy(); }, [&] { f.light(); });
}

FAULTY(message_by_two_light, race, "message_light_then_heavy", "light fences on both sides carry nothing") {
    const fences f;
    passed_message([&] { f.light(); }, [&] { f.light(); });
}

FAULTY(message_light_then_acquire, race, "message_light_then_heavy",
       "a light fence before the write, an acquire fence after the read") {
    const fences f;
    passed_message([&] { f.light(); }, [] { std::atomic_thread_fence(memory_order_acquire); });
}

// A reader's hazard pointer against one that takes the object away.
template<class Often, class Rarely>
void guarded_by_hazard(Often often, Rarely rarely) {
    std::atomic<int*> source{new int(1)};
    std::atomic<int*> hazard{nullptr};
    std::thread reader([&] {
        int* const seen = source.load(memory_order_relaxed);
        hazard.store(seen, memory_order_relaxed);
        often();
        if (seen != nullptr && source.load(memory_order_acquire) == seen) {
            GANTRY_CHECK(*seen == 1);
        }
        hazard.store(nullptr, memory_order_release);
    });
    int* const taken = source.exchange(nullptr, memory_order_relaxed);
    rarely();
    const bool in_use = hazard.load(memory_order_acquire) == taken;
    if (!in_use) {
        delete taken;
    }
    reader.join();
    if (in_use) {
        delete taken;
    }
}

SOUND(hazard_pointer_light_and_heavy) {
    const fences f;
    guarded_by_hazard([&] { f.light(); }, [&] { f.heavy(); });
}

FAULTY(hazard_pointer_scanned_behind_light, use_after_free, "hazard_pointer_light_and_heavy",
       "who frees makes a light fence, too") {
    const fences f;
    guarded_by_hazard([&] { f.light(); }, [&] { f.light(); });
}

FAULTY(hazard_pointer_scanned_behind_full, use_after_free, "hazard_pointer_light_and_heavy",
       "who frees makes a seq_cst fence, which a compiler barrier is no match for") {
    const fences f;
    guarded_by_hazard([&] { f.light(); }, [] { std::atomic_thread_fence(memory_order_seq_cst); });
}

FAULTY(hazard_pointer_without_light, use_after_free, "hazard_pointer_light_and_heavy",
       "nothing keeps the compiler from looking again before the hazard pointer is set") {
    const fences f;
    guarded_by_hazard(
        [&] {
            if (!f.work()) {
                f.light();
            }
        },
        [&] { f.heavy(); });
}

// Two readers, three threads in a ring: one heavy fence cannot order two light ones with each other.
template<class Second>
void ring_of_three(Second second) {
    const fences f;
    std::atomic<int> x{0};
    std::atomic<int> y{0};
    std::atomic<int> z{0};
    int seen_z = 0;
    int seen_x = 0;
    std::thread one([&] {
        y.store(1, memory_order_relaxed);
        f.light();
        seen_z = z.load(memory_order_relaxed);
    });
    std::thread two([&] {
        z.store(1, memory_order_relaxed);
        second(f);
        seen_x = x.load(memory_order_relaxed);
    });
    x.store(1, memory_order_relaxed);
    f.heavy();
    const int seen_y = y.load(memory_order_relaxed);
    one.join();
    two.join();
    GANTRY_CHECK(seen_x == 1 || seen_y == 1 || seen_z == 1);
}

FAULTY(ring_of_heavy_and_two_light, assertion, "ring_of_two_heavy_and_light",
       "two light fences that follow each other, with one heavy one between them all") {
    ring_of_three([](const fences& f) { f.light(); });
}

SOUND(ring_of_two_heavy_and_light) {
    ring_of_three([](const fences& f) { f.heavy(); });
}

} // namespace
