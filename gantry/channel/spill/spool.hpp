// SPDX-License-Identifier: MIT
#pragma once
//
// spool: a queue of byte strings in the segment files of one directory, which outlives the process.
//
// Use it when elements that are already bytes must wait on disk, in order, until somebody acknowledged them.
// Do not use it when threads exchange values and the disk is only for what does not fit -> channel/spill/spill.hpp,
// which stands on it.
//
//     auto opened = spool::open(storage, path, {.sync = spool_sync::each});
//     if (!opened)
//         return opened.error().message();
//     spool_batch batch;
//     batch.add((*opened)->next_sequence(), bytes);
//     if (auto done = (*opened)->append(batch); !done)
//         return done.error().message();
//
// What is durable when: after append() returned, the elements survive the death of the process; with spool_sync::each
// they survive a power cut, too; with spool_sync::segment those do that are in segments that are full. The same holds
// for acknowledge() if acknowledgements are kept (spool_options::keep_acknowledgements), else close() keeps them.
// A spool that is destroyed without close() leaves what a killed process leaves.
// After it was opened, a spool delivers every element that is not acknowledged, in order.
//
// Threads: append(), read() and acknowledge() each by one thread at a time, beside each other; all else from any
//   thread, but close() alone. Progress: blocking (disk). Ordering: elements by sequence number.
// Cost: append(): one system call for each batch, and one or two for a sync; read(): one for `bytes` bytes; opening: a
//   few for each segment, plus reading those whose writer was killed.
// Failure: values. An append that failed has appended nothing, unless the process dies before a later one succeeds and
//   the disk refused to be truncated, too: then a part may be found. A sync that failed is not asked for again: what it
//   was for is written anew into another segment. Damage found while reading is stepped over and counted.
// Lifetime: the storage must outlive the spool, which holds the directory's lock. Origin: segmented logs with
//   acknowledgement positions, as Kafka and disk queues of brokers have; the rules for failed syncs are ours.

#include <gantry/base/storage.hpp>
#include <gantry/channel/spill/detail/format.hpp>
#include <gantry/channel/spill/detail/segment_reader.hpp>
#include <gantry/sync/mutex.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gantry::channel {

enum class spool_sync : std::uint8_t {
    none,    // the system writes when it likes
    segment, // when a segment is full
    each,    // before append() returns
};

// What to do with elements that are already there.
enum class spool_leftover : std::uint8_t {
    adopt,
    refuse,  // open() fails if there are any
    discard, // they are removed
};

struct spool_options {
    std::uint64_t segment_bytes = std::uint64_t{64} << 20U;
    std::uint64_t disk_bytes_max = std::uint64_t{4} << 30U; // everything in the directory
    std::uint32_t record_bytes_max = std::uint32_t{16} << 20U;
    spool_sync sync = spool_sync::none;
    bool keep_acknowledgements = true; // each at once; else at close()
    int compression = 0;               // level of zstd for each batch; 0: none
    spool_leftover leftover = spool_leftover::adopt;
    std::uint64_t identity = 0; // of a new spool; 0: random
};

enum class spool_errc : std::uint8_t {
    disk = 1,  // what an operation of the storage said: spool_error::cause
    locked,    // another process or another object has the spool open
    leftover,  // elements are there and spool_leftover::refuse was asked for
    version,   // a file is of a later version
    full,      // disk_bytes_max
    too_large, // a record is larger than record_bytes_max or a segment
};

struct spool_error {
    spool_errc reason;
    storage_error cause; // its path is always there

    [[nodiscard]] std::string message() const;
};

template<class T>
using spool_result = std::expected<T, spool_error>;

struct spool_statistics {
    std::uint64_t disk_bytes = 0;
    std::uint64_t segments = 0;
    std::uint64_t unacknowledged = 0; // elements on disk that are not acknowledged
    std::uint64_t appended = 0;       // elements since it was opened, as those below
    std::uint64_t read = 0;
    std::uint64_t adopted = 0;       // were there when it was opened
    std::uint64_t lost = 0;          // elements that damage cost
    std::uint64_t damaged_bytes = 0; // stepped over inside of segments
    std::uint64_t torn_bytes = 0;    // at the ends of segments whose writer was killed
    std::uint64_t foreign = 0;       // segments of other spools
    bool position_lost = false;      // no acknowledgement could be read: everything comes again
    std::uint64_t failed_writes = 0;
    std::uint64_t failed_syncs = 0;
    std::uint64_t failed_reads = 0;
    std::uint64_t failed_removals = 0;
};

// Elements on their way to a spool or from it.
class spool_batch {
public:
    // Room for an element of `bytes` bytes, which must be filled before the next call. Numbers are consecutive.
    void add(std::uint64_t sequence, storage_bytes bytes);

    struct element {
        std::uint64_t sequence;
        storage_bytes bytes;
    };
    // The next element of those read; views end with the batch's next use.
    [[nodiscard]] std::optional<element> next() noexcept;

    void clear() noexcept { records_.clear(); }
    [[nodiscard]] bool empty() const noexcept { return records_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return records_.count(); }

private:
    friend class spool;
    detail::batch records_;
};

class spool {
public:
    // Creates the directory (its parent must exist) and the spool where there is none.
    [[nodiscard]] static spool_result<std::unique_ptr<spool>> open(storage& storage, const std::string& path,
                                                                   const spool_options& options = {});
    spool(const spool&) = delete;
    spool& operator=(const spool&) = delete;
    ~spool();

    // The number of the first element that was never in the spool.
    [[nodiscard]] std::uint64_t next_sequence() const;

