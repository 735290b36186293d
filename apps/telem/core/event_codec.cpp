// SPDX-License-Identifier: MIT
#include <apps/telem/core/event_codec.hpp>
#include <apps/telem/core/line.hpp>
#include <gantry/base/byte_order.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace telem {
namespace {

constexpr std::uint8_t version = 1;

enum class parcel_kind : std::uint8_t { points = 1, rows = 2, pulse = 3 };

constexpr std::size_t point_bytes = 2 + 4;
constexpr std::size_t row_bytes = 2 + 4 + 8 + 8;
constexpr std::size_t columns_max = 1000;

template<class U>
void put(std::vector<std::byte>& to, U value) {
    const std::size_t at = to.size();
    to.resize(at + sizeof value);
    gantry::store_le(value, to.data() + at);
}

// U holds its size.
template<class U>
void put_text(std::vector<std::byte>& to, std::string_view text) {
    put(to, static_cast<U>(text.size()));
    const auto bytes = std::as_bytes(std::span(text));
    to.insert(to.end(), bytes.begin(), bytes.end());
}

void put_header(std::vector<std::byte>& to, parcel_kind kind, std::uint64_t run) {
    put(to, version);
    put(to, static_cast<std::uint8_t>(kind));
    put(to, run);
}

void put_schema(std::vector<std::byte>& to, const schema& meaning) {
    put_text<std::uint16_t>(to, meaning.node);
    put_text<std::uint16_t>(to, meaning.label);
    put_text<std::uint16_t>(to, meaning.column_key);
    put(to, static_cast<std::uint16_t>(meaning.columns.size()));
    for (const std::string& column : meaning.columns) {
        put_text<std::uint16_t>(to, column);
    }
}

} // namespace

bool is_point_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= name_bytes_max && text.find(' ') == std::string_view::npos &&
           is_clean_utf8(text);
}

// ------------------------------------------------------------------------------------------------------------- writing

void event_writer::begin() {
    if (++parcel_ == 0) { // after 2^32 parcels the numbers begin anew
        places_.clear();
        parcel_ = 1;
    }
    names_in_ = 0;
    texts_.clear();
    entries_.clear();
}

std::uint32_t event_writer::place_of(name_id name) {
    if (name >= places_.size()) {
        places_.resize(std::max<std::size_t>(name + std::size_t{1}, places_.size() * 2));
    }
    place& known = places_[name];
    if (known.parcel != parcel_) {
        known = {parcel_, names_in_++};
        put_text<std::uint8_t>(texts_, names_->text(name));
    }
    return known.at;
}

template<class Head, class Put>
void event_writer::write_entries(std::size_t count, Head&& head, Put&& put_entry, std::size_t entry_bytes,
                                 std::deque<parcel>& to, bool points) {
    for (std::size_t done = 0; done < count;) {
        begin();
        const std::size_t first = done;
        // A name and an entry more always fit: the limit is for the next.
        while (done < count && texts_.size() + entries_.size() + entry_bytes + name_bytes_max + 1 < parcel_bytes_max) {
            put_entry(done++);
        }
        parcel made;
        made.bytes.reserve(texts_.size() + entries_.size() + 512);
        head(made.bytes);
        put(made.bytes, static_cast<std::uint16_t>(names_in_));
        put(made.bytes, static_cast<std::uint16_t>(done - first));
        made.bytes.insert(made.bytes.end(), texts_.begin(), texts_.end());
        made.bytes.insert(made.bytes.end(), entries_.begin(), entries_.end());
        made.points = points ? done - first : 0;
        to.push_back(std::move(made));
    }
}

void event_writer::write(const event& from, std::deque<parcel>& to) {
    if (const auto* block = std::get_if<shared_block<metric>>(&from.what)) {
        const std::span<const metric> points = block->entries();
        write_entries(
            points.size(), [&](std::vector<std::byte>& bytes) { put_header(bytes, parcel_kind::points, run_); },
            [&](std::size_t i) {
                put(entries_, static_cast<std::uint16_t>(place_of(points[i].name)));
                put(entries_, points[i].value);
            },
            point_bytes, to, true);
    } else if (const auto* figures = std::get_if<report>(&from.what)) {
        const std::span<const row> rows = figures->rows.entries();
        write_entries(
            rows.size(),
            [&](std::vector<std::byte>& bytes) {
                put_header(bytes, parcel_kind::rows, run_);
                put(bytes, static_cast<std::uint64_t>(figures->time.count()));
                put_schema(bytes, *figures->meaning);
            },
            [&](std::size_t i) {
                put(entries_, static_cast<std::uint16_t>(place_of(rows[i].name)));
                put(entries_, rows[i].column);
                put(entries_, std::bit_cast<std::uint64_t>(rows[i].value));
                put(entries_, rows[i].count);
            },
            row_bytes, to, false);
    } else if (const auto* beat = std::get_if<pulse>(&from.what)) {
        parcel made;
        put_header(made.bytes, parcel_kind::pulse, run_);
        put(made.bytes, beat->sequence);
        put(made.bytes, static_cast<std::uint64_t>(beat->time.count()));
        to.push_back(std::move(made));
    }
}

