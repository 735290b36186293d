// SPDX-License-Identifier: MIT
#pragma once
//
// spill_core<T, Spool>: the spilling channel: one FIFO whose parts lie, from its head to its tail, in
//
//     returned_   elements that were out on lease and came back
//     objects_    elements as they were pushed: only while nothing lies behind them
//     cached_     blocks of encoded elements, being popped
//     the spool   on disk, from read_next_ to disk_end_
//     one block   on its way to the disk, while writing_
//     tail_       blocks of encoded elements, being filled
//
// Use it when you make the handles of a spilling channel (channel/spill/spill.hpp).
// Do not use it when you use one.
//
// An element that finds nothing behind objects_, and room, goes there. Else it is encoded into the tail; a full block
// is written by the sender that filled it. A receiver that has emptied objects_ and cached_ reads a block from the
// disk, or, where there is nothing, takes the first block of the tail, full or not: so nothing waits for a later push.
// What is durable goes through the tail always: the sender that finds nobody writing writes what all have put there,
// the others wait for it (group commit); what was written stays in cached_ while the receiver keeps up.
//
// There are two locks. push_mutex_ is all that a sender takes while direct_ says that nothing lies behind objects_;
// everything else, popping objects too, is under mutex_, so a sender and a receiver do not meet while memory suffices.
// A sender that has to put something behind takes both, clears direct_, and goes on under mutex_; one that comes later
// takes both as well, and sets it again if nothing is left behind and nobody is about to put something there
// (spilling_).
//
// Disk operations are outside of the locks. Three flags make each of them one thread's: writing_, reading_, acking_.
//
// Threads: everything from any thread. Progress: attempts block for the disk. Ordering: FIFO; linearization inside a
// lock, where the element enters the tail or objects_ and where it is taken; for durable elements where their block was
// written. Cost: a lock, and a move or a copy; one system call for each block. Failure: see spill.hpp.
// Lifetime: as core_base. Origin: ours; group commit after DeWitt et al., "Implementation Techniques for Main Memory
// Database Systems", 1984.
//
// Ordering ledger
// Relaxed used as: under-lock, revalidated (writing_, by a sender that waits for a moment before it sleeps)

#include <gantry/base/assert.hpp>
#include <gantry/base/backoff.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/channel/detail/core.hpp>
#include <gantry/channel/spill/codec.hpp>
#include <gantry/channel/spill/detail/format.hpp>
#include <gantry/channel/spill/detail/object_queue.hpp>
#include <gantry/channel/spill/spool.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/mutex.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace gantry::channel {

// What a crash may take.
enum class spill_durability : std::uint8_t {
    volatile_overflow, // everything: the disk is only room
    durable_on_drain,  // everything, but a clean end writes all of it down
    durable,           // nothing that push() has accepted
};

enum class spill_full : std::uint8_t {
    block,       // a push waits for room
    refuse,      // it is refused as overflow
    drop_newest, // what is pushed is dropped
    drop_oldest, // what has waited longest is dropped; on disk at least a segment of it
};

struct spill_statistics {
    std::uint64_t elements = 0;
    std::uint64_t memory_bytes = 0;
    std::uint64_t leased = 0;
    std::uint64_t spilled = 0; // elements that were written to disk
    std::uint64_t refused = 0;
    std::uint64_t dropped_newest = 0;
    std::uint64_t dropped_oldest = 0;
    std::uint64_t undecodable = 0; // on disk, but not such an element
    spool_statistics disk{};
};

namespace detail {

// What a lease is of.
template<class T>
struct leased {
    std::uint64_t sequence = 0;
    bool on_disk = false;
    T value;
};

// Who looks at elements where they lie: one function for all of them.
template<class T>
struct viewer {
    struct nobody {};
    static constexpr auto view_type() {
        if constexpr (spill_viewable<T>)
            return std::type_identity<typename spill_codec<T>::view>();
        else
            return std::type_identity<nobody>();
    }
    using view = decltype(view_type())::type;

    void* where;
    void (*look)(void*, view);

    void operator()(view at) const { look(where, at); }
};

// The part of the core that leases and other handles know.
template<class T>
class leasing_core : public core<T> {
public:
    // Like attempt_pop(), but the element is only lent.
    virtual errc attempt_lease(std::optional<leased<T>>& into) = 0;
    // Shows up to `max` of the oldest to the viewer, outside of all locks, and acknowledges those that it returned
    // from; adds how many.
    virtual errc attempt_visit(viewer<T> who, std::size_t max, std::size_t& done) = 0;
    [[nodiscard]] virtual spool_result<void> acknowledge(std::span<const sequence_range> ranges,
                                                         std::span<const bool> on_disk) = 0;
    virtual void give_back(leased<T>&& element) noexcept = 0;
    [[nodiscard]] virtual spill_statistics statistics() = 0;
    [[nodiscard]] virtual std::optional<spool_error> error() = 0;
    [[nodiscard]] virtual spool_result<void> finish() = 0;
};

struct spill_limits {
    std::size_t memory_bytes_max;
    spill_durability durability;
    spill_full when_full;
    bool compresses;
};

template<class T, class Spool = spool>
class spill_core final : public leasing_core<T> {
    static_assert(spillable<T> && std::is_nothrow_move_constructible_v<T>);
    using codec = spill_codec<T>;
    using lock_type = std::unique_lock<sync::mutex>;

public:
    spill_core(std::unique_ptr<Spool> on, const spill_limits& limits)
        : limits_(limits), durable_(limits.durability == spill_durability::durable),
          block_bytes_(std::min(tuning::spill_block_bytes, limits.memory_bytes_max / 8)), spool_(std::move(on)),
          block_max_(block_bytes_) {
        const spool_statistics found = spool_->statistics();
        next_ = disk_end_ = spool_->next_sequence();
        read_next_ = found.unacknowledged != 0 ? 1 : next_;
        count_ = found.unacknowledged;
    }

