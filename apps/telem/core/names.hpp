// SPDX-License-Identifier: MIT
#pragma once
//
// name_table: gives every distinct metric name a small dense number, within a byte limit; name_index: the part of it
// that one source thread searches without a lock.
//
// Use it when points travel: eight bytes a point instead of a string, and tables downstream are plain arrays.
// Do not use it when names must be forgotten again: a name stays for the life of the table.
//
// Threads: name_table: any; name_index: one thread. Progress: a known name is found without a lock or an allocation;
// a new one takes the table's mutex. Ordering: text(id) may be called by any thread that learned id through a channel
// (or any other edge) from the thread that interned it: an entry never changes once its id is given out.
// Cost: a hash, a probe and a comparison for a known name; about 60 bytes beside the text for each name and index.
// Failure: a name that does not fit into the limit is refused (nullopt), as is every later one that needs new memory;
// known names keep working. Lifetime: the table outlives its indexes; texts live as long as the table.
// Origin: open addressing with linear probing and stored hashes; XXH3 with a secret drawn at start, so that nobody
// outside can choose names that collide.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace telem {

using name_id = std::uint32_t;

// The secret that keys the hash. draw() takes it from the kernel; seeded() makes a repeatable one for tests.
struct name_secret {
    std::array<unsigned char, 192> bytes;

    [[nodiscard]] static name_secret draw();
    [[nodiscard]] static name_secret seeded(std::uint64_t seed);
};

class name_table {
public:
    struct options {
        std::size_t bytes_max;
        name_secret secret;
    };

    explicit name_table(const options& chosen);
    ~name_table();
    name_table(const name_table&) = delete;
    name_table& operator=(const name_table&) = delete;

    // The number of the name, given out now if it is new; nullopt when it is new and does not fit.
    [[nodiscard]] std::optional<name_id> intern(std::string_view name, std::uint64_t hash);

    [[nodiscard]] std::string_view text(name_id id) const noexcept;
    [[nodiscard]] std::uint64_t hash(std::string_view name) const noexcept;

    [[nodiscard]] std::size_t count() const noexcept;
    // All memory of the table and of its indexes; never above bytes_max.
    [[nodiscard]] std::size_t bytes() const noexcept;
    [[nodiscard]] std::size_t bytes_max() const noexcept { return bytes_max_; }

private:
    friend class name_index;

    struct slot {
        std::uint32_t hash_high; // tells most strangers apart without reading their text
        std::uint32_t id_plus_1; // 0: free
    };
    struct entry {
        const char* text;
        std::uint32_t size;
    };
    // One open-addressing array; the table has one under its mutex, each name_index one of its own.
    struct slots {
        std::vector<slot> places;
        std::size_t used = 0;

        [[nodiscard]] bool full() const noexcept { return (used + 1) * 4 > places.size() * 3; }
        void put(std::uint64_t hash, name_id id) noexcept;
    };

    static constexpr std::size_t entries_a_chunk = 1024;
    static constexpr std::size_t chunks_max = 16384;
    static constexpr std::size_t text_chunk_bytes = 65536;

    [[nodiscard]] std::optional<name_id> find(const slots& in, std::string_view name,
                                              std::uint64_t hash) const noexcept;
    // Doubles the array if the limit allows it.
    [[nodiscard]] bool grow(slots& which);
    [[nodiscard]] bool reserve(std::size_t bytes) noexcept;
    void release(std::size_t bytes) noexcept;

    // constant after construction
    const std::size_t bytes_max_;
    const name_secret secret_;

    // written under m_, read without it: a slot of the array is written before any id in it is given out
    std::vector<std::unique_ptr<entry[]>> chunks_;

    // shared atomics
    std::atomic<std::size_t> bytes_{0};
    std::atomic<std::size_t> count_{0};

    // guarded by m_
    std::mutex m_;
    slots slots_;
    std::vector<std::unique_ptr<char[]>> texts_;
    std::size_t text_left_ = 0;
};

class name_index {
public:
    explicit name_index(name_table& table) noexcept : table_(&table) {}
    ~name_index();
    name_index(const name_index&) = delete;
    name_index& operator=(const name_index&) = delete;

    [[nodiscard]] std::optional<name_id> intern(std::string_view name);

private:
    [[nodiscard]] std::optional<name_id> learn(std::string_view name, std::uint64_t hash);

    name_table* table_;
    name_table::slots slots_;
};

} // namespace telem
