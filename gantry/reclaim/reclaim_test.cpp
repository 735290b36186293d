// SPDX-License-Identifier: MIT
// What is retired is freed once, not before every reader has let go, and at the latest when its domain ends; garbage is
// counted in bytes and held to its limit; threads may come and go. The same over all schemes.
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>
#include <gantry/reclaim/scheme.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace gantry::reclaim;

static_assert(scheme<epoch>);
static_assert(scheme<hazard>);
static_assert(scheme<counted>);

template<class Scheme>
struct counting_node : Scheme::template object<counting_node<Scheme>> {
    explicit counting_node(std::atomic<int>& deaths) : destroyed(deaths) {}
    counting_node(const counting_node&) = delete;
    counting_node& operator=(const counting_node&) = delete;
    ~counting_node() { destroyed.fetch_add(1, std::memory_order_relaxed); }
    std::atomic<int>& destroyed;
};

template<class Scheme>
class schemes : public testing::Test {};
using all_schemes = testing::Types<epoch, hazard, counted>;
TYPED_TEST_SUITE(schemes, all_schemes);

template<scheme S>
void the_sample_of_scheme_hpp() {
    struct node : S::template object<node> {
        int value = 7;
    };
    typename S::domain domain;
    std::atomic<node*> head{new node};
    {
        // Nobody pushes anew: what is protected is unlinked by whoever looks at it.
        const auto unlink = [&head](node*) {
            return head.exchange(nullptr, std::memory_order_acq_rel);
        };
        typename S::section section(domain);
        typename S::guard guard(section);
        node* const top = guard.protect(head); // safe to read until the guard lets go
        section.retire(unlink(top));           // deleted when nobody protects it
        EXPECT_EQ(top->value, 7);
    }
    EXPECT_TRUE(domain.collect());
}
TYPED_TEST(schemes, the_sample) {
    the_sample_of_scheme_hpp<TypeParam>();
}

TYPED_TEST(schemes, frees_once_and_counts_bytes) {
    std::atomic<int> destroyed{0};
    constexpr int many = 1000;
    typename TypeParam::domain domain;
    for (int i = 0; i != many; ++i) {
        typename TypeParam::section section(domain);
        section.retire(new counting_node<TypeParam>(destroyed));
    }
    EXPECT_LE(domain.garbage_bytes(), 128 * sizeof(counting_node<TypeParam>));
    EXPECT_GE(domain.garbage_bytes_peak(), domain.garbage_bytes());
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(domain.garbage_bytes(), 0U);
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), many);
}

TYPED_TEST(schemes, domain_frees_what_is_left) {
    std::atomic<int> destroyed{0};
    {
        typename TypeParam::domain domain;
        typename TypeParam::section section(domain);
        section.retire(new counting_node<TypeParam>(destroyed));
        EXPECT_EQ(domain.garbage_bytes(), sizeof(counting_node<TypeParam>));
    }
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 1);
}

// A reader that is stopped inside of a section keeps what it protects, in any scheme.
TYPED_TEST(schemes, reader_keeps_what_it_protects) {
    std::atomic<int> destroyed{0};
    typename TypeParam::domain domain;
    std::atomic<counting_node<TypeParam>*> place{new counting_node<TypeParam>(destroyed)};
    std::latch reading(1);
    std::latch finish(1);
    std::jthread reader([&] {
        typename TypeParam::section section(domain);
        typename TypeParam::guard guard(section);
        static_cast<void>(guard.protect(place));
        reading.count_down();
        finish.wait();
    });
    reading.wait();
    {
        typename TypeParam::section section(domain);
        section.retire(place.exchange(nullptr, std::memory_order_acq_rel));
    }
    EXPECT_FALSE(domain.collect());
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 0);
    finish.count_down();
    reader.join();
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 1);
}

struct big {
    std::array<char, 1000> bytes{};
};

