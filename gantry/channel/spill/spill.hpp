// SPDX-License-Identifier: MIT
#pragma once
//
// channel::spill<T>(storage, path, options): a channel whose memory is bounded in bytes; what does not fit waits on
// disk, in order, and outlives the process if asked to.
//
// Use it when a receiver may fall behind for long (a sink that is down), and neither losing elements nor growing nor
// stopping the senders is acceptable.
// Do not use it when senders can wait -> channel::bounded; when only the memory is to be bounded -> bounded_bytes; when
// bytes are to be stored without a channel -> spool.hpp.
//
//     auto made = spill<std::string>(storage, path, {.memory_bytes_max = 1 << 20});
//     if (!made)
//         return made.error().message();
//     auto& [tx, rx, disk] = *made;
//
// The ends are ordinary ones: all operations of channel.hpp, select, coroutines. disk is the third: leases, elements in
// place (leases::visit), statistics, the latest error, and finish(). A type needs a spill_codec (codec.hpp), and a move
// that cannot fail.
//
// What a kill of the process, and a power cut, can take:
//   volatile_overflow: everything. A later start finds leftovers only of the part that was on disk.
//   durable_on_drain: everything while it runs; nothing after finish() returned success (or the last handle was gone
//     and the disk worked).
//   durable: by a kill nothing that push() accepted; a push that was refused or never returned may be found all the
//     same. By a power cut with spool_sync::each nothing either; with none or segment, what the system had not written.
// A pop() acknowledges what it hands out, before it returns. A lease (disk.leases()) acknowledges when it is told to;
// what was not acknowledged comes again, first, when the lease is dropped or, if it is on disk, after a restart.
// Acknowledgements are as durable as elements; in volatile_overflow and durable_on_drain they are kept at the end only.
//
// Threads: as channel.hpp. Progress: blocking; all operations, try_ ones too, wait for disk operations that they need.
// Ordering: FIFO over memory and disk and all senders, leases that came back first; what happened before a push is seen
//   after the pop. Linearization: inside the channel's locks.
// Cost: memory: a lock and a move; on disk: a copy in, a copy out, 20 bytes, one write and one read for 256 KiB. A
//   durable push: one write (and sync) for all senders that wait at that time; pop: 56 bytes written; a batch is one.
// Failure: full as spill_full says: errc::full (and waiting), overflow, or dropping, each counted. A disk that fails is
//   full too, but a refused push is told errc::disk, and a pop that cannot read as well; error() says what happened.
//   Later operations try again. An element over an eighth of memory_bytes_max is too_large. Memory counts what the
//   codec says with 8 bytes or so for each element, blocks, and buffers; not what is out on lease. Where there is no
//   memory an operation throws std::bad_alloc and has done nothing; inside of a disk operation that is errc::disk.
// Lifetime: the storage outlives the channel; the channel ends with its last handle or lease, which is when elements in
//   memory are written (durable_on_drain) or removed from the disk (volatile_overflow).
// Origin: hopper (B. L. Troutwine), whose faults issue 6 lists; see SPILL.md.

#include <gantry/base/assert.hpp>
#include <gantry/base/storage.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/channel/select.hpp>
#include <gantry/channel/spill/codec.hpp>
#include <gantry/channel/spill/detail/spill_core.hpp>
#include <gantry/channel/spill/spool.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace gantry::channel {

namespace detail {
template<class T>
class lease_arm;
} // namespace detail

struct spill_options {
    std::size_t memory_bytes_max = std::size_t{64} << 20U;
    std::uint64_t disk_bytes_max = std::uint64_t{1} << 30U;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20U;
    spill_durability durability = spill_durability::volatile_overflow;
    spill_full when_full = spill_full::block;
    spool_sync sync = spool_sync::none; // of durable
    int compression = 0;                // level of zstd; 0: none
    spool_leftover leftover = spool_leftover::adopt;
};

template<class T>
struct spilling;

// An element that is only lent. Dropped without acknowledge() it goes back, and comes out again first.
template<class T>
class [[nodiscard]] lease {
public:
    lease(lease&& other) noexcept : core_(std::exchange(other.core_, nullptr)), held_(std::move(other.held_)) {}
    lease& operator=(lease other) noexcept {
        std::swap(core_, other.core_);
        std::swap(held_, other.held_);
        return *this;
    }
    ~lease() {
        if (core_ != nullptr) {
            core_->give_back(*std::move(held_));
            core_->drop_receiver();
        }
    }

    [[nodiscard]] T& operator*() noexcept { return held_->value; }
    [[nodiscard]] T* operator->() noexcept { return &held_->value; }

    // Counts up over the whole life of the spool; a repeated element keeps its number.
    [[nodiscard]] std::uint64_t sequence() const noexcept { return held_->sequence; }