    // In one piece: what inlining leaves outside costs as much as the lock.
    [[gnu::flatten]] errc attempt_push(T& value) override {
        std::size_t done = 0;
        const std::span<T> values(&value, 1);
        if (durable_)
            return push_durably(values, done);
        lock_type pushing(push_mutex_);
        if (direct_ && objects_.try_push(value, objects_bytes_max_, codec::memory_size)) [[likely]] {
            pushing.unlock();
            this->call_one(side::pop);
            return {};
        }
        return push_behind(pushing, values, done);
    }

    errc attempt_push_range(std::span<T> values, std::size_t& pushed) override {
        if (durable_)
            return push_durably(values, pushed);
        struct counting {
            spill_core& self;
            std::size_t& pushed;
            std::size_t done = 0;
            bool told = false;
            ~counting() {
                pushed += done;
                if (done != 0 && !told)
                    self.call_one(side::pop);
            }
        } counts{*this, pushed}; // also when there is no memory for the rest
        lock_type pushing(push_mutex_);
        if (direct_) {
            objects_.push(values, objects_bytes_max_, counts.done, codec::memory_size);
            if (counts.done == values.size()) [[likely]]
                return {};
        }
        const errc reason = push_behind(pushing, values, counts.done);
        counts.told = true;
        return reason;
    }

    [[gnu::flatten]] errc attempt_pop(pop_result<T>& into) override {
        lock_type lock(mutex_);
        if (objects_are_next() && !has_more_to_tell()) [[likely]] {
            into.emplace(std::move(objects_.front()));
            objects_.pop_front();
            lock.unlock();
            this->call_one(side::push);
            return {};
        }
        return pop_behind(lock, into);
    }

    errc attempt_pop_some(sink<T> out, std::size_t max, std::size_t& popped) override {
        lock_type lock(mutex_);
        telling tells{*this, lock};
        if (objects_are_next()) [[likely]] {
            stuck_ = false;
            tells.room = true;
            objects_.pop_some(out, max, popped);
            return {};
        }
        errc reason{};
        std::optional<leased<T>> taken;
        for (std::size_t done = 0; done != max && (done == 0 || has_next());) {
            reason = bring(lock);
            if (reason != errc{})
                break;
            tells.room = true;
            if (returned_.empty() && objects_.is_empty()) {
                const std::size_t before = popped;
                pop_block(out, max - done, popped);
                done += popped - before;
                continue;
            }
            static_cast<void>(take(lock, taken));
            *out = std::move(taken->value);
            ++out;
            ++done;
            ++popped;
            done_with(taken->sequence, taken->sequence, taken->on_disk);
            taken.reset();
        }
        if (!tells.room)
            return reason;
        static_cast<void>(acknowledge_done(lock, durable_)); // error() has it
        return {};
    }

    errc attempt_lease(std::optional<leased<T>>& into) override {
        lock_type lock(mutex_);
        telling tells{*this, lock};
        make_room(returned_, leased_ + 1); // so that it can come back
        const errc reason = take(lock, into);
        if (into)
            ++leased_;
        tells.room = reason == errc{};
        return reason;
    }

    errc attempt_visit(viewer<T> who, std::size_t max, std::size_t& done) override {
        if constexpr (spill_viewable<T>) {
            lock_type lock(mutex_);
            telling tells{*this, lock};
            for (std::size_t left = max; left != 0 && (left == max || has_next());) {
                if (const errc reason = bring(lock); reason != errc{})
                    return left == max ? reason : errc{};
                tells.room = true;
                const std::size_t before = done;
                if (!returned_.empty() || !objects_.is_empty())
                    show_object(lock, who, done);
                else
                    show_block(lock, who, left, done);
                left -= done - before;
            }
            return {};
        } else {
            return errc::empty; // leases::visit() is not there
        }
    }

    spool_result<void> acknowledge(std::span<const sequence_range> ranges, std::span<const bool> on_disk) override {
        spool_result<void> result;
        news told;
        {
            lock_type lock(mutex_);
            make_room(done_, ranges.size());
            for (std::size_t i = 0; i != ranges.size(); ++i) {
                --leased_;
                done_with(ranges[i].first, ranges[i].last, on_disk[i]);
            }
            if (!acknowledge_done(lock, durable_))
                result = std::unexpected(*ack_error_);
            told = news_of(true);
        }
        tell(told);
        return result;
    }

    void give_back(leased<T>&& element) noexcept override {
        {
            const std::scoped_lock lock(mutex_);
            --leased_;
            ++count_;
            const auto at = std::ranges::upper_bound(returned_, element.sequence, std::greater{}, &leased<T>::sequence);
            returned_.insert(at, std::move(element)); // there is room
        }
        this->call_one(side::pop);
    }

    [[nodiscard]] spill_statistics statistics() override {
        spill_statistics now;
        {
            const std::scoped_lock lock(mutex_);
            now = statistics_;
            now.elements = count();
            now.memory_bytes = memory_bytes();
            now.leased = leased_;
        }
        now.disk = spool_->statistics();
        return now;
    }
    [[nodiscard]] std::optional<spool_error> error() override {
        const std::scoped_lock lock(mutex_);
        return error_;
    }