// How much garbage there is after a million bytes were retired beside a reader that is stopped inside.
template<class Scheme>
std::size_t garbage_beside_a_stalled_reader(typename Scheme::domain& domain) {
    struct node : Scheme::template object<node> {
        big payload;
    };
    std::atomic<node*> place{new node};
    std::latch reading(1);
    std::latch finish(1);
    std::jthread reader([&] {
        typename Scheme::section section(domain);
        typename Scheme::guard guard(section);
        static_cast<void>(guard.protect(place));
        reading.count_down();
        finish.wait();
    });
    reading.wait();
    for (int i = 0; i != 1000; ++i) {
        typename Scheme::section section(domain);
        section.retire(place.exchange(new node, std::memory_order_acq_rel));
    }
    static_cast<void>(domain.collect());
    const std::size_t left = domain.garbage_bytes();
    finish.count_down();
    reader.join();
    delete place.load(std::memory_order_relaxed);
    EXPECT_TRUE(domain.collect());
    return left;
}

TEST(stalled_reader, hazard_keeps_one_object) {
    hazard_domain domain;
    EXPECT_LE(garbage_beside_a_stalled_reader<hazard>(domain), 1100U);
    EXPECT_LE(domain.garbage_bytes_peak(), (std::size_t{64} << 10U) + 2200);
}
TEST(stalled_reader, counted_keeps_one_object) {
    hazard_domain domain;
    EXPECT_LE(garbage_beside_a_stalled_reader<counted>(domain), 1100U);
}

struct told {
    int times = 0;
    std::size_t bytes = 0;
    static void tell(void* context, std::size_t garbage_bytes) noexcept {
        auto& self = *static_cast<told*>(context);
        ++self.times;
        self.bytes = garbage_bytes;
    }
};

// Epochs keep everything, say so, and keep nothing any more once the reader has left.
TEST(stalled_reader, epoch_keeps_all_and_tells_the_hook) {
    told hook;
    epoch_domain domain({.garbage_bytes_max = 100'000, .over_limit = &told::tell, .context = &hook});
    EXPECT_GE(garbage_beside_a_stalled_reader<epoch>(domain), 990'000U);
    EXPECT_GE(hook.times, 1);
    EXPECT_GT(hook.bytes, 100'000U);
    EXPECT_EQ(domain.garbage_bytes(), 0U);
}

// What was retired before the reader came is freed nevertheless.
TEST(stalled_reader, epoch_frees_what_is_older) {
    std::atomic<int> destroyed{0};
    epoch_domain domain;
    {
        epoch_pin pin(domain);
        pin.retire(new counting_node<epoch>(destroyed));
    }
    EXPECT_TRUE(domain.collect());
    const epoch_pin reader(domain);
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 1);
}

// when_full::wait: the retiring thread does not go past the limit, and goes on when the reader leaves.
TYPED_TEST(schemes, waits_at_the_limit) {
    struct node : TypeParam::template object<node> {
        big payload;
    };
    constexpr std::size_t limit = 64'000;
    typename TypeParam::domain domain({.garbage_bytes_max = limit, .full = when_full::wait});
    std::atomic<bool> stop{false};
    std::atomic<node*> place{new node};
    std::jthread reader([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            typename TypeParam::section section(domain);
            typename TypeParam::guard guard(section);
            static_cast<void>(guard.protect(place));
            std::this_thread::sleep_for(std::chrono::milliseconds(2)); // a slow reader
        }
    });
    std::size_t most = 0;
    for (int i = 0; i != 2000; ++i) {
        {
            typename TypeParam::section section(domain);
            section.retire(place.exchange(new node, std::memory_order_acq_rel));
        }
        most = std::max(most, domain.garbage_bytes());
    }
    stop.store(true, std::memory_order_relaxed);
    reader.join();
    delete place.load(std::memory_order_relaxed);
    // A sixteenth for each of two threads, and one object more.
    EXPECT_LE(most, limit + 2 * limit / 16 + 2 * sizeof(node));
}

// Garbage of threads that have ended is freed by those that go on.
TYPED_TEST(schemes, garbage_of_ended_threads) {
    std::atomic<int> destroyed{0};
    typename TypeParam::domain domain;
    for (int i = 0; i != 50; ++i) {
        std::thread([&] {
            typename TypeParam::section section(domain);
            section.retire(new counting_node<TypeParam>(destroyed));
        }).join();
    }
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 50);
}

// Many domains come and go while a thread lives, some at the place of an older one.
TYPED_TEST(schemes, domains_come_and_go) {
    std::atomic<int> destroyed{0};
    for (int i = 0; i != 200; ++i) {
        typename TypeParam::domain first;
        const auto second = std::make_unique<typename TypeParam::domain>();
        for (auto* const domain : {&first, second.get(), &first}) {
            typename TypeParam::section section(*domain);
            section.retire(new counting_node<TypeParam>(destroyed));
        }
    }
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 600);
}

