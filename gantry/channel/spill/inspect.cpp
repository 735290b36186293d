// SPDX-License-Identifier: MIT
#include <gantry/channel/spill/detail/segment_reader.hpp>
#include <gantry/channel/spill/inspect.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

namespace gantry::channel {
namespace {

using detail::batch;
using detail::footer_bytes;
using detail::segment_header_bytes;
using detail::segment_reader;

constexpr std::size_t read_bytes = std::size_t{256} << 10U;

std::unexpected<spool_error> failed(storage_error cause) {
    return std::unexpected(spool_error{.reason = spool_errc::disk, .cause = std::move(cause)});
}

struct looked_at {
    segment_report report;
    std::uint64_t end = 0;
    std::unique_ptr<storage_file> file;
};

void read_position(storage_directory& directory, spool_report& report) {
    const auto file = directory.open("position", storage_access::read);
    if (!file)
        return;
    std::uint64_t generation = 0;
    std::vector<std::byte> bytes(detail::slot_bytes_max);
    for (const std::uint64_t offset : detail::slot_offset) {
        const auto got = (*file)->read_at(offset, bytes);
        auto slot = got ? detail::read_slot({bytes.data(), *got}) : std::nullopt;
        if (!slot || (report.position_readable && slot->generation <= generation))
            continue;
        generation = slot->generation;
        report.position_readable = true;
        report.identity = slot->spool;
        report.all = slot->all;
        report.acknowledged = std::move(slot->ranges);
    }
}

// Without the records.
spool_result<looked_at> look(storage_directory& directory, const std::string& name, std::uint64_t& identity) {
    looked_at found;
    found.report.name = name;
    auto opened = directory.open(name, storage_access::read);
    if (!opened)
        return failed(std::move(opened.error()));
    found.file = *std::move(opened);
    const auto size = found.file->size();
    if (!size)
        return failed(size.error());
    found.report.bytes = found.end = *size;
    std::array<std::byte, segment_header_bytes> head{};
    const auto got = found.file->read_at(0, head);
    if (!got)
        return failed(got.error());
    const auto header = detail::read_segment_header({head.data(), *got});
    if (header && identity == 0)
        identity = header->spool;
    if (header && header->spool != identity) {
        found.report.foreign = true;
        return found;
    }
    if (header) {
        found.report.first = header->first;
        found.report.last = header->first - 1;
    }
    if (*size >= segment_header_bytes + footer_bytes) {
        std::array<std::byte, footer_bytes> tail{};
        const auto read = found.file->read_at(*size - footer_bytes, tail);
        const auto footer = read ? detail::read_footer({tail.data(), *read}, identity) : std::nullopt;
        if (footer && footer->end >= segment_header_bytes && footer->end <= *size - footer_bytes) {
            found.report.sealed = true;
            found.report.first = footer->first;
            found.report.last = footer->next - 1;
            found.end = footer->end;
        }
    }
    return found;
}

segment_reader reader_of(const looked_at& of, std::uint64_t identity, std::uint64_t last) {
    return segment_reader(*of.file, {.spool = identity, .end = of.end, .expected = of.report.first, .last = last});
}

// Reads on; a place that cannot be read is stepped over.
bool next(segment_reader& reader, batch& records) {
    for (unsigned failures = 0;;) {
        const auto more = reader.next(records, read_bytes);
        if (more)
            return *more;
        if (++failures % 3 == 0)
            reader.skip_unreadable();
    }
}

spool_result<std::vector<looked_at>> look_at_all(storage& storage, const std::string& path, spool_report& report) {
    const auto directory = storage.open_directory(path);
    if (!directory)
        return failed(directory.error());
    const auto names = (*directory)->list();
    if (!names)
        return failed(names.error());
    read_position(**directory, report);
    std::vector<looked_at> all;
    for (const std::string& name : *names) {
        const auto size = (*directory)->size(name);
        report.bytes += size.value_or(0);
        if (!detail::segment_number(name))
            continue;
        auto found = look(**directory, name, report.identity);
        if (!found)
            return std::unexpected(std::move(found.error()));
        all.push_back(*std::move(found));
    }
    if (!report.position_readable && all.empty())
        return failed({.operation = storage_operation::open, .code = ENOENT, .path = path + "/position"});
    std::ranges::sort(all, {}, [](const looked_at& each) { return std::pair(each.report.first, each.report.name); });
    return all;
}

} // namespace

spool_result<spool_report> inspect_spool(storage& storage, const std::string& path, bool everything) {
    spool_report report;
    auto all = look_at_all(storage, path, report);
    if (!all)
        return std::unexpected(std::move(all.error()));
    for (looked_at& each : *all) {
        if (everything && !each.report.foreign) {
            segment_reader reader = reader_of(each, report.identity, std::numeric_limits<std::uint64_t>::max());
            batch records;
            while (next(reader, records))
                each.report.elements += records.count();
            if (each.report.first == 0)
                each.report.first = reader.first();
            if (!each.report.sealed)
                each.report.last = std::max(each.report.last, reader.expected() - (reader.expected() == 0 ? 0 : 1));
            for (const auto& lost : reader.lost())
                each.report.lost += lost.last + 1 - lost.first;
            if (each.report.sealed && reader.expected() <= each.report.last)
                each.report.lost += each.report.last + 1 - reader.expected();
            each.report.damaged_bytes = reader.damaged_bytes();
            each.report.torn_bytes = reader.torn_bytes();
        }
        report.segments.push_back(std::move(each.report));
    }
    return report;
}

spool_result<void> inspect_elements(storage& storage, const std::string& path, bool all,
                                    const std::function<void(std::uint64_t, storage_bytes)>& each) {
    spool_report report;
    const auto segments = look_at_all(storage, path, report);
    if (!segments)
        return std::unexpected(segments.error());
    const auto acknowledged = [&](std::uint64_t sequence) {
        return sequence <= report.all || std::ranges::any_of(report.acknowledged, [&](const auto& range) {
                   return range.first <= sequence && sequence <= range.last;
               });
    };
    std::uint64_t from = 1;
    for (std::size_t i = 0; i != segments->size(); ++i) {
        const looked_at& now = (*segments)[i];
        if (now.report.foreign)
            continue;
        std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
        for (std::size_t later = i + 1; later != segments->size(); ++later)
            if (!(*segments)[later].report.foreign && (*segments)[later].report.first != 0)
                last = std::min(last, (*segments)[later].report.first - 1);
        segment_reader reader = reader_of(now, report.identity, last);
        batch records;
        while (next(reader, records)) {
            while (const auto element = records.next()) {
                if (element->sequence < from || (!all && acknowledged(element->sequence)))
                    continue;
                from = element->sequence + 1;
                each(element->sequence, element->payload);
            }
        }
    }
    return {};
}

spool_result<repair_report> repair_spool(storage& storage, const std::string& path) {
    spool_report before;
    if (const auto there = look_at_all(storage, path, before); !there) // not a spool: none is made
        return std::unexpected(there.error());
    auto opened = spool::open(
        storage, path,
        {.disk_bytes_max = std::numeric_limits<std::uint64_t>::max(), .record_bytes_max = detail::record_length_max});
    if (!opened)
        return std::unexpected(std::move(opened.error()));
    // What is read goes to the end, in order, and is acknowledged where it was: its numbers change, its order does not.
    repair_report report;
    const std::uint64_t end = (*opened)->next_sequence();
    std::uint64_t moved = 0;
    batch records;
    batch copy;
    for (bool more = true; more;) {
        const auto got = (*opened)->read(records, read_bytes);
        if (!got) {
            if ((*opened)->statistics().failed_reads > 1000)
                return std::unexpected(got.error());
            continue;
        }
        more = *got && records.first() < end;
        if (!more)
            break;
        const std::uint64_t first = records.first();
        const std::uint64_t last = records.last();
        copy.clear();
        std::uint64_t sequence = (*opened)->next_sequence();
        while (const auto each = records.next()) {
            std::ranges::copy(each->payload,
                              copy.begin_element(sequence++, static_cast<std::uint32_t>(each->payload.size())));
            copy.end_element(0);
        }
        moved += copy.count();
        if (auto done = (*opened)->append(copy); !done)
            return std::unexpected(std::move(done.error()));
        if (auto done = (*opened)->acknowledge(first, last); !done)
            return std::unexpected(std::move(done.error()));
    }
    report.kept = moved;
    report.lost = (*opened)->statistics().lost;
    if (auto closed = (*opened)->close(); !closed)
        return std::unexpected(std::move(closed.error()));
    return report;
}

} // namespace gantry::channel