    // Once: it is done with. In case of an error it may come again after a restart.
    spool_result<void> acknowledge() { return acknowledge(std::span(this, 1)); }

    // The same for several of one channel, in one write.
    static spool_result<void> acknowledge(std::span<lease> several) {
        if (several.empty())
            return {};
        std::vector<detail::sequence_range> ranges;
        const auto on_disk = std::make_unique<bool[]>(several.size());
        detail::leasing_core<T>* const core = several.front().core_;
        for (lease& each : several) {
            GANTRY_ASSERT(each.core_ != nullptr && each.core_ == core);
            on_disk[ranges.size()] = each.held_->on_disk;
            ranges.push_back({.first = each.held_->sequence, .last = each.held_->sequence});
        }
        auto result = core->acknowledge(ranges, std::span(on_disk.get(), several.size()));
        for (lease& each : several)
            std::exchange(each.core_, nullptr)->drop_receiver();
        return result;
    }

private:
    template<class>
    friend class detail::lease_arm;
    lease(detail::leasing_core<T>& core, detail::leased<T>&& held) noexcept : core_(&core), held_(std::move(held)) {
        core_->add_receiver();
    }

    detail::leasing_core<T>* core_;
    std::optional<detail::leased<T>> held_;
};

namespace detail {

template<class T>
class lease_arm final : public select_arm {
public:
    explicit lease_arm(leasing_core<T>& of) noexcept : select_arm(of, side::pop), of_(of) {}
    bool attempt() override {
        reason_ = of_.attempt_lease(held_);
        return reason_ != errc::empty;
    }
    void handed() noexcept override {}
    void describe(wait_entry&) override {}

    [[nodiscard]] std::expected<lease<T>, errc> take() {
        if (!held_)
            return std::unexpected(reason_);
        lease<T> made(of_, *std::move(held_));
        held_.reset();
        return made;
    }
    template<class Handler>
    decltype(auto) tell(Handler& handler) {
        return handler(take());
    }

private:
    leasing_core<T>& of_;
    std::optional<leased<T>> held_;
    errc reason_ = errc::empty;
};

template<class T>
class visit_arm final : public select_arm {
public:
    template<class Look>
    visit_arm(leasing_core<T>& of, Look& look, std::size_t max) noexcept
        : select_arm(of, side::pop), of_(of), who_{.where = &look,
                                                   .look =
                                                       [](void* at, viewer<T>::view view) {
                                                           (*static_cast<Look*>(at))(view);
                                                       }},
          max_(max) {
        GANTRY_ASSERT(max >= 1);
    }
    bool attempt() override {
        reason_ = of_.attempt_visit(who_, max_, done_);
        return reason_ != errc::empty;
    }
    void handed() noexcept override {}
    void describe(wait_entry&) override {}

    [[nodiscard]] std::expected<std::size_t, errc> take() const {
        return done_ != 0 ? std::expected<std::size_t, errc>(done_) : std::unexpected(reason_);
    }

private:
    leasing_core<T>& of_;
    viewer<T> who_;
    std::size_t max_;
    std::size_t done_ = 0;
    errc reason_ = errc::empty;
};

} // namespace detail

// A receiver that lends. It may be an arm of a select: on(leases, f) calls f with a leases<T>::result.
template<class T>
class [[nodiscard]] leases {
public:
    using result = std::expected<lease<T>, errc>;