// A domain that ended before the thread that used it: the thread's end does not touch it.
TYPED_TEST(schemes, domain_ends_before_the_thread) {
    std::latch used(1);
    std::latch gone(1);
    auto domain = std::make_unique<typename TypeParam::domain>();
    std::thread user([&] {
        {
            const typename TypeParam::section section(*domain);
        }
        used.count_down();
        gone.wait();
    });
    used.wait();
    domain.reset();
    gone.count_down();
    user.join();
}

TYPED_TEST(schemes, deleter_retires_more) {
    struct chain : TypeParam::template object<chain> {
        chain(typename TypeParam::domain& d, std::atomic<int>& n, int l) : domain(d), destroyed(n), left(l) {}
        chain(const chain&) = delete;
        chain& operator=(const chain&) = delete;
        ~chain() {
            destroyed.fetch_add(1, std::memory_order_relaxed);
            if (left != 0) {
                typename TypeParam::section section(domain);
                section.retire(new chain(domain, destroyed, left - 1));
            }
        }
        typename TypeParam::domain& domain;
        std::atomic<int>& destroyed;
        int left;
    };
    std::atomic<int> destroyed{0};
    {
        typename TypeParam::domain domain;
        {
            typename TypeParam::section section(domain);
            section.retire(new chain(domain, destroyed, 99));
        }
        static_cast<void>(domain.collect());
    }
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 100);
}

// thread_locals that are destroyed after and before the thread's records use a domain at that time.
template<class Scheme>
struct user_at_exit {
    typename Scheme::domain* domain = nullptr;
    std::atomic<int>* destroyed = nullptr;
    user_at_exit() = default;
    user_at_exit(const user_at_exit&) = delete;
    user_at_exit& operator=(const user_at_exit&) = delete;
    ~user_at_exit() {
        typename Scheme::section section(*domain);
        typename Scheme::section nested(*domain);
        nested.retire(new counting_node<Scheme>(*destroyed));
    }
};
TYPED_TEST(schemes, used_at_thread_exit) {
    std::atomic<int> destroyed{0};
    typename TypeParam::domain domain;
    std::thread([&] {
        thread_local user_at_exit<TypeParam> destroyed_late;
        destroyed_late.domain = &domain;
        destroyed_late.destroyed = &destroyed;
        {
            const typename TypeParam::section section(domain);
        }
        thread_local user_at_exit<TypeParam> destroyed_early;
        destroyed_early.domain = &domain;
        destroyed_early.destroyed = &destroyed;
    }).join();
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 2);
}

std::vector<int> closed;
void close(int file) {
    closed.push_back(file);
}

TEST(epoch, the_sample_of_epoch_hpp) {
    struct node {
        int value = 1;
    };
    node last;
    std::atomic<node*> head{new node};
    node* const unlinked = head.exchange(&last, std::memory_order_acq_rel);
    const int file = 3 + static_cast<int>(closed.size());
    {
        gantry::reclaim::epoch_pin pin; // of the default domain
        const node* const seen = head.load(std::memory_order_acquire);
        pin.retire(unlinked);               // deleted when nobody can hold it
        pin.defer([file] { close(file); }); // any call, at that time
        pin.repin();                        // in a long loop: lets go of everything seen so far
        EXPECT_EQ(seen, &last);
    }
    EXPECT_TRUE(epoch_domain::default_domain().collect());
    EXPECT_EQ(closed, std::vector{3});
}