    [[nodiscard]] bool is_ready(side on, const wait_entry* entry) noexcept override {
        const std::scoped_lock lock(mutex_);
        if (on == side::pop)
            return has_next() || is_at_end();
        // What is durable needs the disk, whatever memory there is.
        return closed_ || !stuck_ || (!durable_ && has_memory_for(entry != nullptr ? entry->bytes : 1));
    }
    [[nodiscard]] std::size_t bytes_of(const T& value) const override { return framed(value); }
    [[nodiscard]] bool is_closed() noexcept override {
        const std::scoped_lock lock(mutex_);
        return closed_;
    }
    [[nodiscard]] std::size_t size() noexcept override {
        const std::scoped_lock lock(mutex_);
        return static_cast<std::size_t>(count());
    }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept override { return std::nullopt; }
    [[nodiscard]] std::optional<std::size_t> bytes() noexcept override {
        const std::scoped_lock lock(mutex_);
        return memory_bytes();
    }
    [[nodiscard]] const char* kind_name() const noexcept override { return "spill"; }

    [[nodiscard]] spool_result<void> finish() override {
        this->close(errc::closed);
        lock_type lock(mutex_);
        changed_.wait(lock, [&] {
            return !is_writing() && !reading_ && !acking_ && blocks_out_ == 0 && (!durable_ || tail_.empty());
        });
        if (finished_)
            return {};
        finished_ = true;
        spool_result<void> result;
        if (limits_.durability == spill_durability::durable_on_drain)
            result = disk([&] { return write_down(); });
        else if (limits_.durability == spill_durability::volatile_overflow && next_ > 1)
            result = disk([&] { return spool_->acknowledge(1, next_ - 1); });
        drop_all(lock);
        // Even if something could not be written, what was is kept.
        if (auto closed = disk([&] { return spool_->close(); }); !closed && result)
            result = std::move(closed);
        lock.unlock();
        this->call_all(side::pop);
        return result;
    }

    ~spill_core() override { static_cast<void>(finish()); }

private:
    // Who waits for a block of durable elements to be written.
    struct ticket {
        bool done = false;
        errc reason{};
    };

    struct tail_block {
        batch records;
        std::shared_ptr<ticket> commit; // durable
    };

    struct cached_block {
        batch records;
        bool on_disk;
        bool refilled; // its memory is the reserve
    };

    // Whom to call after the lock.
    struct news {
        bool room = false;
        bool readable = false; // a receiver found nothing because of a block that was on its way
        bool ended = false;    // who waits for what may come back, or is on its way, waits for nothing
    };
    [[nodiscard]] news news_of(bool room) noexcept {
        return {.room = room, .readable = std::exchange(arrived_, false) && has_next(), .ended = is_at_end()};
    }
    void tell(const news& told) noexcept {
        if (told.ended)
            this->call_all(side::pop);
        else if (told.readable)
            this->call_one(side::pop);
        if (told.room)
            this->call_one(side::push);
    }
    // Tells at the end of an operation, also when it throws.
    struct telling {
        spill_core& self;
        lock_type& lock;
        bool room = false; // something was popped
        ~telling() {
            if (!lock.owns_lock())
                lock.lock();
            const news told = self.news_of(room);
            lock.unlock();
            self.tell(told);
        }
    };
    [[nodiscard]] bool has_more_to_tell() const noexcept { return arrived_ || closed_ || stuck_; }
    // An operation of the spool that finds no memory has failed like one that finds no disk: others wait for it.
    template<class Operation>
    [[nodiscard]] static auto disk(Operation operation) noexcept -> decltype(operation()) {
        try {
            return operation();
        } catch (const std::bad_alloc&) {
            return std::unexpected(
                spool_error{.reason = spool_errc::disk,
                            .cause = {.operation = storage_operation::write, .code = ENOMEM, .path = "spool"}});
        }
    }
    // What is put there next needs no memory.
    template<class E>
    static void make_room(std::vector<E>& in, std::size_t more) {
        if (in.capacity() - in.size() < more)
            in.reserve(std::max(2 * in.size(), in.size() + more));
    }
    void remember(const spool_error& error) noexcept {
        try {
            error_ = error;
        } catch (const std::bad_alloc&) {
            static_cast<void>(error); // the one before it stays
        }
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_ + objects_.size(); }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return used_ + refilled_ + spare_.capacity() + objects_.bytes();
    }
    [[nodiscard]] bool is_at_end() const noexcept { return closed_ && count() == 0 && leased_ == 0; }

    [[nodiscard]] static std::size_t framed(const T& value) {
        return (record_header_bytes + codec::encoded_size(value) + record_alignment - 1) / record_alignment *
               record_alignment;
    }

    // What refilling may take at any time, beside what is used; and what objects may not take of the rest.
    [[nodiscard]] std::size_t reserve() const noexcept { return (limits_.compresses ? 4 : 1) * block_max_; }
    [[nodiscard]] std::size_t room() const noexcept {
        const std::size_t taken = used_ + objects_.bytes() + reserve();
        return taken < limits_.memory_bytes_max ? limits_.memory_bytes_max - taken : 0;
    }
    [[nodiscard]] bool is_writing() const noexcept {
        return writing_.load(std::memory_order_relaxed); // relaxed: under-lock
    }
    [[nodiscard]] bool nothing_behind() const noexcept {
        return cached_.empty() && read_next_ >= disk_end_ && !is_writing() && tail_.empty() && !reading_ &&
               blocks_out_ == 0;
    }
    [[nodiscard]] bool has_memory_for(std::size_t bytes) const noexcept {
        return (!tail_.empty() && tail_.back().records.bytes().size() + bytes <= tail_.back().records.capacity()) ||
               room() >= std::max(bytes, block_bytes_);
    }
    // Objects come out, and nothing else is to be done with it.
    [[nodiscard]] bool objects_are_next() noexcept {
        return !objects_.is_empty() && returned_.empty() && done_.empty();
    }
    [[nodiscard]] bool has_next() noexcept {
        if (!returned_.empty() || !objects_.is_empty())
            return true;
        return !showing_ &&
               (!cached_.empty() || (!reading_ && !refill_is_out_ &&
                                     (read_next_ < disk_end_ || (!durable_ && !is_writing() && !tail_.empty()))));
    }

