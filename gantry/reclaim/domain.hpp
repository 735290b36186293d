// SPDX-License-Identifier: MIT
#pragma once
//
// domain: the account of what waits to be freed. What is common to the domains of all schemes: limit, gauges,
// collect().
//
// Use it when structures shall have an account of their own: one domain for each group whose garbage is limited
// together, given to their constructors.
// Do not use it when one account for the process will do -> S::default_domain(), which every container takes by itself.
//
//     gantry::reclaim::epoch_domain domain({.garbage_bytes_max = std::size_t{1} << 20U});
//     gantry::container::treiber_stack<int> stack(domain);
//
// An object that was retired is garbage until its deleter has run. Each thread keeps its own list and looks for what
// nobody protects any more when the list has grown by some objects or bytes, at the end of the section in which it did.
// If the domain then holds more than garbage_bytes_max, the hook is told; with when_full::wait the thread stays there
// until there is room or nothing is left that it could free. So garbage exceeds the limit by at most what one section
// retires and, for each thread, a sixteenth of the limit or 64 KiB, whichever is less. CHOOSING.md says what each
// scheme does with a reader that never leaves.
//
// Threads: everything from any thread, construction and destruction apart. No thread is registered by hand; threads
//   and the process may end in any order. Progress: gauges are wait-free in the number of threads there ever were.
// Ordering: a deleter runs after everything that any thread did with the object while it protected it.
// Cost: 256 to 384 bytes for each thread that is inside at once, kept for the next ones; 24 bytes for each object that
//   waits. Failure: a thread's first section in a domain throws std::bad_alloc when there is no memory for the thread's
//   record. retire() needs memory for its note now and then; where there is none, the process ends (std::terminate, as
//   from any noexcept function). A deleter must not throw.
// Lifetime: a domain outlives its sections, guards and the structures that use it; its destructor runs every deleter
//   that is left. The default domains are never destroyed. Deleters may retire more, in the same domain or another.
// Origin: the gauge and the limit answer crossbeam #566 (an epoch that cannot move lets garbage grow unseen).
//
// Ordering ledger (of domain.cpp)
//   enlist : claim, records head CAS (release)  ->  claim and walks, records head load (acquire)
//            carries: the record as it was made
// Relaxed used as: stats (peak and gauges), revalidated (a failed compare-exchange)

#include <gantry/reclaim/detail/record.hpp>
#include <gantry/sync/mutex.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gantry::reclaim {

namespace detail {
class live_domains;
} // namespace detail

// What a thread does that finds more garbage than the limit allows and can free none of it.
enum class when_full : std::uint8_t {
    report, // tells the hook and goes on
    wait,   // tells the hook and waits, outside of any section of its own, until there is room
};

struct domain_options {
    std::size_t garbage_bytes_max = std::size_t{64} << 20U;
    when_full full = when_full::report;
    // Called with `context` and the bytes of garbage by the thread that found too much, outside of its sections.
    void (*over_limit)(void* context, std::size_t garbage_bytes) noexcept = nullptr;
    void* context = nullptr;
};

class domain {
public:
    domain(const domain&) = delete;
    domain& operator=(const domain&) = delete;

    // Bytes that were retired and whose deleter has not run. Exact when no thread is retiring or collecting.
    [[nodiscard]] std::size_t garbage_bytes() const noexcept;

    // The most that any thread saw when it looked for what it can free.
    [[nodiscard]] std::size_t garbage_bytes_peak() const noexcept;
    void reset_garbage_bytes_peak() noexcept;

    [[nodiscard]] std::size_t garbage_bytes_max() const noexcept { return options_.garbage_bytes_max; }

    // Runs the deleters of what this thread, and threads that have ended, retired and nobody protects now. True if
    // nothing of it is left.
    bool collect() noexcept;

protected:
    explicit domain(const domain_options& options) noexcept;
    virtual ~domain() = default; // after close()

    // For the destructor of the scheme's domain: nothing is protected any more. Frees everything.
    void close() noexcept;

    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] detail::record* first_record() const noexcept {
        return records_.load(std::memory_order_acquire); // order: enlist.r
    }
    // What the record's duties say, outside of the thread's sections.
    void attend(detail::record& mine) noexcept;

private:
    friend detail::record* detail::find_record(domain& in, detail::cached_record* cache);
    friend bool detail::is_cached(const detail::cached_record& cache, const detail::record& r) noexcept;
    friend class detail::live_domains;

    // A record of the scheme's kind.
    [[nodiscard]] virtual detail::record* make_record() = 0;
    // Moves what nobody protects to the end of mine.unprotected: of the record's garbage, then of the shared garbage
    // unless that is nullptr. Says how many of the latter.
    [[nodiscard]] virtual std::size_t take_unprotected(detail::record& mine, detail::heap* shared) noexcept = 0;

    [[nodiscard]] detail::record* claim();
    void look(detail::record& mine) noexcept;
    void relieve(detail::record& mine) noexcept;
    void adopt(detail::record& mine) noexcept;
    void help_with_shared(detail::record& mine) noexcept;
    void share(detail::record& mine) noexcept;
    static void free_unprotected(detail::record& mine) noexcept;

    const std::uint64_t id_;
    const domain_options options_;
    const std::size_t open_bytes_max_; // a thread's list grows by so many bytes before it looks

    std::atomic<detail::record*> records_{nullptr};
    std::atomic<std::size_t> peak_{0};
    std::atomic<std::size_t> shared_bytes_{0}; // written under the lock

    // What threads could not free while there was too much: any thread may, later.
    sync::mutex shared_lock_;
    detail::heap shared_;

    domain* live_next_ = nullptr; // of all that live; guarded by the list's lock
};

} // namespace gantry::reclaim