// ------------------------------------------------------------------------------------------------------------- reading

class event_reader::bytes_left {
public:
    explicit bytes_left(std::span<const std::byte> all) noexcept : left_(all) {}

    // Zero once too few are left, which ok() then tells.
    template<class U>
    [[nodiscard]] U take() noexcept {
        if (left_.size() < sizeof(U)) {
            ok_ = false;
            return 0;
        }
        const U value = gantry::load_le<U>(left_.data());
        left_ = left_.subspan(sizeof(U));
        return value;
    }
    template<class U>
    [[nodiscard]] std::string_view take_text() noexcept {
        const auto size = take<U>();
        if (left_.size() < size) {
            ok_ = false;
            return {};
        }
        const std::string_view text(reinterpret_cast<const char*>(left_.data()), size);
        left_ = left_.subspan(size);
        ok_ = ok_ && is_clean_utf8(text);
        return text;
    }
    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] std::size_t size() const noexcept { return left_.size(); }

private:
    std::span<const std::byte> left_;
    bool ok_ = true;
};

std::optional<event_reader::result> event_reader::read(std::span<const std::byte> bytes) {
    bytes_left from(bytes);
    result made;
    if (from.take<std::uint8_t>() != version) {
        return std::nullopt;
    }
    const auto kind = static_cast<parcel_kind>(from.take<std::uint8_t>());
    made.earlier = from.take<std::uint64_t>() != run_;
    bool good = false;
    switch (kind) {
    case parcel_kind::points:
        good = read_points(from, made);
        break;
    case parcel_kind::rows:
        good = read_rows(from, made);
        break;
    case parcel_kind::pulse: {
        pulse beat;
        beat.sequence = from.take<std::uint64_t>();
        beat.time = std::chrono::milliseconds(static_cast<std::int64_t>(from.take<std::uint64_t>()));
        beat.arrow = arrow_;
        made.what.what = beat;
        good = from.size() == 0;
        break;
    }
    }
    return good && from.ok() ? std::optional(std::move(made)) : std::nullopt;
}

bool event_reader::read_names(bytes_left& from, std::size_t count) {
    ids_.clear();
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view name = from.take_text<std::uint8_t>();
        if (!from.ok() || !is_point_name(name)) {
            return false;
        }
        ids_.push_back(index_.intern(name));
    }
    return true;
}

bool event_reader::read_points(bytes_left& from, result& into) {
    const auto names = from.take<std::uint16_t>();
    const auto count = from.take<std::uint16_t>();
    if (count > block<metric>::capacity || names > count || !read_names(from, names) ||
        from.size() != count * point_bytes) {
        return false;
    }
    shared_block<metric> made = pools_->points.take();
    const std::span<metric> room = made.fill().room();
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = from.take<std::uint16_t>();
        const auto value = from.take<std::uint32_t>();
        if (at >= names) {
            return false;
        }
        if (ids_[at]) {
            room[into.points++] = {*ids_[at], value};
        } else {
            ++into.refused;
        }
    }
    made.fill().used(into.points);
    into.what.what = std::move(made);
    return true;
}

bool event_reader::read_rows(bytes_left& from, result& into) {
    const auto time = std::chrono::milliseconds(static_cast<std::int64_t>(from.take<std::uint64_t>()));
    schema meaning;
    meaning.node = from.take_text<std::uint16_t>();
    meaning.label = from.take_text<std::uint16_t>();
    meaning.column_key = from.take_text<std::uint16_t>();
    const auto columns = from.take<std::uint16_t>();
    if (!from.ok() || columns > columns_max) {
        return false;
    }
    for (std::size_t i = 0; i < columns && from.ok(); ++i) {
        meaning.columns.emplace_back(from.take_text<std::uint16_t>());
    }
    const auto names = from.take<std::uint16_t>();
    const auto count = from.take<std::uint16_t>();
    if (!from.ok() || count > block<row>::capacity || names > count || !read_names(from, names) ||
        from.size() != count * row_bytes) {
        return false;
    }
    shared_block<row> made = pools_->rows.take();
    const std::span<row> room = made.fill().room();
    std::size_t n = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = from.take<std::uint16_t>();
        const auto column = from.take<std::uint32_t>();
        const auto value = std::bit_cast<double>(from.take<std::uint64_t>());
        const auto points = from.take<std::uint64_t>();
        if (at >= names || column >= std::max<std::size_t>(columns, 1) || !std::isfinite(value)) {
            return false;
        }
        if (ids_[at]) {
            room[n++] = {*ids_[at], column, value, points};
        } else {
            ++into.refused;
        }
    }
    made.fill().used(n);
    const schema* const means = known(std::move(meaning));
    into.what.what = report{std::move(made), means, time};
    return means != nullptr;
}

const schema* event_reader::known(schema&& meaning) {
    const auto found = std::ranges::find(schemas_, meaning);
    if (found != schemas_.end()) {
        return &*found;
    }
    // A topology has far fewer aggregates; more come from damage only.
    return schemas_.size() == schemas_max ? nullptr : &schemas_.emplace_back(std::move(meaning));
}

} // namespace telem