    // ------------------------------------------------------------------------------------------------------- pushing

    // For who finds no room among the objects, or that he may not go there; goes on behind the first `done`.
    [[gnu::noinline]] errc push_behind(lock_type& pushing, std::span<T> values, std::size_t& done) {
        lock_type lock(mutex_);
        errc reason{};
        if (may_go_directly(values, done))
            pushing.unlock();
        else
            reason = spill_all(pushing, lock, values, done);
        return tell_pushed(lock, reason, done);
    }
    [[gnu::noinline]] errc push_durably(std::span<T> values, std::size_t& pushed) {
        lock_type lock(mutex_);
        std::size_t done = 0;
        const errc reason = commit_all(lock, values, done);
        pushed += done;
        return tell_pushed(lock, reason, done);
    }
    errc tell_pushed(lock_type& lock, errc reason, std::size_t done) noexcept {
        news told = news_of(false);
        told.readable = told.readable || done != 0;
        lock.unlock();
        tell(told);
        return done != 0 ? errc{} : reason;
    }

    // Under both locks, for who could not: whether all values behind `done` went there now. If not, nobody may from now
    // on.
    bool may_go_directly(std::span<T> values, std::size_t& done) {
        if (!direct_) {
            if (closed_ || spilling_ != 0 || !nothing_behind())
                return false;
            // As nothing was put behind objects since, or they were popped before it was.
            objects_first_ = next_ - objects_.pushed();
            const std::size_t others = reserve() + 2 * block_max_;
            objects_bytes_max_ = limits_.memory_bytes_max > others ? limits_.memory_bytes_max - others : 0;
            direct_ = true;
        }
        objects_.push(values.subspan(done), objects_bytes_max_, done, codec::memory_size);
        if (done == values.size())
            return true;
        direct_ = false;
        next_ = objects_first_ + objects_.pushed();
        return false;
    }

    errc spill_all(lock_type& pushing, lock_type& lock, std::span<T> values, std::size_t& done) {
        // Nobody goes directly before what this one has to put there is there.
        const struct counting {
            lock_type& lock;
            unsigned& senders;
            ~counting() {
                if (!lock.owns_lock()) // the spool had no memory
                    lock.lock();
                --senders;
            }
        } counted{lock, ++spilling_};
        pushing.unlock();
        while (done != values.size()) {
            if (const errc reason = push_one(lock, values[done]); reason != errc{})
                return reason;
            ++done;
        }
        return {};
    }

    errc push_one(lock_type& lock, T& value) {
        if (closed_)
            return this->end();
        const std::size_t size = framed(value);
        bool drop = false;
        if (const errc reason = find_room(lock, size, drop); reason != errc{} || drop)
            return reason;
        encode(value, next_++);
        if (tail_.size() > 1 && !is_writing() && !stuck_)
            static_cast<void>(write_front(lock));
        return {};
    }

    void encode(T& value, std::uint64_t sequence) {
        batch& to = tail_.back().records;
        codec::encode(value, to.begin_element(sequence, static_cast<std::uint32_t>(codec::encoded_size(value))));
        to.end_element(0);
        ++count_;
        static_cast<void>(T(std::move(value))); // it is the channel's now
    }

    // Room at the end of the tail for one element; `drop`: there is none, and it is to be dropped.
    errc find_room(lock_type& lock, std::size_t size, bool& drop) {
        if (size > limits_.memory_bytes_max / 8)
            return errc::too_large;
        block_max_ = std::max(block_max_, size);
        while (!has_memory_for(size)) {
            if (is_writing()) {
                changed_.wait(lock);
            } else {
                errc reason = tail_.empty() ? errc::full : write_front(lock);
                if (reason != errc{})
                    reason = no_room(lock, reason, drop);
                if (reason != errc{} || drop)
                    return reason;
            }
            if (closed_)
                return this->end();
        }
        if (tail_.empty() || tail_.back().records.bytes().size() + size > tail_.back().records.capacity()) {
            make_room(tail_, 2); // also for one that could not be written
            auto commit = durable_ ? new_ticket() : nullptr;
            tail_.push_back({.records = new_block(size), .commit = std::move(commit)});
        }
        return {};
    }

    [[nodiscard]] std::shared_ptr<ticket> new_ticket() {
        if (spare_ticket_.use_count() == 1)
            *spare_ticket_ = {};
        else
            spare_ticket_ = std::make_shared<ticket>();
        return spare_ticket_;
    }
    [[nodiscard]] batch new_block(std::size_t size) {
        const std::size_t bytes = std::max(size, block_bytes_);
        if (spare_.capacity() < bytes)
            spare_.release();
        batch made = std::move(spare_);
        made.reserve(bytes);
        used_ += made.capacity();
        return made;
    }
    void drop_block(batch&& block) noexcept {
        used_ -= block.capacity();
        if (block.capacity() == block_bytes_)
            spare_ = std::move(block);
        else
            block.release();
        spare_.clear();
    }

