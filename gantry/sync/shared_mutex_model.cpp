// SPDX-License-Identifier: MIT
// shared_mutex: writers exclude everybody, what was written is handed over, no wake-up is missing, who gives up leaves
// nothing behind, and the lock may go right after the last use. Two or three threads. In this build the third read in a
// row biases the lock, there are two lines for threads, and one slot in a line, so that every way in is met.
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/check/model.hpp>
#include <gantry/sync/shared_mutex.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>

using gantry::sync::shared_mutex;
using namespace std::chrono_literals;

namespace {

void read(shared_mutex& m, const int& data, int at_least = 0) {
    const std::shared_lock lock(m);
    GANTRY_CHECK(data >= at_least);
}

void write(shared_mutex& m, int& data) {
    const std::unique_lock lock(m);
    ++data;
}

// Makes the calling thread's next reads biased.
void bias(shared_mutex& m) {
    // Which fences are in force is decided before the threads start: that has models of its own.
    static_cast<void>(gantry::asymmetric_fence_mode_in_force());
    for (int read = 0; read != 3; ++read) {
        m.lock_shared();
        m.unlock_shared();
    }
}

} // namespace

// Two writers: both are counted, and the second waits for its turn.
GANTRY_MODEL(shared_mutex_writers) {
    shared_mutex m;
    int data = 0;
    std::thread other([&] { write(m, data); });
    write(m, data);
    other.join();
    GANTRY_CHECK(data == 2);
}

// A reader that counts itself against a writer.
GANTRY_MODEL(shared_mutex_counted_reader) {
    shared_mutex m;
    int data = 0;
    std::thread other([&] { write(m, data); });
    read(m, data);
    other.join();
}

// Two of them: the writer waits for both, and sees that both are over.
GANTRY_MODEL(shared_mutex_two_counted_readers) {
    shared_mutex m;
    int data = 0;
    m.lock_shared();
    std::thread other([&] {
        if (m.try_lock_shared()) {
            GANTRY_CHECK(data >= 0);
            m.unlock_shared();
        }
    });
    std::thread third([&] { write(m, data); });
    GANTRY_CHECK(data == 0);
    m.unlock_shared();
    other.join();
    third.join();
}

// A biased reader against a writer that takes the bias back.
GANTRY_MODEL(shared_mutex_biased_reader) {
    shared_mutex m;
    int data = 0;
    bias(m);
    std::thread other([&] { write(m, data); });
    read(m, data);
    other.join();
}

// The lock is biased again after a writer: a biased reader sees what that one wrote, by its look at the word alone.
GANTRY_MODEL(shared_mutex_biased_after_writer) {
    shared_mutex m;
    int data = 0;
    std::atomic<bool> again{false};
    bias(m);
    std::thread other([&] {
        write(m, data);
        bias(m);
        again.store(true, std::memory_order_relaxed);
    });
    if (again.load(std::memory_order_relaxed)) {
        read(m, data, 1);
    }
    other.join();
}

// The slot of the first lock holds the second one when the writer looks at it: the read under the first is over.
GANTRY_MODEL(shared_mutex_slot_used_again) {
    shared_mutex first;
    shared_mutex second;
    int data = 0;
    bias(first);
    bias(second);
    std::thread other([&] { write(first, data); });
    read(first, data);
    second.lock_shared();
    second.unlock_shared();
    other.join();
}

// A thread that has read ends, and its line gets another owner, whose lock the writer finds in the slot.
GANTRY_MODEL(shared_mutex_line_changes_owner) {
    shared_mutex first;
    shared_mutex second;
    int data = 0;
    bias(first);
    bias(second);
    std::thread reader([&] {
        read(first, data); // counted, and claims a line
        read(first, data);
    });
    std::thread heir([&] {
        read(second, 0);
        second.lock_shared();
        second.unlock_shared();
    });
    if (first.try_lock()) {
        ++data;
        first.unlock();
    }
    reader.join();
    heir.join();
}

// One lock in a slot, another one counted because there is no slot left, in either order of unlocking.
GANTRY_MODEL(shared_mutex_more_locks_than_slots) {
    shared_mutex first;
    shared_mutex second;
    int data = 0;
    bias(first);
    bias(second);
    std::thread other([&] { write(second, data); });
    first.lock_shared();
    second.lock_shared();
    first.unlock_shared();
    GANTRY_CHECK(data >= 0);
    second.unlock_shared();
    other.join();
}

// try_lock succeeds on a free lock and excludes; when it fails nothing stays behind.
GANTRY_MODEL(shared_mutex_try_lock) {
    shared_mutex m;
    int data = 0;
    bias(m);
    std::thread other([&] { read(m, data); });
    if (m.try_lock()) {
        ++data;
        m.unlock();
    }
    other.join();
    GANTRY_CHECK(m.try_lock());
    m.unlock();
}

GANTRY_MODEL(shared_mutex_try_lock_shared) {
    shared_mutex m;
    int data = 0;
    std::thread other([&] { write(m, data); });
    if (m.try_lock_shared()) {
        GANTRY_CHECK(data >= 0);
        m.unlock_shared();
    }
    other.join();
    GANTRY_CHECK(m.try_lock_shared());
    m.unlock_shared();
}

// A writer that gives up while a reader is inside: it writes in time, or leaves the lock as it was.
GANTRY_MODEL(shared_mutex_writer_gives_up) {
    shared_mutex m;
    int data = 0;
    std::thread other([&] {
        if (m.try_lock_for(1ms)) {
            ++data;
            m.unlock();
        }
    });
    read(m, data);
    other.join();
    GANTRY_CHECK(m.try_lock());
    m.unlock();
}

