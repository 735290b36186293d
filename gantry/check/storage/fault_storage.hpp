// SPDX-License-Identifier: MIT
#pragma once
//
// fault_storage: the storage interface in memory, with faults and power cuts on demand, repeatable by a seed.
//
// Use it when durable code must prove what it promises: an operation that fails, a disk that is full, a sync that
// fails, and a power cut at each operation, after which whatever was not synced is there, gone, torn or spoilt. Do not
// use it when only a real disk will do (speed, other processes, space beyond memory) -> posix_storage.
//
//     for (std::uint64_t n = 0;; ++n) {
//         fault_storage storage({.seed = n});
//         storage.crash_at(n);
//         const auto told = append_records(storage); // what was promised before the power went
//         const bool finished = !storage.crashed();
//         storage.restart();
//         EXPECT_TRUE(keeps_promise(storage, told)) << storage.report();
//         if (finished)
//             break;
//     }
//
// It keeps the promises of storage.hpp and not one more. What a power cut leaves:
//   - of a file: its content as of the last sync, changed by any subset of the writes and truncations since, in their
//     order. A write may survive whole, as a prefix of any length, as any subset of its sectors, or not at all; space
//     that it added may stay although its bytes do not, and then reads as zeros;
//   - of a directory: its entries as of the last sync, changed by any subset of the creations, renamings and removals
//     since. A renaming is one step: its target is the old file or the new one;
//   - on request, flipped bits in what survives of unsynced writes.
// Every such decision is one call of a chooser, choose(n) -> 0 to n - 1: the seeded generator, or yours;
// every_choice goes through all outcomes of a small case.
// A sync that failed decides at once: each change is now durable or will never be, although it can be read until the
// power goes; the object that failed fails for ever, another one reports success again without saving anything.
// Operations that hit the crash, and all later ones through objects from before the restart, fail with ESHUTDOWN.
//
// Threads: as storage.hpp; the controls from any thread. Progress: blocking (one mutex). Ordering: as storage.hpp;
//   operations are numbered in the order in which they take effect, so one thread makes them repeatable.
// Cost: memory for the content as seen, as synced, and for the changes between, all within bytes_max; no holes: a write
//   far beyond the end counts the gap. A sync costs what was written since the one before.
// Failure: beside planned faults: ENOSPC (after as much as fits) when bytes_max is reached; renaming directories is not
//   modelled (EISDIR). Paths are compared as text; "/" and "." are there at the start. Choosers may throw: a restart
//   that ends so has not happened.
// Lifetime: as storage.hpp; objects may outlive the fault_storage.
// Origin: leveldb's FaultInjectionTestEnv and TigerBeetle's storage simulator; what may be left after Pillai et al.,
//   "All File Systems Are Not Created Equal", 2014; failing syncs after Rebello et al., 2020.

#include <gantry/base/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::check {

// One operation, as it happened.
struct storage_event {
    std::uint64_t number; // counted from 0
    storage_operation operation;
    std::string path;
    std::string to;           // rename: the new name
    std::uint64_t offset = 0; // read, write; truncate: the new size
    std::uint64_t bytes = 0;  // read, write: asked for
    int code = 0;             // errno, or 0

    [[nodiscard]] bool operator==(const storage_event&) const = default;
};

// "#12 write /spool/a, 5 bytes at 10: No space left on device"
[[nodiscard]] std::string to_string(const storage_event& event);

// What becomes of changes that were not synced.
enum class survival : std::uint8_t {
    chosen, // each for itself, by the chooser
    none,
    all,
};

// Returns a number below `options` (at least 1).
using storage_chooser = std::function<std::uint64_t(std::uint64_t options)>;

struct storage_fault {
    std::optional<storage_operation> operation = {}; // only these; by default any
    std::string path = {};                           // only on paths that contain it
    std::uint64_t skip = 0;                          // so many matching operations pass first
    std::uint64_t times = 1;                         // then so many fail
    std::uint64_t one_in = 1;                        // each of them only with this chance, 1 / one_in
    int code = 5;                                    // EIO
    std::uint64_t written = 0;                       // write: so many bytes get through before it fails
    survival unsynced = survival::chosen;            // sync: what becomes durable all the same

    static constexpr std::uint64_t forever = std::numeric_limits<std::uint64_t>::max();
};

struct restart_options {
    survival data = survival::chosen;  // writes and truncations
    survival names = survival::chosen; // creations, renamings, removals
    std::uint64_t bit_flips = 0;       // in what survives of unsynced writes, if anything does
    storage_chooser choose = {};       // by default the storage's own generator
};

struct fault_storage_options {
    std::uint64_t seed = 1;
    std::size_t bytes_max = std::size_t{64} << 20U; // of everything that is kept
    std::size_t sector_bytes = 512;                 // what the disk writes in one piece, mostly
    std::size_t trace_max = 10'000;                 // the latest operations that are remembered
};

class fault_storage final : public storage {
public:
    explicit fault_storage(fault_storage_options options = {});
    ~fault_storage() override;

    [[nodiscard]] storage_result<std::unique_ptr<storage_directory>>
    open_directory(const std::string& path, open_directory_options options = {}) override;

    // Adds a fault. The first one that matches an operation decides; each counts its own skip and times.
    void fail(storage_fault fault);
    void heal(); // forgets all faults, crash_at included; what is poisoned or lost stays so

    // The power goes at operation `number`, which may or may not have taken effect.
    void crash_at(std::uint64_t number);
    void crash(); // now
    [[nodiscard]] bool crashed() const;

    // A power cut, if there was none, and a new start: unsynced changes are decided, locks are free, objects are dead.
    void restart(const restart_options& options = {});

    // The process is killed and starts again: locks are free, objects are dead, nothing is lost. After a crash_at the
    // operation has taken effect but nobody heard.
    void restart_process();

    // Spoils a file where it lies, synced or not: flips the bits of `mask` in the byte at `offset`. False if there is
    // no such byte.
    bool corrupt(const std::string& path, std::uint64_t offset, std::byte mask = std::byte{1});

    [[nodiscard]] std::uint64_t operations() const; // so far, restarts do not reset it
    [[nodiscard]] std::size_t bytes() const;        // kept now
    [[nodiscard]] std::vector<storage_event> trace() const;
    [[nodiscard]] std::string report() const; // seed and trace, a line each

    struct state; // private: shared with the objects that are handed out

private:
    const std::shared_ptr<state> state_;
};

// A chooser that goes through all outcomes, one a round:
//     every_choice choices;
//     do {
//         ... .choose = std::ref(choices) ...
//     } while (choices.next());
class every_choice {
public:
    std::uint64_t operator()(std::uint64_t options);

    // Back to the start, for the next outcome; false when all were seen.
    [[nodiscard]] bool next();

private:
    struct choice {
        std::uint64_t taken;
        std::uint64_t options;
    };
    std::vector<choice> choices_;
    std::size_t position_ = 0;
};

} // namespace gantry::check
