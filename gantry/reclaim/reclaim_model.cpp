// SPDX-License-Identifier: MIT
// What a reader protects is not freed, what nobody protects is freed once, and nothing is left behind: no use after
// free, no race between the last use and the deleter, no leak. Two threads (three where it says so), one or two
// objects.
#include <gantry/check/model.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>

namespace {

using namespace gantry::reclaim;

template<class Scheme>
struct node : Scheme::template object<node<Scheme>> {
    explicit node(int v) : value(v) {}
    int value;
};

// One thread replaces the object and retires the old one; the other reads what it finds. An object that is freed too
// early is used after free, or races with its deleter.
template<class Scheme>
void read_while_replaced() {
    typename Scheme::domain domain;
    std::atomic<node<Scheme>*> place{new node<Scheme>(1)};
    std::thread reader([&] {
        typename Scheme::section section(domain);
        typename Scheme::guard guard(section);
        const node<Scheme>* const seen = guard.protect(place);
        GANTRY_CHECK(seen->value == 1 || seen->value == 2);
    });
    {
        typename Scheme::section section(domain);
        section.retire(place.exchange(new node<Scheme>(2), std::memory_order_acq_rel));
    }
    reader.join();
    delete place.load(std::memory_order_relaxed);
}
GANTRY_MODEL(epoch_read_while_replaced) {
    read_while_replaced<epoch>();
}
GANTRY_MODEL(hazard_read_while_replaced) {
    read_while_replaced<hazard>();
}
GANTRY_MODEL(counted_read_while_replaced) {
    read_while_replaced<counted>();
}

// The reader reads twice, in two sections: what it did in the first must not be forgotten in the second.
template<class Scheme>
void read_twice() {
    typename Scheme::domain domain;
    std::atomic<node<Scheme>*> place{new node<Scheme>(1)};
    std::thread reader([&] {
        for (int i = 0; i != 2; ++i) {
            typename Scheme::section section(domain);
            typename Scheme::guard guard(section);
            if (const node<Scheme>* const seen = guard.protect(place))
                GANTRY_CHECK(seen->value == 1);
        }
    });
    {
        typename Scheme::section section(domain);
        section.retire(place.exchange(nullptr, std::memory_order_acq_rel));
    }
    reader.join();
}
GANTRY_MODEL(epoch_read_twice) {
    read_twice<epoch>();
}
GANTRY_MODEL(hazard_read_twice) {
    read_twice<hazard>();
}
GANTRY_MODEL(counted_read_twice) {
    read_twice<counted>();
}

// The same with a reader that comes back by repin().
GANTRY_MODEL(epoch_repin) {
    epoch_domain domain;
    std::atomic<node<epoch>*> place{new node<epoch>(1)};
    std::thread reader([&] {
        epoch_pin pin(domain);
        epoch_guard guard(pin);
        for (int i = 0; i != 2; ++i) {
            if (const node<epoch>* const seen = guard.protect(place))
                GANTRY_CHECK(seen->value == 1);
            pin.repin();
        }
    });
    {
        epoch_pin pin(domain);
        pin.retire(place.exchange(nullptr, std::memory_order_acq_rel));
    }
    reader.join();
}

// Each of two threads looks at what the other one removes: the tag of each must cover the other's pin.
template<class Scheme>
void two_replace() {
    typename Scheme::domain domain;
    std::atomic<node<Scheme>*> first{new node<Scheme>(1)};
    std::atomic<node<Scheme>*> second{new node<Scheme>(2)};
    const auto look_and_remove = [&domain](std::atomic<node<Scheme>*>& looked_at, std::atomic<node<Scheme>*>& removed) {
        typename Scheme::section section(domain);
        typename Scheme::guard guard(section);
        if (const node<Scheme>* const seen = guard.protect(looked_at))
            GANTRY_CHECK(seen->value != 0);
        section.retire(removed.exchange(nullptr, std::memory_order_acq_rel));
    };
    std::thread other([&] { look_and_remove(second, first); });
    look_and_remove(first, second);
    other.join();
}
GANTRY_MODEL(epoch_two_replace) {
    two_replace<epoch>();
}
GANTRY_MODEL(hazard_two_replace) {
    two_replace<hazard>();
}

// A thread retires while another reads, and ends: its record, with what it could not free, goes to the next thread.
template<class Scheme>
void garbage_of_an_ended_thread() {
    typename Scheme::domain domain;
    std::atomic<node<Scheme>*> place{new node<Scheme>(1)};
    std::thread reader([&] {
        typename Scheme::section section(domain);
        typename Scheme::guard guard(section);
        if (const node<Scheme>* const seen = guard.protect(place))
            GANTRY_CHECK(seen->value == 1);
    });
    std::thread retiring([&] {
        typename Scheme::section section(domain);
        section.retire(place.exchange(nullptr, std::memory_order_acq_rel));
    });
    retiring.join();
    // What the reader's guard keeps stays garbage; the rest is freed by whoever has the record now.
    static_cast<void>(domain.collect());
    reader.join();
    GANTRY_CHECK(domain.collect());
    GANTRY_CHECK_EQ(domain.garbage_bytes(), std::size_t{0});
}
GANTRY_MODEL(epoch_garbage_of_an_ended_thread) {
    garbage_of_an_ended_thread<epoch>();
}
GANTRY_MODEL(hazard_garbage_of_an_ended_thread) {
    garbage_of_an_ended_thread<hazard>();
}

// A record that was given back is claimed by a thread that knows nothing of the one before.
GANTRY_MODEL(record_changes_hands) {
    epoch_domain domain;
    const auto use = [&domain] {
        const epoch_pin pin(domain);
    };
    std::thread one(use);
    std::thread other(use);
    one.join();
    other.join();
}

// The other two ways to protect: one attempt at a time, and what is no plain pointer.
template<class Scheme>
void protect_otherwise() {
    typename Scheme::domain domain;
    std::atomic<node<Scheme>*> place{nullptr};
    std::atomic<std::uintptr_t> tagged{0};
    const auto to_pointer = [](std::uintptr_t word) {
        return reinterpret_cast<const node<Scheme>*>(word & ~std::uintptr_t{1});
    };
    std::thread reader([&] {
        typename Scheme::section section(domain);
        typename Scheme::guard first(section);
        typename Scheme::guard second(section);
        node<Scheme>* seen = nullptr;
        while (!first.try_protect(seen, place)) {
        }
        if (seen != nullptr)
            GANTRY_CHECK(seen->value == 1);
        if (const auto* const other = to_pointer(second.protect(tagged, to_pointer)))
            GANTRY_CHECK(other->value == 2);
    });
    auto* const one = new node<Scheme>(1);
    auto* const two = new node<Scheme>(2);
    place.store(one, std::memory_order_release);
    tagged.store(reinterpret_cast<std::uintptr_t>(two) | 1U, std::memory_order_release);
    reader.join();
    delete one;
    delete two;
}
GANTRY_MODEL(epoch_protect_otherwise) {
    protect_otherwise<epoch>();
}
GANTRY_MODEL(hazard_protect_otherwise) {
    protect_otherwise<hazard>();
}

// More guards at once than a record has slots for: another block of them, which a walk must see.
GANTRY_MODEL(hazard_many_guards) {
    hazard_domain domain;
    std::atomic<node<hazard>*> place{new node<hazard>(1)};
    std::thread reader([&] {
        hazard_section section(domain);
        const hazard_guard a(section), b(section), c(section), d(section), e(section), f(section), g(section),
            h(section);
        hazard_guard ninth(section);
        if (const node<hazard>* const seen = ninth.protect(place))
            GANTRY_CHECK(seen->value == 1);
    });
    {
        hazard_section section(domain);
        section.retire(place.exchange(nullptr, std::memory_order_acq_rel));
    }
    reader.join();
}

// A hazard pointer that is made in one thread, used and destroyed in another; its slot is used anew by the first, while
// a third retires what it protects there. Three threads.
GANTRY_MODEL(hazard_pointer_moves) {
    hazard_domain domain;
    std::atomic<node<hazard>*> place{new node<hazard>(1)};
    std::array<hazard_pointer, 8> all;
    for (hazard_pointer& one : all)
        one = make_hazard_pointer(domain);
    std::thread other([&] { all[0] = hazard_pointer(); });
    std::thread retiring([&] {
        hazard_section section(domain);
        section.retire(place.exchange(nullptr, std::memory_order_acq_rel));
    });
    {
        hazard_pointer mine = make_hazard_pointer(domain); // in the slot that came back, or in a new one
        if (const node<hazard>* const seen = mine.protect(place))
            GANTRY_CHECK(seen->value == 1);
    }
    other.join();
    retiring.join();
}

struct retirable : hazard_pointer_obj_base<retirable> {
    int value = 1;
};

// As the standard's examples have it.
GANTRY_MODEL(hazard_pointer_as_in_the_standard) {
    hazard_domain domain;
    std::atomic<retirable*> place{new retirable};
    std::thread reader([&] {
        hazard_pointer h = make_hazard_pointer(domain);
        retirable* seen = place.load(std::memory_order_relaxed);
        while (!h.try_protect(seen, place)) {
        }
        if (seen != nullptr)
            GANTRY_CHECK(seen->value == 1);
    });
    place.exchange(nullptr, std::memory_order_acq_rel)->retire(domain);
    reader.join();
}

// An owner is loaded while the box gives up its own: the object is freed by the last of them, and once.
GANTRY_MODEL(atomic_shared_load_and_store) {
    hazard_domain domain;
    {
        atomic_shared<int> box(make_shared_in<int>(domain, 1), domain);
        std::thread reader([&] {
            const shared<int> mine = box.load();
            GANTRY_CHECK(!mine || *mine == 1);
        });
        box.store(nullptr);
        reader.join();
    }
}

// The object goes from the box into the reader's hands, back into another box and is dropped there, while its first
// drop is still being judged: owned anew, it must not be freed on the word of an older walk.
GANTRY_MODEL(atomic_shared_owned_again) {
    hazard_domain domain;
    {
        atomic_shared<int> box(make_shared_in<int>(domain, 1), domain);
        atomic_shared<int> other_box(domain);
        std::thread mover([&] { other_box.store(box.load()); });
        box.store(nullptr);
        if (const snapshot<int> seen = other_box.look())
            GANTRY_CHECK(*seen == 1);
        other_box.store(nullptr);
        mover.join();
    }
}

GANTRY_MODEL(atomic_shared_snapshots) {
    hazard_domain domain;
    {
        atomic_shared<int> box(make_shared_in<int>(domain, 1), domain);
        std::thread reader([&] {
            shared<int> kept;
            {
                const snapshot<int> seen = box.look();
                GANTRY_CHECK(*seen == 1 || *seen == 2);
                kept = seen.share();
            }
            GANTRY_CHECK(*kept == 1 || *kept == 2);
        });
        shared<int> two = make_shared_in<int>(domain, 2);
        const snapshot<int> one = box.look();
        GANTRY_CHECK(box.compare_exchange(one, two));
        reader.join();
    }
}

// Two owners in two threads drop what was never in a box: both are done with it when it is destroyed.
GANTRY_MODEL(shared_two_owners) {
    hazard_domain domain;
    shared<int> mine = make_shared_in<int>(domain, 0);
    {
        std::thread other([theirs = mine]() mutable {
            GANTRY_CHECK(*theirs == 0);
            theirs.reset();
        });
        GANTRY_CHECK(*mine == 0);
        mine.reset();
        other.join();
    }
}

// Of two owners the last one ends without having looked through its list, and a third thread, which has met the first
// one nowhere, frees the object. (The record that the last one is given has kept something before, so that it waits for
// more to look.)
GANTRY_MODEL(shared_freed_by_who_adopts) {
    hazard_domain domain;
    {
        atomic_shared<int> box(make_shared_in<int>(domain, 0), domain);
        const snapshot<int> kept = box.look();
        std::thread([&box] { box.store(nullptr); }).join();
    }
    GANTRY_CHECK(domain.collect());
    shared<int> object = make_shared_in<int>(domain, 1);
    std::thread first([mine = object]() mutable {
        GANTRY_CHECK(*mine == 1);
        mine.reset();
    });
    std::thread([mine = std::move(object)]() mutable { mine.reset(); }).join();
    static_cast<void>(domain.collect());
    first.join();
}

// A compare-exchange that fails hands out what is there, and keeps what it was given.
GANTRY_MODEL(atomic_shared_compare_exchange) {
    hazard_domain domain;
    {
        atomic_shared<int> box(make_shared_in<int>(domain, 1), domain);
        std::thread other([&] { box.store(make_shared_in<int>(domain, 2)); });
        shared<int> seen = box.load();
        const int before = *seen;
        shared<int> wanted = make_shared_in<int>(domain, 3);
        if (box.compare_exchange(seen, wanted)) {
            GANTRY_CHECK(!wanted);
            GANTRY_CHECK_EQ(*seen, before);
        } else {
            GANTRY_CHECK_EQ(*wanted, 3);
            GANTRY_CHECK_EQ(*seen, 2);
        }
        other.join();
    }
}

// What a thread cannot free in a domain that is too full it leaves to all, and it is freed later.
GANTRY_MODEL(epoch_shares_what_is_too_much) {
    epoch_domain domain({.garbage_bytes_max = 1});
    std::atomic<node<epoch>*> place{new node<epoch>(1)};
    std::thread other([&] {
        epoch_pin pin(domain);
        epoch_guard guard(pin);
        if (const node<epoch>* const seen = guard.protect(place))
            GANTRY_CHECK(seen->value == 1);
    });
    {
        epoch_pin pin(domain);
        pin.retire(place.exchange(nullptr, std::memory_order_acq_rel));
    }
    other.join();
    GANTRY_CHECK(domain.collect());
    GANTRY_CHECK_EQ(domain.garbage_bytes(), std::size_t{0});
}

// A deleter that retires, in the same domain.
GANTRY_MODEL(deleter_retires) {
    epoch_domain domain;
    struct chain {
        epoch_domain& in;
        chain* next;
        ~chain() {
            if (next != nullptr) {
                epoch_pin pin(in);
                pin.retire(next);
            }
        }
    };
    std::thread other([&] { const epoch_pin pin(domain); });
    {
        epoch_pin pin(domain);
        pin.retire(new chain{domain, new chain{domain, nullptr}});
    }
    other.join();
}

// A thread_local that is destroyed after the thread's records were given back still retires.
struct late {
    epoch_domain* in = nullptr;
    late() = default;
    late(const late&) = delete;
    late& operator=(const late&) = delete;
    ~late() {
        epoch_pin pin(*in);
        pin.retire(new int(1));
    }
};
GANTRY_MODEL(retires_at_thread_exit) {
    epoch_domain domain;
    std::thread other([&] {
        thread_local late last;
        last.in = &domain;
        const epoch_pin pin(domain);
    });
    {
        epoch_pin pin(domain);
        pin.retire(new int(2));
    }
    other.join();
}

} // namespace