    // Neither memory nor disk: errc{} if there may be room now.
    errc no_room(lock_type& lock, errc reason, bool& drop) {
        switch (limits_.when_full) {
        case spill_full::block:
            break;
        case spill_full::refuse:
            ++statistics_.refused;
            return reason == errc::full ? errc::overflow : reason;
        case spill_full::drop_newest:
            ++statistics_.dropped_newest;
            drop = true;
            return {};
        case spill_full::drop_oldest:
            if (drop_oldest(lock))
                return {};
            break;
        }
        return reason;
    }

    // One element, or the rest of a block.
    bool drop_oldest(lock_type& lock) {
        std::optional<leased<T>> oldest;
        static_cast<void>(take(lock, oldest));
        if (!oldest)
            return false;
        ++statistics_.dropped_oldest;
        done_with(oldest->sequence, oldest->sequence, oldest->on_disk);
        while (!cached_.empty()) {
            make_room(done_, 1);
            const auto next = cached_.front().records.next();
            if (!next) {
                finish_cached();
                break;
            }
            --count_;
            ++statistics_.dropped_oldest;
            done_with(next->sequence, next->sequence, cached_.front().on_disk);
        }
        static_cast<void>(acknowledge_done(lock, true));
        return true;
    }

    // Writes the first block of the tail.
    errc write_front(lock_type& lock) {
        writing_.store(true, std::memory_order_relaxed); // relaxed: under-lock
        tail_block block = take_first(tail_);
        if (durable_)
            block.records.number_from(next_);
        auto done = disk([&] {
            make_room(cached_, 3 + blocks_out_); // each that may be put there meanwhile
            return spool_result<void>();
        });
        if (done) {
            lock.unlock();
            done = disk([&] { return spool_->append(block.records); });
            lock.lock();
        }
        writing_.store(false, std::memory_order_relaxed); // relaxed: under-lock
        arrived_ = true;
        errc reason{};
        if (done) {
            stuck_ = false;
            const std::uint64_t disk_before = std::exchange(disk_end_, block.records.last() + 1);
            next_ = std::max(next_, disk_end_);
            statistics_.spilled += block.records.count();
            const bool none_before = read_next_ >= disk_before && read_next_ <= block.records.first();
            const bool unread = !reading_ && none_before;
            const bool joins = unread && !cached_.empty() && cached_.back().on_disk && !cached_.back().refilled &&
                               cached_.back().records.join(block.records);
            if (joins || (unread && room() >= 2 * block_max_)) {
                // The receivers are as far as this, and have not read it yet: they need not.
                read_next_ = disk_end_;
                spool_->skip_to(read_next_);
                if (!joins)
                    cached_.push_back({.records = std::move(block.records), .on_disk = true, .refilled = false});
            }
            drop_block(std::move(block.records));
        } else {
            stuck_ = true;
            reason = done.error().reason == spool_errc::full ? errc::full : errc::disk;
            error_ = std::move(done.error());
            if (durable_) {
                // Not accepted; nor is what came after it.
                tail_.insert(tail_.begin(), std::move(block));
                for (tail_block& each : tail_) {
                    count_ -= each.records.count();
                    used_ -= each.records.capacity();
                    each.commit->reason = reason;
                    each.commit->done = true;
                }
                tail_.clear();
            } else {
                tail_.insert(tail_.begin(), std::move(block));
            }
        }
        if (block.commit)
            block.commit->done = true;
        changed_.notify_all();
        return reason;
    }

    errc commit_all(lock_type& lock, std::span<T> values, std::size_t& done) {
        struct part {
            std::shared_ptr<ticket> commit;
            std::size_t count = 0;
        };
        std::array<part, 4> parts; // of the values, in order
        for (;;) {
            std::size_t used = 0;
            errc reason{};
            std::size_t staged = done;
            bool drop = false;
            for (; staged != values.size(); ++staged) {
                T& value = values[staged];
                if (closed_) {
                    reason = this->end();
                    break;
                }
                const std::size_t size = framed(value);
                // Who has put something there does not wait for others: it is written first.
                if (staged != done && !has_memory_for(size))
                    break;
                try {
                    reason = find_room(lock, size, drop);
                } catch (const std::bad_alloc&) {
                    if (staged == done)
                        throw;
                    break; // what was put there is written, and then it fails again
                }
                if (reason != errc{} || drop)
                    break;
                batch& to = tail_.back().records;
                const std::uint64_t number = to.empty() ? 1 : to.last() + 1; // for the time being
                if (used == 0 || parts[used - 1].commit != tail_.back().commit) {
                    if (used == parts.size())
                        break;
                    parts[used++] = {.commit = tail_.back().commit};
                }
                codec::encode(value, to.begin_element(number, static_cast<std::uint32_t>(codec::encoded_size(value))));
                to.end_element(0);
                ++count_;
                ++parts[used - 1].count;
            }
            if (drop) { // this one only
                ++done;
                return {};
            }
            for (std::size_t i = 0; i != used; ++i) {
                ticket& mine = *parts[i].commit;
                while (!mine.done) {
                    if (is_writing())
                        wait_for_writer(lock, mine);
                    else
                        static_cast<void>(write_front(lock));
                }
                if (mine.reason != errc{}) {
                    // While an element is lent its segment cannot go, whatever is dropped behind it.
                    const bool nothing_goes = limits_.when_full == spill_full::drop_oldest && leased_ != 0;
                    reason = nothing_goes ? mine.reason : no_room(lock, mine.reason, drop);
                    if (drop) {
                        // With it those behind it, which failed as well.
                        std::size_t dropped = 0;
                        for (std::size_t each = i; each != used; ++each)
                            dropped += parts[each].count;
                        statistics_.dropped_newest += dropped - 1;
                        done += dropped;
                        return {};
                    }
                    break;
                }
                for (std::size_t each = 0; each != parts[i].count; ++each)
                    static_cast<void>(T(std::move(values[done++])));
            }
            const bool again = reason == errc{} && done == 0 && !values.empty();
            if (!again) // else the oldest were dropped: once more
                return reason;
        }
    }

