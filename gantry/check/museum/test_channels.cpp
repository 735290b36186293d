// SPDX-License-Identifier: MIT
// Channels and queues of messages: closing them is where it goes wrong.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <thread>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;

// The beginning of an unbounded channel whose messages lie in blocks, and the first of which the first sender makes: it
// shows the block at the tail, where senders write, and then at the head, where receivers read. The last receiver that
// leaves throws away what was sent. Four ways to do that, of which each of the first three was released.
enum class discards { what_was_counted, after_waiting, and_takes_the_block, and_takes_it_whenever };

template<discards Way>
class block_channel {
public:
    block_channel() = default;
    block_channel(const block_channel&) = delete;
    block_channel& operator=(const block_channel&) = delete;

    // What the two sides left.
    ~block_channel() { delete head_block_.load(memory_order_relaxed); }

    bool send(int value) {
        block* b = tail_block_.load(memory_order_acquire);
        if (b == nullptr) {
            auto* const mine = new block;
            if (tail_block_.compare_exchange_strong(b, mine, memory_order_acq_rel, memory_order_acquire)) {
                b = mine;
                head_block_.store(b, memory_order_release);
            } else {
                delete mine;
            }
        }
        int tail = tail_.load(memory_order_acquire);
        do {
            if ((tail & closed) != 0) {
                return false;
            }
        } while (!tail_.compare_exchange_weak(tail, tail + one, memory_order_acq_rel, memory_order_acquire));
        slot& s = b->slots[tail / one];
        s.value = value;
        s.written.store(true, memory_order_release);
        return true;
    }

    // By the last receiver. It owns what was sent before the channel was closed, and the block that it lies in.
    int close_and_discard() {
        const int sent = tail_.fetch_or(closed, memory_order_acq_rel) / one;
        constexpr bool takes = Way == discards::and_takes_the_block || Way == discards::and_takes_it_whenever;
        block* b = takes ? head_block_.exchange(nullptr, memory_order_acq_rel) : head_block_.load(memory_order_acquire);
        if (sent != 0 && Way != discards::what_was_counted) {
            while (b == nullptr && (b = head_block_.load(memory_order_acquire)) == nullptr) {
            }
            if (Way == discards::and_takes_it_whenever) {
                head_block_.store(nullptr, memory_order_relaxed);
            }
        }
        int sum = 0;
        for (int i = 0; i < sent; ++i) {
            while (!b->slots[i].written.load(memory_order_acquire)) {
            }
            sum += b->slots[i].value;
        }
        delete b;
        if (!takes) {
            head_block_.store(nullptr, memory_order_release);
        }
        return sum;
    }

private:
    struct slot {
        int value = 0;
        std::atomic<bool> written{false};
    };

    struct block {
        slot slots[2];
    };

    static constexpr int closed = 1; // of tail_, whose other bits count
    static constexpr int one = 2;

    std::atomic<block*> head_block_{nullptr};
    std::atomic<block*> tail_block_{nullptr};
    std::atomic<int> tail_{0};
};

template<discards Way>
void closes_while_two_send() {
    block_channel<Way> c;
    std::thread one([&] { c.send(1); });
    std::thread two([&] { c.send(2); });
    GANTRY_CHECK(c.close_and_discard() <= 3);
    one.join();
    two.join();
}

template<discards Way>
void closes_while_one_sends() {
    block_channel<Way> c;
    std::thread one([&] { c.send(1); });
    GANTRY_CHECK(c.close_and_discard() <= 1);
    one.join();
}

FAULTY(
    channel_closed_before_its_head_is_set, crash, "channel_takes_its_block",
    "a message was counted, so the closing receiver follows the head's block, which the first sender has not set yet",
    "[crossbeam #972](https://github.com/crossbeam-rs/crossbeam/pull/972)") {
    closes_while_two_send<discards::what_was_counted>();
}

FAULTY(channel_forgets_the_first_block, leak, "channel_takes_its_block_from_one",
       "the closing receiver sees no block, and clears the head in which the first sender has put one meanwhile",
       "[crossbeam #1084](https://github.com/crossbeam-rs/crossbeam/pull/1084)") {
    closes_while_one_sends<discards::after_waiting>();
}

FAULTY(channel_frees_its_block_twice, double_free, "channel_takes_its_block",
       "of the two places where the closing receiver gets the block one takes it out of the head, the other leaves it "
       "to the destructor too",
       "[crossbeam #1187](https://github.com/crossbeam-rs/crossbeam/pull/1187), "
       "[RUSTSEC-2025-0024](https://rustsec.org/advisories/RUSTSEC-2025-0024)") {
    closes_while_two_send<discards::and_takes_the_block>();
}

SOUND(channel_takes_its_block) {
    closes_while_two_send<discards::and_takes_it_whenever>();
}

SOUND(channel_takes_its_block_from_one) {
    closes_while_one_sends<discards::and_takes_it_whenever>();
}

// Who is told that the other side has gone may rely on what that side did before.
template<std::memory_order Look>
void leaves_and_is_missed() {
    std::atomic<bool> left{false};
    int value = 0;
    std::thread sender([&] {
        value = 1;
        left.store(true, memory_order_release);
    });
    if (left.load(Look)) {
        value = 2;
    }
    sender.join();
    GANTRY_CHECK(value != 0);
}

