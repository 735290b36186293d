// SPDX-License-Identifier: MIT
#pragma once
//
// event_writer, event_reader: events as bytes that mean the same after a restart. docs/formats/telem-event.md is the
// format.
//
// Use it when an event leaves the process: on a spilling arrow. Do not use it when it goes to another thread: a block
// is shared, not copied.
//
//     std::deque<parcel> parcels;
//     writer.write(event, parcels);                 // one parcel; several if it would be larger than parcel_bytes_max
//     auto read = reader.read(parcels.front().bytes);
//
// A name is a number in memory only: a parcel holds the text of each name that it mentions, once. What an aggregate's
// rows mean goes along too. The reader gives out numbers of its own process again.
//
// Threads: a writer, and a reader, belong to one thread each. Progress: allocates one buffer a parcel; the reader takes
// a block from the pool. Ordering: entries keep theirs. Cost: 6 bytes a point and each name's text once a parcel; 8
// bytes of memory in the writer for each name it has met, a name_index in the reader.
// Failure: any bytes are safe to read: what is not a parcel is nullopt. Points whose name does not fit into the table
// are left out and counted. Lifetime: names and pools outlive both; schemas that were read live as long as the reader.
// Origin: dictionaries of strings in each block, as columnar formats have them.

#include <apps/telem/core/node.hpp>

#include <cstddef>
#include <deque>
#include <optional>

namespace telem {

inline constexpr std::size_t parcel_bytes_max = 64U << 10U;

// An event, or a part of one.
struct parcel {
    std::vector<std::byte> bytes;
    std::uint64_t points = 0;
};

class event_writer {
public:
    // run: of this process, so that a reader knows what an earlier one has written.
    event_writer(const name_table& names, std::uint64_t run) noexcept : names_(&names), run_(run) {}

    // Adds the event at the end of `to`. A receipt is no event that travels so.
    void write(const event& from, std::deque<parcel>& to);

private:
    // Where the name lies in the parcel being made.
    struct place {
        std::uint32_t parcel = 0;
        std::uint32_t at = 0;
    };

    void begin();
    template<class Head, class Put>
    void write_entries(std::size_t count, Head&& head, Put&& put, std::size_t entry_bytes, std::deque<parcel>& to,
                       bool points);
    [[nodiscard]] std::uint32_t place_of(name_id name);

    const name_table* const names_;
    const std::uint64_t run_;
    std::vector<place> places_; // by name
    std::uint32_t parcel_ = 0;  // number of the parcel being made
    std::uint32_t names_in_ = 0;
    std::vector<std::byte> texts_;
    std::vector<std::byte> entries_;
};

class event_reader {
public:
    struct result {
        event what;
        std::uint64_t points = 0;  // in it
        std::uint64_t refused = 0; // points or rows for whose names there is no room
        bool earlier = false;      // another run has written it
    };

    // arrow: what pulses say they came over.
    event_reader(name_table& names, pools& from, std::uint64_t run, std::uint32_t arrow)
        : index_(names), pools_(&from), run_(run), arrow_(arrow) {}

    [[nodiscard]] std::optional<result> read(std::span<const std::byte> bytes);
    [[nodiscard]] std::uint32_t arrow() const noexcept { return arrow_; }

private:
    class bytes_left;

    [[nodiscard]] bool read_names(bytes_left& from, std::size_t count);
    [[nodiscard]] bool read_points(bytes_left& from, result& into);
    [[nodiscard]] bool read_rows(bytes_left& from, result& into);
    [[nodiscard]] const schema* known(schema&& meaning);

    static constexpr std::size_t schemas_max = 1000;

    name_index index_;
    pools* const pools_;
    const std::uint64_t run_;
    const std::uint32_t arrow_;
    std::vector<std::optional<name_id>> ids_; // of the parcel being read
    std::deque<schema> schemas_;
};

// Whether a source would take it as the name of a point.
[[nodiscard]] bool is_point_name(std::string_view text) noexcept;

} // namespace telem