    // A write of a few elements takes as long as falling asleep.
    void wait_for_writer(lock_type& lock, const ticket& mine) {
        lock.unlock();
        backoff backoff;
        while (writing_.load(std::memory_order_relaxed) && !backoff.exhausted()) // relaxed: revalidated
            backoff.pause();
        lock.lock();
        if (is_writing() && !mine.done)
            changed_.wait(lock);
    }

    // ------------------------------------------------------------------------------------------------------- popping

    // Sees to it that the oldest element is in returned_, in objects_, or the next of the first cached block: errc{} if
    // there is one.
    errc bring(lock_type& lock) {
        for (;;) {
            if (!returned_.empty() || !objects_.is_empty())
                return {};
            if (showing_)
                return errc::empty;
            if (!cached_.empty()) {
                if (cached_.front().records.left() != 0)
                    return {};
                finish_cached();
                continue;
            }
            if (reading_ || refill_is_out_ || finished_)
                return errc::empty;
            if (read_next_ < disk_end_) {
                if (const errc reason = refill(lock); reason != errc{})
                    return reason;
                continue;
            }
            if (!durable_ && !is_writing() && !tail_.empty()) {
                make_room(cached_, 1);
                cached_.push_back({.records = take_first(tail_).records, .on_disk = false, .refilled = false});
                continue;
            }
            return is_at_end() ? this->end() : errc::empty;
        }
    }

    // The oldest element. errc{} if there is one.
    errc take(lock_type& lock, std::optional<leased<T>>& into) {
        for (;;) {
            if (const errc reason = bring(lock); reason != errc{})
                return reason;
            make_room(done_, 1); // so that it can be done with
            if (!returned_.empty()) {
                into.emplace(std::move(returned_.back()));
                returned_.pop_back();
                --count_;
                return {};
            }
            if (!objects_.is_empty()) {
                const std::uint64_t sequence = objects_first_ + objects_.popped();
                into.emplace(leased<T>{.sequence = sequence, .on_disk = false, .value = std::move(objects_.front())});
                objects_.pop_front();
                stuck_ = false;
                return {};
            }
            cached_block& block = cached_.front();
            const auto next = block.records.next();
            std::optional<T> value = decode(block.records, *next);
            --count_;
            if (!value) {
                ++statistics_.undecodable;
                done_with(next->sequence, next->sequence, block.on_disk);
                continue;
            }
            into.emplace(leased<T>{.sequence = next->sequence, .on_disk = block.on_disk, .value = *std::move(value)});
            if (block.records.left() == 0)
                finish_cached();
            return {};
        }
    }

    // Up to `max` of the next elements of the first cached block, which has some; adds how many.
    void pop_block(sink<T>& out, std::size_t max, std::size_t& done) {
        make_room(done_, 1);
        struct popping {
            spill_core& self;
            cached_block& block;
            std::optional<sequence_range> gone{};
            ~popping() { // also when the sink throws, which loses the element for this time
                if (gone)
                    self.done_with(gone->first, gone->last, block.on_disk);
                if (block.records.left() == 0)
                    self.finish_cached();
            }
        } from{*this, cached_.front()};
        for (std::size_t left = max; left != 0;) {
            const auto next = from.block.records.next();
            if (!next)
                return;
            std::optional<T> value = decode(from.block.records, *next);
            --count_;
            if (value) {
                *out = *std::move(value);
                ++out;
                ++done;
                --left;
            } else {
                ++statistics_.undecodable;
            }
            from.gone = {.first = from.gone ? from.gone->first : next->sequence, .last = next->sequence};
        }
    }
    // If there is no memory for it, it is still the next one.
    [[nodiscard]] static std::optional<T> decode(batch& from, const batch::element& next) {
        try {
            return codec::decode(next.payload);
        } catch (...) {
            from.put_back(next);
            throw;
        }
    }

    [[gnu::noinline]] errc pop_behind(lock_type& lock, pop_result<T>& into) {
        telling tells{*this, lock};
        std::optional<leased<T>> taken;
        const errc reason = take(lock, taken);
        tells.room = reason == errc{};
        if (taken) {
            into.emplace(std::move(taken->value));
            done_with(taken->sequence, taken->sequence, taken->on_disk);
            static_cast<void>(acknowledge_done(lock, durable_)); // error() has it
        }
        return reason;
    }

    // An element that is an object: lent while it is looked at.
    void show_object(lock_type& lock, viewer<T> who, std::size_t& done) {
        make_room(returned_, leased_ + 1);
        std::optional<leased<T>> lent;
        static_cast<void>(take(lock, lent));
        ++leased_;
        lock.unlock();
        try {
            who(codec::view_of(lent->value));
        } catch (...) {
            give_back(*std::move(lent));
            throw;
        }
        lock.lock();
        --leased_;
        ++done;
        note_done(lent->sequence, lent->sequence, lent->on_disk);
        static_cast<void>(acknowledge_done(lock, durable_)); // error() has it
    }