GANTRY_MODEL(shared_mutex_writer_gives_up_on_bias) {
    shared_mutex m;
    int data = 0;
    bias(m);
    std::thread other([&] {
        if (m.try_lock_for(1ms)) {
            ++data;
            m.unlock();
        }
    });
    read(m, data);
    other.join();
    GANTRY_CHECK(m.try_lock());
    m.unlock();
}

// A writer that gave up has not forgotten the reader in its slot for the next one.
GANTRY_MODEL(shared_mutex_writer_after_one_that_gave_up) {
    shared_mutex m;
    int data = 0;
    bias(m);
    m.lock_shared();
    std::thread other([&] {
        if (!m.try_lock()) {
            m.lock();
        }
        ++data;
        m.unlock();
    });
    GANTRY_CHECK(data == 0);
    m.unlock_shared();
    other.join();
}

// A reader that meets two writers looks again after the first, and is let in by the second.
GANTRY_MODEL(shared_mutex_reader_behind_two_writers) {
    shared_mutex m;
    int data = 0;
    m.lock();
    std::thread other([&] { read(m, data); });
    m.unlock();
    write(m, data);
    other.join();
    GANTRY_CHECK(m.try_lock());
    m.unlock();
}

GANTRY_MODEL(shared_mutex_reader_gives_up_behind_two_writers) {
    shared_mutex m;
    int data = 0;
    m.lock();
    std::thread other([&] {
        if (m.try_lock_shared_for(1ms)) {
            GANTRY_CHECK(data >= 0);
            m.unlock_shared();
        }
    });
    m.unlock();
    write(m, data);
    other.join();
    GANTRY_CHECK(m.try_lock());
    m.unlock();
}

// The writer that gives up lets in the reader that it kept out.
GANTRY_MODEL(shared_mutex_writer_gives_up_on_waiting_reader) {
    shared_mutex m;
    int data = 0;
    m.lock_shared();
    std::thread other([&] { read(m, data); });
    std::thread third([&] {
        if (m.try_lock_for(1ms)) {
            ++data;
            m.unlock();
        }
    });
    m.unlock_shared();
    other.join();
    third.join();
    GANTRY_CHECK(m.try_lock());
    m.unlock();
}

// While one waits, a newcomer gets in by the word alone, and sees what was written.
GANTRY_MODEL(shared_mutex_newcomer) {
    shared_mutex m;
    int data = 0;
    m.lock();
    std::thread other([&] { read(m, data, 1); });
    std::thread third([&] {
        if (m.try_lock_shared()) {
            GANTRY_CHECK(data == 1);
            m.unlock_shared();
        }
    });
    data = 1;
    m.unlock();
    other.join();
    third.join();
}

// try_lock on a lock without bias, against one that writes.
GANTRY_MODEL(shared_mutex_try_lock_without_bias) {
    shared_mutex m;
    int data = 0;
    std::thread other([&] { write(m, data); });
    if (m.try_lock()) {
        ++data;
        m.unlock();
    }
    other.join();
}

// A reader and a writer that give up behind a writer.
GANTRY_MODEL(shared_mutex_reader_gives_up) {
    shared_mutex m;
    int data = 0;
    std::thread other([&] { write(m, data); });
    if (m.try_lock_shared_for(1ms)) {
        GANTRY_CHECK(data >= 0);
        m.unlock_shared();
    }
    other.join();
    write(m, data);
}

GANTRY_MODEL(shared_mutex_second_writer_gives_up) {
    shared_mutex m;
    int data = 0;
    std::thread other([&] { write(m, data); });
    if (m.try_lock_for(1ms)) {
        ++data;
        m.unlock();
    }
    other.join();
    read(m, data, 1);
    write(m, data);
}

// The reader that the second writer let in destroys the lock.
GANTRY_MODEL(shared_mutex_destroyed_by_heir) {
    auto m = std::make_unique<shared_mutex>();
    shared_mutex* const mine = m.get();
    int data = 0;
    mine->lock();
    std::thread other([&] {
        m->lock_shared();
        const bool last = data == 1;
        m->unlock_shared();
        if (last)
            m.reset();
    });
    mine->unlock();
    mine->lock();
    data = 1;
    mine->unlock();
    other.join();
}

// Whoever is last destroys the lock, while the one before is still on its way out.
GANTRY_MODEL(shared_mutex_destroyed_by_writer) {
    struct shared {
        shared_mutex m;
        int holders = 2;
    };
    auto* const s = new shared;
    const auto leave = [s] {
        s->m.lock();
        const bool last = --s->holders == 0;
        s->m.unlock();
        if (last)
            delete s;
    };
    std::thread other(leave);
    leave();
    other.join();
}

// The same after a reader: the writer that was let in by the end of the read destroys the lock.
GANTRY_MODEL(shared_mutex_destroyed_after_counted_reader) {
    auto m = std::make_unique<shared_mutex>();
    m->lock_shared();
    std::thread other([&m] {
        m->lock();
        m->unlock();
        m.reset();
    });
    m->unlock_shared();
    other.join();
}

GANTRY_MODEL(shared_mutex_destroyed_after_biased_reader) {
    auto m = std::make_unique<shared_mutex>();
    bias(*m);
    shared_mutex* const mine = m.get();
    mine->lock_shared();
    std::thread other([&m] {
        m->lock();
        m->unlock();
        m.reset();
    });
    mine->unlock_shared();
    other.join();
}

// And by a reader that was let in by a writer.
GANTRY_MODEL(shared_mutex_destroyed_by_reader) {
    auto m = std::make_unique<shared_mutex>();
    shared_mutex* const mine = m.get();
    mine->lock();
    std::thread other([&m] {
        m->lock_shared();
        m->unlock_shared();
        m.reset();
    });
    mine->unlock();
    other.join();
}