    // Waits for an element; or says closed or disconnected.
    [[nodiscard]] result pop() const { return pop_until(no_deadline); }
    // An element; or empty or closed.
    [[nodiscard]] result try_pop() const {
        detail::lease_arm<T> one(core());
        static_cast<void>(one.attempt());
        return one.take();
    }
    // An element; or timeout or closed.
    template<class Rep, class Period>
    [[nodiscard]] result pop_for(std::chrono::duration<Rep, Period> duration) const {
        return pop_until(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] result pop_until(std::chrono::time_point<Clock, Duration> time) const {
        detail::lease_arm<T> one(core());
        detail::select_arm* const arms[] = {&one};
        std::array<detail::wait_arm, 1> waits{};
        if (!detail::select_among(arms, waits, deadline_at(time), detail::order::listed))
            return std::unexpected(errc::timeout);
        return one.take();
    }
    // Waits for one, then takes what is there, `max` in all at most.
    [[nodiscard]] std::expected<std::vector<lease<T>>, errc> pop_some(std::size_t max) const {
        auto first = pop();
        if (!first)
            return std::unexpected(first.error());
        std::vector<lease<T>> all;
        all.push_back(*std::move(first));
        while (all.size() < max) {
            auto next = try_pop();
            if (!next)
                break;
            all.push_back(*std::move(next));
        }
        return all;
    }

    // Waits for an element, then calls look(view) for up to `max` of the oldest, where they lie: without a copy, one
    // after the other, outside of all locks. Those that it returned from are acknowledged, in one write where they are
    // durable; if it throws, that one and those behind it come again. How many; or closed or disconnected. `look` may
    // use the channel, but for finish(); other receivers may have to wait until it is done.
    template<class Look>
    requires spill_viewable<T> && std::invocable<Look&, typename spill_codec<T>::view>
    std::expected<std::size_t, errc> visit(std::size_t max, Look look) const {
        detail::visit_arm<T> one(core(), look, max);
        detail::select_arm* const arms[] = {&one};
        std::array<detail::wait_arm, 1> waits{};
        static_cast<void>(detail::select_among(arms, waits, no_deadline, detail::order::listed));
        return one.take();
    }
    // The same for what is there now; or empty.
    template<class Look>
    requires spill_viewable<T> && std::invocable<Look&, typename spill_codec<T>::view>
    std::expected<std::size_t, errc> try_visit(std::size_t max, Look look) const {
        detail::visit_arm<T> one(core(), look, max);
        static_cast<void>(one.attempt());
        return one.take();
    }

private:
    template<class>
    friend class spill_disk;
    friend detail::arm_of<leases>;
    explicit leases(receiver<T> of) noexcept : of_(std::move(of)) {}

    [[nodiscard]] detail::leasing_core<T>& core() const {
        return static_cast<detail::leasing_core<T>&>(detail::access::core_of(of_));
    }

    receiver<T> of_;
};

template<class T>
struct detail::arm_of<leases<T>> {
    using type = lease_arm<T>;
    using result = leases<T>::result;
    [[nodiscard]] static leasing_core<T>& core_of(const leases<T>& of) noexcept { return of.core(); }
};

// The third end of a spilling channel. It counts as a receiver.
template<class T>
class [[nodiscard]] spill_disk {
public:
    [[nodiscard]] channel::leases<T> leases() const { return channel::leases<T>(of_); }
    [[nodiscard]] spill_statistics statistics() const { return core().statistics(); }
    // The latest failure of the disk.
    [[nodiscard]] std::optional<spool_error> error() const { return core().error(); }
    // Ends the channel now: closes it, writes down what durability promises, and lets go of the directory's content.
    // Nothing comes out any more. Leases must be gone, or their elements stay only if they are on disk.
    [[nodiscard]] spool_result<void> finish() const { return core().finish(); }

private:
    template<class U>
    friend spool_result<spilling<U>> spill(storage& storage, const std::string& path, const spill_options& options);
    explicit spill_disk(receiver<T> of) noexcept : of_(std::move(of)) {}

    [[nodiscard]] detail::leasing_core<T>& core() const {
        return static_cast<detail::leasing_core<T>&>(detail::access::core_of(of_));
    }

    receiver<T> of_;
};

template<class T>
struct spilling {
    sender<T> tx;
    receiver<T> rx;
    spill_disk<T> disk;
};

// Opens or creates the directory `path`, whose parent must exist.
template<class T>
[[nodiscard]] spool_result<spilling<T>> spill(storage& storage, const std::string& path,
                                              const spill_options& options = {}) {
    static_assert(spillable<T>, "a spilling channel needs spill_codec<T>");
    GANTRY_ASSERT(options.memory_bytes_max >= 256);
    const bool durable = options.durability == spill_durability::durable;
    // Larger batches than a block with one element do not occur.
    const std::uint64_t largest =
        std::max<std::uint64_t>(options.memory_bytes_max / 8, tuning::spill_block_bytes) + detail::record_header_bytes;
    auto opened =
        spool::open(storage, path,
                    {.segment_bytes = std::max(options.segment_bytes, 2 * largest),
                     .disk_bytes_max = options.disk_bytes_max,
                     .record_bytes_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(
                         std::max<std::uint64_t>(largest, std::uint64_t{16} << 20U), detail::record_length_max)),
                     .sync = durable ? options.sync : spool_sync::none,
                     .keep_acknowledgements = durable,
                     .compression = options.compression,
                     .leftover = options.leftover});
    if (!opened)
        return std::unexpected(std::move(opened.error()));
    auto both = detail::access::both<T>(
        new detail::spill_core<T>(*std::move(opened), {.memory_bytes_max = options.memory_bytes_max,
                                                       .durability = options.durability,
                                                       .when_full = options.when_full,
                                                       .compresses = options.compression != 0}));
    spill_disk<T> disk(both.rx);
    return spilling<T>{.tx = std::move(both.tx), .rx = std::move(both.rx), .disk = std::move(disk)};
}

} // namespace gantry::channel