    // The first block: it is taken out as a whole while its elements are looked at, and what is left comes back.
    void show_block(lock_type& lock, viewer<T> who, std::size_t max, std::size_t& done) {
        make_room(cached_, 3 + blocks_out_); // it, and each that may be put there meanwhile
        cached_block block = take_first(cached_);
        const std::size_t all = block.records.left();
        const bool in_part = max < all; // then what is left is not lent, and nobody may take what is behind it
        count_ -= all;
        leased_ += all;
        ++blocks_out_;
        showing_ = showing_ || in_part;
        refill_is_out_ = refill_is_out_ || block.refilled;
        std::optional<sequence_range> seen;
        std::uint64_t undecodable = 0;
        const auto look = [&] {
            for (std::size_t left = max; left != 0;) {
                const auto next = block.records.next();
                if (!next)
                    return;
                const auto view = codec::view_bytes(next->payload);
                if (view) {
                    try {
                        who(*view);
                    } catch (...) {
                        block.records.put_back(*next);
                        throw;
                    }
                    ++done;
                    --left;
                } else {
                    ++undecodable;
                }
                seen = {.first = seen ? seen->first : next->sequence, .last = next->sequence};
            }
        };
        const auto put_back = [&]() noexcept {
            lock.lock();
            leased_ -= all;
            --blocks_out_;
            showing_ = showing_ && !in_part;
            refill_is_out_ = refill_is_out_ && !block.refilled;
            arrived_ = true;
            statistics_.undecodable += undecodable;
            if (seen)
                note_done(seen->first, seen->last, block.on_disk);
            count_ += block.records.left();
            if (block.records.left() != 0) {
                // Others that were out may have come back before it. There is room.
                const auto behind = std::ranges::find_if(
                    cached_, [&](const cached_block& each) { return each.records.first() > block.records.first(); });
                cached_.insert(behind, std::move(block));
            } else {
                finish_block(std::move(block));
            }
            stuck_ = false;
            changed_.notify_all();
        };
        lock.unlock();
        try {
            look();
        } catch (...) {
            put_back();
            static_cast<void>(acknowledge_done(lock, durable_));
            throw;
        }
        put_back();
        static_cast<void>(acknowledge_done(lock, durable_)); // error() has it
    }

    void finish_cached() noexcept {
        finish_block(take_first(cached_));
        stuck_ = false;
    }
    void finish_block(cached_block&& done) noexcept {
        if (done.refilled) {
            refilled_ = 0;
            refill_ = std::move(done.records);
        } else {
            drop_block(std::move(done.records));
        }
    }
    template<class E>
    [[nodiscard]] static E take_first(std::vector<E>& of) noexcept {
        E first = std::move(of.front());
        of.erase(of.begin());
        return first;
    }

    errc refill(lock_type& lock) {
        make_room(cached_, 3 + blocks_out_); // each that may be put there meanwhile
        reading_ = true;
        const std::uint64_t end = disk_end_;
        const std::size_t bytes = block_bytes_;
        lock.unlock();
        spool_result<bool> got = disk([&] { return spool_->read(refill_, bytes); });
        const std::uint64_t lost = spool_->statistics().lost;
        lock.lock();
        reading_ = false;
        arrived_ = true;
        changed_.notify_all();
        if (!got) {
            error_ = std::move(got.error());
            return errc::disk;
        }
        count_ -= std::min(count_, lost - lost_);
        lost_ = lost;
        if (!*got) {
            read_next_ = std::max(read_next_, end);
            return {};
        }
        read_next_ = refill_.last() + 1;
        refilled_ = refill_.capacity();
        cached_.push_back({.records = std::move(refill_), .on_disk = true, .refilled = true});
        return {};
    }

    // ------------------------------------------------------------------------------------------------- acknowledging

    void done_with(std::uint64_t first, std::uint64_t last, bool on_disk) {
        if (!on_disk)
            return;
        if (!done_.empty() && done_.back().last + 1 == first)
            done_.back().last = last;
        else
            done_.push_back({.first = first, .last = last});
    }

    // Where an exception would be worse than an element that comes again after a restart.
    void note_done(std::uint64_t first, std::uint64_t last, bool on_disk) noexcept {
        if (!on_disk)
            return;
        try {
            done_with(first, last, true);
        } catch (const std::bad_alloc&) {
            static_cast<void>(last); // it is not noted
        }
    }

    // Tells the spool; `now`: and waits for it, else only now and then. False: that failed, with ack_error_.
    bool acknowledge_done(lock_type& lock, bool now) noexcept {
        if (done_.empty() && !now)
            return true;
        if (!now && !cached_.empty() && done_.size() < 64)
            return true;
        const std::uint64_t mine = ++acks_wanted_;
        while (acks_done_ < mine) {
            if (acking_) {
                if (!now)
                    return true; // the next one does
                changed_.wait(lock);
                continue;
            }
            std::vector<sequence_range> ranges;
            ranges.swap(done_);
            const std::uint64_t covered = acks_wanted_;
            if (!ranges.empty()) {
                acking_ = true;
                lock.unlock();
                auto result = disk([&] { return spool_->acknowledge(ranges); });
                lock.lock();
                acking_ = false;
                stuck_ = false;
                if (!result) {
                    remember(result.error());
                    ack_error_ = std::move(result.error());
                    acks_failed_ = covered;
                }
                changed_.notify_all();
            }
            acks_done_ = std::max(acks_done_, covered);
        }
        return acks_failed_ < mine;
    }