// A call that is deferred runs once, after the pins that stood when it was deferred.
TEST(epoch, defer_waits_for_pins) {
    epoch_domain domain;
    int calls = 0;
    std::latch entered(1);
    std::latch finish(1);
    std::jthread reader([&] {
        const epoch_pin pin(domain);
        entered.count_down();
        finish.wait();
    });
    entered.wait();
    {
        epoch_pin pin(domain);
        pin.defer([&calls] { ++calls; });
    }
    EXPECT_FALSE(domain.collect());
    EXPECT_EQ(calls, 0);
    finish.count_down();
    reader.join();
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(calls, 1);
}

// repin() lets go: what was retired before is freed though the pin stands.
TEST(epoch, repin_lets_go) {
    std::atomic<int> destroyed{0};
    epoch_domain domain;
    epoch_pin pin(domain);
    pin.retire(new counting_node<epoch>(destroyed));
    EXPECT_FALSE(domain.collect());
    pin.repin();
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 1);
}

TEST(hazard, the_sample_of_hazard_hpp) {
    struct node : gantry::reclaim::hazard_pointer_obj_base<node> {
        int value = 4;
    };
    std::atomic<node*> head{new node};
    node* const unlinked = head.load(std::memory_order_relaxed);
    {
        gantry::reclaim::hazard_pointer h = gantry::reclaim::make_hazard_pointer();
        const node* const seen = h.protect(head); // not freed until h lets go
        unlinked->retire();                       // deleted when no hazard pointer protects it
        EXPECT_FALSE(hazard_domain::default_domain().collect());
        EXPECT_EQ(seen->value, 4);
    }
    EXPECT_TRUE(hazard_domain::default_domain().collect());
}

// What [saferecl.hp] says of the members.
TEST(hazard, hazard_pointer_members) {
    struct node : hazard_pointer_obj_base<node> {
        int value = 1;
    };
    hazard_pointer empty;
    EXPECT_TRUE(empty.empty());
    hazard_pointer h = make_hazard_pointer();
    EXPECT_FALSE(h.empty());
    node first;
    node second;
    std::atomic<node*> place{&first};
    EXPECT_EQ(h.protect(place), &first);
    node* expected = &second;
    EXPECT_FALSE(h.try_protect(expected, place));
    EXPECT_EQ(expected, &first);
    EXPECT_TRUE(h.try_protect(expected, place));
    h.reset_protection(&second);
    h.reset_protection();
    h.reset_protection(nullptr);
    swap(h, empty);
    EXPECT_TRUE(h.empty());
    EXPECT_FALSE(empty.empty());
    h = std::move(empty);
    EXPECT_FALSE(h.empty());
}

struct counting {
    int* calls = nullptr;
    void operator()(auto* p) const {
        ++*calls;
        delete p;
    }
};

// The deleter is the object's: it has state, and is called with the object once.
TEST(hazard, deleter_with_state) {
    struct node : hazard_pointer_obj_base<node, counting> {};
    int calls = 0;
    hazard_domain domain;
    (new node)->retire(counting{&calls}, domain);
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(calls, 1);
}

// More at once than a record has; each protects its own.
TEST(hazard, many_hazard_pointers) {
    struct node : hazard_pointer_obj_base<node> {};
    hazard_domain domain;
    std::vector<hazard_pointer> held;
    for (int i = 0; i != 100; ++i) {
        std::atomic<node*> place{new node};
        held.push_back(make_hazard_pointer(domain));
        static_cast<void>(held.back().protect(place));
        place.load(std::memory_order_relaxed)->retire(domain);
    }
    EXPECT_FALSE(domain.collect());
    EXPECT_EQ(domain.garbage_bytes(), 100 * sizeof(node));
    held.resize(50);
    EXPECT_FALSE(domain.collect());
    EXPECT_EQ(domain.garbage_bytes(), 50 * sizeof(node));
    held.clear();
    EXPECT_TRUE(domain.collect());
}

TEST(hazard, hazard_pointer_outlives_its_thread) {
    struct node : hazard_pointer_obj_base<node> {};
    hazard_domain domain;
    std::atomic<node*> place{new node};
    hazard_pointer h;
    std::thread([&] {
        h = make_hazard_pointer(domain);
        static_cast<void>(h.protect(place));
    }).join();
    place.load(std::memory_order_relaxed)->retire(domain);
    EXPECT_FALSE(domain.collect());
    h = hazard_pointer();
    EXPECT_TRUE(domain.collect());
}

