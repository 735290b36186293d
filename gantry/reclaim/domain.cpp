// SPDX-License-Identifier: MIT
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/backoff.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/reclaim/domain.hpp>
#include <gantry/sync/mutex.hpp>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

namespace gantry::reclaim {

namespace detail {

// The domains that live: a thread that ends gives its records back to those. Domains have numbers that never come
// again, since a new one may lie where an old one was.
class live_domains {
public:
    constexpr live_domains() noexcept = default;

    [[nodiscard]] std::uint64_t next_id() noexcept {
        const std::scoped_lock lock(lock_);
        return ++last_id_;
    }
    void add(domain& d) noexcept {
        const std::scoped_lock lock(lock_);
        d.live_next_ = std::exchange(first_, &d);
    }
    void remove(domain& d) noexcept {
        const std::scoped_lock lock(lock_);
        domain** at = &first_;
        while (*at != &d)
            at = &(*at)->live_next_;
        *at = d.live_next_;
    }
    // Calls what() while the domain cannot be destroyed, if it lives.
    template<class What>
    bool if_alive(const domain* d, std::uint64_t id, What what) noexcept {
        const std::scoped_lock lock(lock_);
        for (const domain* one = first_; one != nullptr; one = one->live_next_) {
            if (one == d && one->id_ == id) {
                what();
                return true;
            }
        }
        return false;
    }

private:
    sync::mutex lock_;
    domain* first_ = nullptr;
    std::uint64_t last_id_ = 0;
};

} // namespace detail

namespace {

constinit detail::live_domains live;

struct held_record {
    const domain* in;
    std::uint64_t domain_id;
    detail::record* mine;
    detail::cached_record* cache; // of this thread; nullptr: it is in none yet
};

constinit thread_local bool thread_is_ending = false;

// The thread's records, given back when it ends. Destructors of other thread_locals may come later: they find
// thread_is_ending and work with records for the moment.
class held_records {
public:
    held_records() = default;
    held_records(const held_records&) = delete;
    held_records& operator=(const held_records&) = delete;
    ~held_records() {
        thread_is_ending = true;
        for (const held_record& one : list_) {
            if (one.cache != nullptr)
                one.cache->domain_id = 0;
            give_back(one);
        }
    }

    [[nodiscard]] held_record* find(std::uint64_t domain_id) noexcept {
        for (held_record& one : list_) {
            if (one.domain_id == domain_id)
                return &one;
        }
        return nullptr;
    }

    void make_room() {
        std::erase_if(list_, [](const held_record& one) { return !live.if_alive(one.in, one.domain_id, [] {}); });
        list_.reserve(list_.size() + 1);
    }
    void add(const held_record& added) noexcept { list_.push_back(added); }

private:
    static void give_back(const held_record& one) noexcept {
        live.if_alive(one.in, one.domain_id, [&one] { one.mine->give_back(); });
    }