    // --------------------------------------------------------------------------------------------------------- the end

    void stop() noexcept override {
        const std::scoped_lock pushing(push_mutex_);
        const std::scoped_lock lock(mutex_);
        closed_ = true;
        if (std::exchange(direct_, false))
            next_ = objects_first_ + objects_.pushed();
    }

    // What is kept over a restart stays on disk, or is written by the destructor.
    void discard() noexcept override {
        if (limits_.durability != spill_durability::volatile_overflow)
            return;
        lock_type lock(mutex_);
        changed_.wait(lock, [&] { return !is_writing() && !reading_; });
        drop_all(lock);
        read_next_ = disk_end_;
    }

    // Elements are destroyed outside of the lock.
    void drop_all(lock_type& lock) noexcept {
        const object_queue<T> objects(std::move(objects_));
        const std::vector<leased<T>> returned(std::move(returned_));
        returned_.clear();
        cached_.clear();
        tail_.clear();
        spare_.release();
        used_ = refilled_ = 0;
        count_ = 0;
        lock.unlock();
        lock.lock();
    }

    // What is only in memory, in order. What is older than something that was spilled goes before it.
    spool_result<void> write_down() {
        batch records;
        spool_result<void> result;
        const auto flush = [&] {
            if (records.empty())
                return;
            if (result) // after a failure nothing else is tried: it would leave a gap
                result = records.first() >= spool_->next_sequence() ? spool_->append(records)
                                                                    : spool_->append_left_out(records);
            records.clear();
        };
        const auto add = [&](std::uint64_t sequence, const auto& fill, std::size_t size) {
            if (!records.empty() && (sequence != records.last() + 1 || records.bytes().size() + size > block_bytes_))
                flush();
            fill(records.begin_element(sequence, static_cast<std::uint32_t>(size)));
            records.end_element(0);
        };
        const auto add_value = [&](std::uint64_t sequence, const T& value) {
            add(sequence, [&](std::byte* to) { codec::encode(value, to); }, codec::encoded_size(value));
        };
        const auto add_records = [&](batch& from) {
            while (const auto each = from.next())
                add(each->sequence, [&](std::byte* to) { std::ranges::copy(each->payload, to); }, each->payload.size());
        };
        for (const leased<T>& each : returned_ | std::views::reverse)
            if (!each.on_disk)
                add_value(each.sequence, each.value);
        for (; !objects_.is_empty(); objects_.pop_front())
            add_value(objects_first_ + objects_.popped(), objects_.front());
        for (cached_block& each : cached_)
            if (!each.on_disk)
                add_records(each.records);
        for (tail_block& each : tail_)
            add_records(each.records);
        flush();
        if (!done_.empty() && result)
            result = spool_->acknowledge(std::exchange(done_, {}));
        return result;
    }

    // Constant after construction.
    const spill_limits limits_;
    const bool durable_;
    const std::size_t block_bytes_;
    const std::unique_ptr<Spool> spool_; // appended to by who set writing_, read by who set reading_, and so on

    // Guarded by push_mutex_, which is taken before mutex_. objects_first_ is changed under both.
    alignas(cache_line_bytes) sync::mutex push_mutex_;
    bool direct_ = false; // nothing lies behind objects_, and nobody is about to put something there
    std::size_t objects_bytes_max_ = 0;
    // Pushed to under push_mutex_, popped from under mutex_.
    object_queue<T> objects_;

    // Guarded by mutex_.
    sync::mutex mutex_;
    sync::condition_variable changed_; // a block was written or read, acknowledgements were kept
    std::vector<leased<T>> returned_;  // the newest first; has room for all that are lent
    std::uint64_t objects_first_ = 1;  // the number that the first object of all has, or would have by now
    std::vector<cached_block> cached_;
    std::vector<tail_block> tail_;
    batch refill_;                         // memory for the next one; reading_'s
    batch spare_;                          // memory for the next block, used first: not in used_
    std::shared_ptr<ticket> spare_ticket_; // nobody else's, if the latest commit is done
    std::vector<sequence_range> done_;     // on disk, popped, not yet acknowledged
    std::uint64_t next_ = 1;               // not while direct_
    std::uint64_t disk_end_ = 1;
    std::uint64_t read_next_ = 1;
    std::uint64_t acks_wanted_ = 0;
    std::uint64_t acks_done_ = 0;
    std::uint64_t acks_failed_ = 0; // up to here the latest failure reached
    std::optional<spool_error> ack_error_;
    std::uint64_t lost_ = 0;
    std::uint64_t count_ = 0; // without objects
    std::uint64_t leased_ = 0;
    unsigned spilling_ = 0;            // senders in spill_all()
    std::size_t used_ = 0;             // blocks
    std::size_t refilled_ = 0;         // of the reserve
    std::size_t block_max_;            // the largest block so far
    std::atomic<bool> writing_{false}; // read without the lock, too
    bool reading_ = false;
    std::size_t blocks_out_ = 0; // are being looked at
    bool showing_ = false;       // one of them in part
    bool refill_is_out_ = false; // one of them has the reserve's memory
    bool acking_ = false;
    bool arrived_ = false; // a block was written or read since a receiver was called
    bool stuck_ = false;   // the last write failed, and nothing was popped since
    bool closed_ = false;
    bool finished_ = false;
    std::optional<spool_error> error_; // the latest
    spill_statistics statistics_;
};

} // namespace detail
} // namespace gantry::channel