struct config {
    explicit config(std::string t) : text(std::move(t)) {}
    std::string text;
};

TEST(counted, the_sample_of_counted_hpp) {
    const std::string text = "old";
    const std::string new_text = "new";
    gantry::reclaim::atomic_shared<config> current(gantry::reclaim::make_shared<config>(text));
    const gantry::reclaim::shared<config> mine = current.load();   // an owner more
    const gantry::reclaim::snapshot<config> seen = current.look(); // no owner: just not freed while it stands
    current.store(gantry::reclaim::make_shared<config>(new_text));
    EXPECT_EQ(mine->text, "old");
    EXPECT_EQ(seen->text, "old");
    EXPECT_EQ(current.load()->text, "new");
}

TEST(counted, last_owner_frees) {
    std::atomic<int> destroyed{0};
    struct object {
        explicit object(std::atomic<int>& d) : destroyed(d) {}
        object(const object&) = delete;
        object& operator=(const object&) = delete;
        ~object() { destroyed.fetch_add(1, std::memory_order_relaxed); }
        std::atomic<int>& destroyed;
    };
    hazard_domain domain;
    {
        shared<object> first = make_shared_in<object>(domain, destroyed);
        shared<object> second = first;
        EXPECT_EQ(first, second);
        first.reset();
        EXPECT_TRUE(domain.collect());
        EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 0);
        second = nullptr;
    }
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(destroyed.load(std::memory_order_relaxed), 1);
}

// A snapshot keeps an object that nobody owns, and may make an owner of it again.
TEST(counted, snapshot_shares_again) {
    hazard_domain domain;
    shared<int> again;
    {
        atomic_shared<int> box(make_shared_in<int>(domain, 5), domain);
        snapshot<int> seen = box.look();
        box.store(nullptr);
        EXPECT_FALSE(domain.collect());
        again = seen.share();
        EXPECT_EQ(*seen, 5);
        snapshot<int> moved = std::move(seen);
        EXPECT_EQ(moved.get(), again.get());
    }
    EXPECT_TRUE(domain.collect()); // it is owned: no garbage
    EXPECT_EQ(*again, 5);
    again.reset();
    // Owned anew since it was put into the list: a second look must confirm.
    while (!domain.collect()) {
    }
    EXPECT_EQ(domain.garbage_bytes(), 0U);
}

TEST(counted, exchange_and_compare_exchange) {
    hazard_domain domain;
    atomic_shared<int> box(domain);
    EXPECT_FALSE(box.load());
    EXPECT_FALSE(box.look());
    EXPECT_FALSE(box.exchange(make_shared_in<int>(domain, 1)));
    shared<int> expected;
    shared<int> wanted = make_shared_in<int>(domain, 2);
    EXPECT_FALSE(box.compare_exchange(expected, wanted));
    EXPECT_EQ(*expected, 1);
    EXPECT_EQ(*wanted, 2);
    EXPECT_TRUE(box.compare_exchange(expected, wanted));
    EXPECT_FALSE(wanted);
    EXPECT_EQ(*box.exchange(nullptr), 2);
}

// A long chain of owners goes without recursion.
TEST(counted, long_chains) {
    struct link {
        explicit link(shared<link> n) : next(std::move(n)) {}
        shared<link> next;
    };
    hazard_domain domain;
    shared<link> first;
    for (int i = 0; i != 1'000'000; ++i)
        first = make_shared_in<link>(domain, std::move(first));
    first.reset();
    while (!domain.collect()) {
    }
    EXPECT_EQ(domain.garbage_bytes(), 0U);
}

// A thousandth of a second's work for a domain of one's own.
TEST(domain, the_sample_of_domain_hpp) {
    gantry::reclaim::epoch_domain domain({.garbage_bytes_max = std::size_t{1} << 20U});
    EXPECT_EQ(domain.garbage_bytes_max(), std::size_t{1} << 20U);
    EXPECT_EQ(domain.garbage_bytes(), 0U);
    domain.reset_garbage_bytes_peak();
    EXPECT_EQ(domain.garbage_bytes_peak(), 0U);
}

} // namespace