    // Appends all of it or nothing. The first number is at least next_sequence(); what is left out counts as
    // acknowledged.
    [[nodiscard]] spool_result<void> append(spool_batch& batch);
    // The same; `records` need not have sums.
    [[nodiscard]] spool_result<void> append(detail::batch& records);

    // Replaces the content of `to` by the next elements that were not read, about `bytes` of them. False: there are
    // none now.
    [[nodiscard]] spool_result<bool> read(spool_batch& to, std::size_t bytes);
    [[nodiscard]] spool_result<bool> read(detail::batch& to, std::size_t bytes);

    // By the reading thread: goes on reading with that number.
    void skip_to(std::uint64_t sequence) noexcept { next_read_ = std::max(next_read_, sequence); }

    // The elements will not be delivered any more. Segments without other elements are removed. In case of an error
    // they are acknowledged in this process; the next call tries again to keep it.
    [[nodiscard]] spool_result<void> acknowledge(std::uint64_t first, std::uint64_t last);
    [[nodiscard]] spool_result<void> acknowledge(std::span<const detail::sequence_range> ranges);

    // Before close(): elements whose numbers were left out by append() and which nobody acknowledged, in order.
    [[nodiscard]] spool_result<void> append_left_out(detail::batch& records);

    // Makes everything durable. Nothing else may be called afterwards.
    [[nodiscard]] spool_result<void> close();

    [[nodiscard]] spool_statistics statistics() const;
    [[nodiscard]] std::uint64_t identity() const noexcept { return identity_; }
    [[nodiscard]] const spool_options& options() const noexcept { return options_; }

private:
    struct segment {
        std::uint64_t number = 0;
        std::uint64_t first = 0;
        std::uint64_t last = 0; // first - 1: no elements
        std::uint64_t end = 0;  // of the records
        std::uint64_t bytes = 0;
        bool active = false;
        bool synced = false; // the file and its name
        bool spoilt = false; // a sync has failed: only a new file can be synced
    };
    using shared_segment = std::shared_ptr<segment>;

    spool(storage& storage, const spool_options& options);

    [[nodiscard]] spool_result<void> start(const std::string& path);
    [[nodiscard]] spool_result<void> find_identity(const std::vector<std::uint64_t>& numbers);
    [[nodiscard]] spool_result<void> adopt(const std::vector<std::uint64_t>& numbers);
    [[nodiscard]] spool_result<shared_segment> look_at(std::uint64_t number);
    void order_segments();
    [[nodiscard]] spool_result<void> write_position(bool sync);
    [[nodiscard]] storage_result<std::shared_ptr<storage_directory>> directory();

    [[nodiscard]] spool_result<void> add_records(const detail::batch& records);
    [[nodiscard]] spool_result<void> add_to_active(const detail::batch& records);
    [[nodiscard]] spool_result<void> new_segment(const detail::batch& records);
    [[nodiscard]] storage_result<void> make_durable(storage_file& file, bool with_name);
    [[nodiscard]] storage_result<void> sync_names();
    [[nodiscard]] spool_result<void> seal_active(bool sync);
    [[nodiscard]] spool_result<void> sync_owed();
    [[nodiscard]] spool_result<void> sync_or_rewrite(const shared_segment& what, storage_file& file);
    [[nodiscard]] spool_result<void> rewrite(const shared_segment& from);
    void let_go_of_active();
    void discard_file(std::uint64_t number, std::uint64_t bytes);
    [[nodiscard]] bool has_room(std::uint64_t bytes) const;
    void insert_locked(shared_segment made);
    void commit_locked(const detail::batch& records) noexcept;
    void leave_out(std::uint64_t first);

    void acknowledge_locked(std::uint64_t first, std::uint64_t last);
    void take_back_locked(std::uint64_t first, std::uint64_t last);
    [[nodiscard]] bool is_acknowledged_locked(std::uint64_t sequence) const;
    void lose(std::uint64_t first, std::uint64_t last);
    void reap();
    [[nodiscard]] std::unexpected<spool_error> refused(spool_errc reason) const;

    // Constant after open().
    storage& storage_;
    const spool_options options_;
    std::string path_;
    std::uint64_t identity_ = 0;
    std::unique_ptr<storage_lock> lock_;
    std::uint64_t opened_ = 0; // how often, this time included

    // The appending thread's.
    shared_segment active_;
    std::unique_ptr<storage_file> active_file_;
    shared_segment owing_; // full, and its sync has failed
    std::uint64_t next_number_ = 0;
    detail::batch packed_;

    // The reading thread's.
    shared_segment reading_;
    std::unique_ptr<storage_file> reading_file_;
    std::optional<detail::segment_reader> reader_;
    std::uint64_t next_read_ = 1;
    unsigned read_failures_ = 0; // one after the other, at one place

    // The acknowledging thread's.
    std::unique_ptr<storage_file> position_file_;
    std::uint64_t generation_ = 0; // of the latest slot
    unsigned slot_ = 0;            // where that is
    unsigned synced_slot_ = 0;     // the latest one that was synced

    // Guarded by mutex_.
    mutable sync::mutex mutex_;
    std::shared_ptr<storage_directory> directory_;
    bool directory_spoilt_ = false;       // its sync failed: it is opened anew
    std::deque<shared_segment> segments_; // by first, then by number
    std::vector<shared_segment> doomed_;  // to be removed
    std::uint64_t next_ = 1;
    std::uint64_t all_ = 0;                         // acknowledged up to here
    std::map<std::uint64_t, std::uint64_t> ranges_; // and these: first -> last
    std::uint64_t kept_all_ = 0;                    // as far as all_ is kept on disk
    std::uint64_t disk_bytes_ = 0;
    std::uint64_t adopted_end_ = 0; // numbers before it were there when the spool was opened
    spool_statistics statistics_;
};

} // namespace gantry::channel