FAULTY(channel_left_unseen, race, "channel_left",
       "recv() says that the senders have gone after a relaxed load, and orders nothing that they did before",
       "[crossbeam #838](https://github.com/crossbeam-rs/crossbeam/issues/838)") {
    leaves_and_is_missed<memory_order_relaxed>();
}

SOUND(channel_left) {
    leaves_and_is_missed<memory_order_acquire>();
}

// A channel for one message, with two bits: it was sent, and it was closed. A sender that finds it closed takes the
// message back; a receiver may look once more after closing.
template<bool Sets>
void sends_what_is_closed() {
    constexpr int sent = 1;
    constexpr int closed = 2;
    std::atomic<int> state{0};
    int* cell = nullptr;
    std::thread sender([&] {
        cell = new int{1};
        int seen = state.load(memory_order_relaxed);
        if (Sets) {
            seen = state.fetch_or(sent, memory_order_acq_rel);
        } else {
            while ((seen & closed) == 0 &&
                   !state.compare_exchange_weak(seen, seen | sent, memory_order_acq_rel, memory_order_acquire)) {
            }
        }
        if ((seen & closed) != 0) {
            delete cell;
            cell = nullptr;
        }
    });
    state.fetch_or(closed, memory_order_acq_rel);
    if ((state.load(memory_order_acquire) & sent) != 0) {
        delete cell;
        cell = nullptr;
    }
    sender.join();
}

FAULTY(
    oneshot_sent_though_closed, race, "oneshot_closed",
    "send() sets the bit that lets the receiver at the message, finds the channel closed, and takes the message back",
    "[tokio #4225](https://github.com/tokio-rs/tokio/issues/4225), "
    "[RUSTSEC-2021-0124](https://rustsec.org/advisories/RUSTSEC-2021-0124)") {
    sends_what_is_closed<true>();
}

SOUND(oneshot_closed) {
    sends_what_is_closed<false>();
}

// A channel without room, in which a send that is destroyed while it waits has offered its value in place: the receiver
// that takes the offer reads it there, and says when it is done. The destructor must have the offer back, or the
// receiver's word, before it treats the value as its own.
template<bool TakesBackFirst>
void send_ends_while_it_waits() {
    enum : int { offered, taken, done, gone };
    std::atomic<int> state{offered};
    int value = 7;
    std::thread receiver([&] {
        int seen = offered;
        if (state.compare_exchange_strong(seen, taken, memory_order_acq_rel, memory_order_acquire)) {
            GANTRY_CHECK(value == 7);
            state.store(done, memory_order_release);
        }
    });
    if (!TakesBackFirst) {
        value = 0;
    }
    int seen = offered;
    if (!state.compare_exchange_strong(seen, gone, memory_order_acq_rel, memory_order_acquire)) {
        while (state.load(memory_order_acquire) != done) {
        }
    }
    if (TakesBackFirst) {
        value = 0;
    }
    receiver.join();
}

FAULTY(send_ended_before_it_was_taken_back, race, "send_taken_back_before_it_ends",
       "the destructor of a send that waits has the operation to itself at once, not when it has taken it back from a "
       "receiver that may be reading it (so the report reads; the channel was withdrawn)",
       "[kanal #35](https://github.com/fereidani/kanal/issues/35)") {
    send_ends_while_it_waits<false>();
}

SOUND(send_taken_back_before_it_ends) {
    send_ends_while_it_waits<true>();
}

// A channel that hands an element straight to the receive that waits. A select waits at two such channels, goes on with
// the first of them that has handed over, and ends the other receive: which may have got an element, too.
template<bool GivesBack>
void select_ends_its_other_arm() {
    struct handing_channel {
        std::atomic<bool> waits{true};
        std::atomic<int> handed{0};
        std::atomic<int> kept{0};

        void send(int value) {
            if (waits.exchange(false, memory_order_acq_rel)) {
                handed.store(value, memory_order_release);
            } else {
                kept.store(value, memory_order_release);
            }
        }

        // The receive ends; the sender that had found it waiting is waited for.
        void end_receive() {
            if (waits.exchange(false, memory_order_acq_rel)) {
                return;
            }
            int value = 0;
            while ((value = handed.load(memory_order_acquire)) == 0) {
            }
            if (GivesBack) {
                kept.store(value, memory_order_release);
            }
        }
    };
    handing_channel a;
    handing_channel b;
    std::thread one([&] { a.send(1); });
    std::thread two([&] { b.send(2); });
    int sum = a.handed.load(memory_order_acquire);
    if (sum != 0) {
        b.end_receive();
    } else if ((sum = b.handed.load(memory_order_acquire)) != 0) {
        a.end_receive();
    }
    one.join();
    two.join();
    if (sum != 0) {
        GANTRY_CHECK(sum + a.kept.load(memory_order_relaxed) + b.kept.load(memory_order_relaxed) == 3);
    }
}

FAULTY(select_loses_its_other_arm, assertion, "select_gives_back_its_other_arm",
       "a channel hands its element to the receive that waits; a select that goes on with another arm destroys that "
       "receive and the element with it",
       "[kanal #50](https://github.com/fereidani/kanal/issues/50)") {
    select_ends_its_other_arm<false>();
}

SOUND(select_gives_back_its_other_arm) {
    select_ends_its_other_arm<true>();
}

} // namespace