    std::vector<held_record> list_;
};

held_records& records_of_thread() {
    thread_local held_records held;
    return held;
}

} // namespace

detail::record* detail::find_record(domain& in, cached_record* cache) {
    if (thread_is_ending) {
        record* const mine = in.claim();
        mine->duties |= record::temporary;
        return mine;
    }
    held_records& held = records_of_thread();
    held_record* found = held.find(in.id_);
    if (found == nullptr) {
        held.make_room(); // before a record is claimed that could not be given back
        held.add({.in = &in, .domain_id = in.id_, .mine = in.claim(), .cache = nullptr});
        found = held.find(in.id_);
    }
    if (cache != nullptr) {
        *cache = {.domain_id = in.id_, .mine = found->mine};
        found->cache = cache;
    }
    return found->mine;
}

bool detail::is_cached(const cached_record& cache, const record& r) noexcept {
    return cache.mine == &r && cache.domain_id == r.owner->id_;
}

void detail::heap::move_to(heap& to) {
    to.open.insert(to.open.end(), open.begin(), open.end());
    for (batch& one : batches) {
        auto at = to.batches.end(); // nearly always where it belongs
        while (at != to.batches.begin() && std::prev(at)->tag > one.tag)
            --at;
        to.batches.insert(at, std::move(one));
    }
    open.clear();
    batches.clear();
}

domain::domain(const domain_options& options) noexcept
    : id_(live.next_id()), options_(options),
      open_bytes_max_(std::clamp<std::size_t>(options.garbage_bytes_max / 16, 1, tuning::reclaim_look_bytes)) {
    static_cast<void>(asymmetric_fence_mode_in_force()); // so that the first sections have light fences already
    live.add(*this);
}

void domain::close() noexcept {
    live.remove(*this);
    // Deleters may retire more, into any record.
    for (bool found = true; found;) {
        found = false;
        for (detail::record* one = first_record(); one != nullptr; one = one->next) {
            shared_.move_to(one->mine);
            detail::heap left;
            one->mine.move_to(left);
            for (const detail::batch& b : left.batches)
                left.open.insert(left.open.end(), b.items.begin(), b.items.end());
            for (const detail::garbage& g : left.open) {
                if (!g.free(g.object))
                    one->mine.open.push_back(g);
            }
            found |= !left.open.empty();
        }
    }
    for (detail::record* one = first_record(); one != nullptr;)
        delete std::exchange(one, one->next);
}

detail::record* domain::claim() {
    detail::record* first = first_record();
    for (detail::record* one = first; one != nullptr; one = one->next) {
        if (one->try_take())
            return one;
    }
    detail::record* const made = make_record();
    made->look_at_objects = tuning::reclaim_look_objects;
    made->look_at_bytes = open_bytes_max_;
    do {
        made->next = first;
    } while (!records_.compare_exchange_weak(first, made, std::memory_order_release,
                                             std::memory_order_relaxed)); // order: enlist.w; relaxed: revalidated
    return made;
}

std::size_t domain::garbage_bytes() const noexcept {
    std::size_t sum = shared_bytes_.load(std::memory_order_relaxed); // relaxed: stats
    for (const detail::record* one = first_record(); one != nullptr; one = one->next)
        sum += one->get_bytes();
    return sum;
}

std::size_t domain::garbage_bytes_peak() const noexcept {
    return std::max(peak_.load(std::memory_order_relaxed), garbage_bytes()); // relaxed: stats
}

void domain::reset_garbage_bytes_peak() noexcept {
    peak_.store(0, std::memory_order_relaxed); // relaxed: stats
}

bool domain::collect() noexcept {
    detail::record& mine = *detail::find_record(*this, nullptr);
    adopt(mine);
    mine.duties |= detail::record::look;
    attend(mine);
    return mine.mine.empty() && shared_bytes_.load(std::memory_order_relaxed) == 0; // relaxed: stats
}

void domain::attend(detail::record& mine) noexcept {
    // A deleter that retires comes here again: what it adds is the outer call's business.
    if (mine.looking)
        return;
    mine.looking = true;
    while ((mine.duties & detail::record::look) != 0) {
        mine.duties &= ~detail::record::look;
        look(mine);
    }
    mine.looking = false;
    if ((mine.duties & detail::record::temporary) != 0) {
        mine.duties = 0;
        mine.give_back();
    }
}

void domain::look(detail::record& mine) noexcept {
    const std::size_t garbage = garbage_bytes();
    if (garbage > peak_.load(std::memory_order_relaxed))                                             // relaxed: stats
        peak_.store(garbage, std::memory_order_relaxed);                                             // relaxed: stats
    if (shared_bytes_.load(std::memory_order_relaxed) == 0 && garbage <= options_.garbage_bytes_max) // relaxed: stats
        [[likely]] {
        static_cast<void>(take_unprotected(mine, nullptr));
        free_unprotected(mine);
    } else {
        relieve(mine);
    }
    if (mine.mine.open.empty() && mine.mine.open.capacity() > 4 * tuning::reclaim_look_objects)
        mine.mine.open = {};
    mine.look_at_objects = mine.mine.open.size() + tuning::reclaim_look_objects;
    mine.look_at_bytes = mine.get_bytes() + open_bytes_max_;
}

void domain::free_unprotected(detail::record& mine) noexcept {
    // Deleters may retire; that does not come here again before this is done.
    std::size_t bytes = 0;
    for (const detail::garbage& one : mine.unprotected) {
        if (one.free(one.object)) {
            bytes += one.bytes;
        } else {
            mine.mine.open.push_back(one);
        }
    }
    mine.set_bytes(mine.get_bytes() - bytes);
    mine.unprotected.clear();
    if (mine.unprotected.capacity() > 4 * tuning::reclaim_look_objects)
        mine.unprotected = {};
}

// There is, or was, too much: helps with what others could not free, and leaves what cannot be freed to whoever can.
void domain::relieve(detail::record& mine) noexcept {
    backoff backoff;
    for (bool told = false;;) {
        adopt(mine);
        help_with_shared(mine);
        free_unprotected(mine);
        const std::size_t left = garbage_bytes();
        if (left <= options_.garbage_bytes_max)
            return;
        share(mine);
        if (!std::exchange(told, true) && options_.over_limit != nullptr)
            options_.over_limit(options_.context, left);
        // What is not shared lies in lists that their threads have not looked through yet: not for us to wait for.
        if (options_.full == when_full::report || shared_bytes_.load(std::memory_order_relaxed) == 0) // relaxed: stats
            return;
        backoff.pause();
    }
}

void domain::help_with_shared(detail::record& mine) noexcept {
    const std::scoped_lock lock(shared_lock_);
    const std::size_t taken = take_unprotected(mine, &shared_);
    std::size_t bytes = 0;
    for (std::size_t i = mine.unprotected.size() - taken; i != mine.unprotected.size(); ++i)
        bytes += mine.unprotected[i].bytes;
    // First here, then there: garbage that moves is counted twice rather than not at all.
    mine.set_bytes(mine.get_bytes() + bytes);
    shared_bytes_.fetch_sub(bytes, std::memory_order_relaxed); // relaxed: stats
}

void domain::share(detail::record& mine) noexcept {
    const std::scoped_lock lock(shared_lock_);
    mine.mine.move_to(shared_);
    shared_bytes_.fetch_add(mine.get_bytes(), std::memory_order_relaxed); // relaxed: stats
    mine.set_bytes(0);
}

// What threads that have ended left behind.
void domain::adopt(detail::record& mine) noexcept {
    for (detail::record* one = first_record(); one != nullptr; one = one->next) {
        if (one == &mine || !one->try_take())
            continue;
        one->mine.move_to(mine.mine);
        mine.set_bytes(mine.get_bytes() + one->get_bytes());
        one->set_bytes(0);
        one->give_back();
    }
}

} // namespace gantry::reclaim
