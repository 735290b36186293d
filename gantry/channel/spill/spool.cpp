// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/channel/spill/spool.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <random>
#include <utility>

namespace gantry::channel {
namespace {

using detail::batch;
using detail::footer_bytes;
using detail::segment_header_bytes;
using detail::segment_part;
using detail::segment_reader;
using detail::sequence_range;

constexpr const char* lock_name = "lock";
constexpr const char* position_name = "position";
constexpr std::size_t copy_bytes = std::size_t{256} << 10U;
constexpr unsigned read_attempts = 3; // of a place that cannot be read, before it is stepped over

std::unexpected<spool_error> failed(storage_error cause) {
    return std::unexpected(spool_error{.reason = spool_errc::disk, .cause = std::move(cause)});
}

std::uint64_t random_number() {
    std::random_device device;
    for (;;) {
        const std::uint64_t number = std::uint64_t{device()} << 32U | device();
        if (number != 0)
            return number;
    }
}

} // namespace

std::string spool_error::message() const {
    switch (reason) {
    case spool_errc::disk:
        return cause.message();
    case spool_errc::locked:
        return cause.path + " is in use by another process";
    case spool_errc::leftover:
        return cause.path + " holds elements of an earlier run";
    case spool_errc::version:
        return cause.path + " was written by a later version";
    case spool_errc::full:
        return cause.path + " is as large as it may get";
    case spool_errc::too_large:
        return cause.path + ": an element is larger than a record or a segment may be";
    }
    return cause.message();
}

void spool_batch::add(std::uint64_t sequence, storage_bytes bytes) {
    std::byte* const to = records_.begin_element(sequence, static_cast<std::uint32_t>(bytes.size()));
    if (!bytes.empty())
        std::memcpy(to, bytes.data(), bytes.size());
    records_.end_element(0);
}

std::optional<spool_batch::element> spool_batch::next() noexcept {
    if (const auto found = records_.next())
        return element{.sequence = found->sequence, .bytes = found->payload};
    return std::nullopt;
}

spool::spool(storage& storage, const spool_options& options) : storage_(storage), options_(options) {}
spool::~spool() = default;

std::unexpected<spool_error> spool::refused(spool_errc reason) const {
    return std::unexpected(
        spool_error{.reason = reason, .cause = {.operation = storage_operation::write, .code = 0, .path = path_}});
}

// ------------------------------------------------------------------------------------------------------------ opening

spool_result<std::unique_ptr<spool>> spool::open(storage& storage, const std::string& path,
                                                 const spool_options& options) {
    GANTRY_ASSERT(options.record_bytes_max <= detail::record_length_max);
    std::unique_ptr<spool> made(new spool(storage, options));
    if (auto started = made->start(path); !started)
        return std::unexpected(std::move(started.error()));
    return made;
}

spool_result<void> spool::start(const std::string& path) {
    path_ = path;
    auto opened = storage_.open_directory(path, {.create = true});
    if (!opened)
        return failed(std::move(opened.error()));
    directory_ = *std::move(opened);
    auto locked = directory_->lock(lock_name);
    if (!locked) {
        if (locked.error().code == EWOULDBLOCK)
            return refused(spool_errc::locked);
        return failed(std::move(locked.error()));
    }
    lock_ = *std::move(locked);

    const auto names = directory_->list();
    if (!names)
        return failed(names.error());
    std::vector<std::uint64_t> numbers;
    for (const std::string& name : *names) {
        if (const auto number = detail::segment_number(name)) {
            numbers.push_back(*number);
            opened_ = std::max(opened_, *number >> detail::numbers_bits);
        } else if (detail::is_unfinished_name(name)) {
            static_cast<void>(directory_->remove(name)); // again the next time
        }
    }
    if (auto found = find_identity(numbers); !found)
        return found;
    disk_bytes_ = detail::position_bytes;
    if (auto adopted = adopt(numbers); !adopted)
        return adopted;
    // Numbers of segments are never given out twice: a removed one that a power cut brings back must not overrule its
    // successors.
    ++opened_;
    next_number_ = (opened_ << detail::numbers_bits) + 1;
    if (auto kept = write_position(true); !kept)
        return kept;
    next_ = std::max(next_, all_ + 1);
    if (!ranges_.empty())
        next_ = std::max(next_, ranges_.rbegin()->second + 1);
    adopted_end_ = next_;
    statistics_.adopted = statistics().unacknowledged;
    if (statistics_.adopted != 0 && options_.leftover == spool_leftover::refuse)
        return refused(spool_errc::leftover);
    if (options_.leftover == spool_leftover::discard && next_ > 1) {
        acknowledge_locked(1, next_ - 1);
        statistics_.adopted = 0;
    }
    next_read_ = all_ + 1;
    kept_all_ = all_;
    reap();
    return {};
}

// Who the spool is, and what was acknowledged.
spool_result<void> spool::find_identity(const std::vector<std::uint64_t>& numbers) {
    auto opened = directory_->open(position_name, storage_access::read_write);
    const bool there = opened.has_value();
    if (!there && opened.error().code != ENOENT)
        return failed(std::move(opened.error()));
    if (there) {
        position_file_ = *std::move(opened);
        std::vector<std::byte> bytes(detail::slot_bytes_max);
        for (unsigned i = 0; i != detail::slots; ++i) {
            const auto got = position_file_->read_at(detail::slot_offset[i], bytes);
            if (!got)
                return failed(got.error());
            auto slot = detail::read_slot({bytes.data(), *got});
            if (!slot)
                continue;
            if (slot->version != detail::format_version)
                return std::unexpected(
                    spool_error{.reason = spool_errc::version,
                                .cause = {storage_operation::read, 0, std::string(position_file_->path())}});
            if (identity_ != 0 && slot->generation <= generation_)
                continue;
            identity_ = slot->spool;
            generation_ = slot->generation;
            slot_ = synced_slot_ = i;
            all_ = slot->all;
            opened_ = std::max(opened_, slot->opened);
            ranges_.clear();
            for (const sequence_range& each : slot->ranges)
                ranges_.emplace(each.first, each.last);
        }
        if (identity_ != 0)
            return {};
    }
    // Its first start, or both slots are gone: then the segments know who they belong to.
    for (const std::uint64_t number : numbers) {
        const auto file = directory_->open(detail::segment_name(number), storage_access::read);
        if (!file)
            continue;
        std::array<std::byte, segment_header_bytes> bytes{};
        if (const auto got = (*file)->read_at(0, bytes); got && *got == bytes.size())
            if (const auto header = detail::read_segment_header(bytes)) {
                identity_ = header->spool;
                break;
            }
    }
    statistics_.position_lost = identity_ != 0;
    if (identity_ == 0)
        identity_ = options_.identity != 0 ? options_.identity : random_number();
    if (!there) {
        auto made = directory_->create(position_name);
        if (!made)
            return failed(std::move(made.error()));
        position_file_ = *std::move(made);
    }
    // All of its room at once, so that a full disk does not stop acknowledgements.
    const std::vector<std::byte> zeros(detail::position_bytes);
    if (auto wrote = position_file_->write_at(0, zeros); !wrote)
        return failed(std::move(wrote.error()));
    if (auto kept = write_position(true); !kept)
        return kept;
    if (auto synced = directory_->sync(); !synced)
        return failed(std::move(synced.error()));
    return {};
}

spool_result<void> spool::adopt(const std::vector<std::uint64_t>& numbers) {
    for (const std::uint64_t number : numbers) {
        auto found = look_at(number);
        if (!found)
            return std::unexpected(std::move(found.error()));
        if (*found) {
            disk_bytes_ += (*found)->bytes;
            insert_locked(*std::move(found));
        }
    }
    order_segments();
    return {};
}

// What the file of that number holds; nullptr: nothing of ours.
spool_result<spool::shared_segment> spool::look_at(std::uint64_t number) {
    const std::string name = detail::segment_name(number);
    auto opened = directory_->open(name, storage_access::read_write);
    if (!opened) {
        const int code = opened.error().code;
        if (code == ELOOP || code == EINVAL || code == EISDIR || code == ENXIO) { // not a file: none of ours
            ++statistics_.foreign;
            return nullptr;
        }
        return failed(std::move(opened.error()));
    }
    storage_file& file = **opened;
    const auto size = file.size();
    if (!size)
        return failed(size.error());
    auto found = std::make_shared<segment>();
    found->number = number;
    found->bytes = *size;

    std::array<std::byte, segment_header_bytes> head{};
    const auto got = file.read_at(0, head);
    if (!got)
        return failed(got.error());
    const auto header = detail::read_segment_header({head.data(), *got});
    if (header && header->spool != identity_) {
        ++statistics_.foreign;
        return nullptr;
    }
    if (header && header->version != detail::format_version)
        return std::unexpected(spool_error{.reason = spool_errc::version,
                                           .cause = {storage_operation::read, 0, std::string(file.path())}});
    if (*size >= segment_header_bytes + footer_bytes) {
        std::array<std::byte, footer_bytes> tail{};
        const auto read = file.read_at(*size - footer_bytes, tail);
        if (!read)
            return failed(read.error());
        const auto footer = detail::read_footer({tail.data(), *read}, identity_);
        if (footer && footer->end >= segment_header_bytes && footer->end <= *size - footer_bytes) {
            found->first = footer->first;
            found->last = footer->next - 1;
            found->end = footer->end;
            return found;
        }
    }
    // Its writer was killed: read it, and give it a footer.
    segment_reader reader(file, segment_part{.spool = identity_,
                                             .end = *size,
                                             .expected = header ? header->first : 0,
                                             .record_bytes_max = options_.record_bytes_max});
    batch records;
    unsigned failures = 0;
    for (;;) {
        const auto more = reader.next(records, copy_bytes);
        if (!more) {
            ++statistics_.failed_reads;
            if (++failures % read_attempts == 0)
                reader.skip_unreadable();
            continue;
        }
        if (!*more)
            break;
    }
    statistics_.torn_bytes += reader.torn_bytes();
    if (reader.count() == 0) {
        if (header || *size <= segment_header_bytes) {
            disk_bytes_ += *size;
            discard_file(number, *size); // the torn first write of a segment
        } else {
            ++statistics_.foreign;
        }
        return nullptr;
    }
    found->first = header ? header->first : reader.first();
    found->last = reader.expected() - 1;
    found->end = reader.offset();
    // The torn tail goes first: zeros behind it could make its last record whole.
    std::array<std::byte, footer_bytes> footer{};
    detail::write_footer({.next = found->last + 1, .first = found->first, .count = reader.count(), .end = found->end},
                         identity_, footer);
    if (file.truncate(found->end)) {
        found->bytes = found->end;
        if (file.write_at(found->end, footer)) // else it will be read again when it is opened again
            found->bytes += footer_bytes;
    }
    return found;
}

// Each segment up to the first sequence of the next: what comes after that was written anew. But a segment that lies
// within one of a higher number was refused, or written anew, as a whole, and has lost its beginning since.
void spool::order_segments() {
    std::deque<shared_segment> kept;
    while (!segments_.empty()) {
        const shared_segment each = std::move(segments_.front());
        segments_.pop_front();
        next_ = std::max(next_, each->last + 1);
        if (!kept.empty() && each->number < kept.back()->number && each->first > kept.back()->first &&
            each->first <= kept.back()->last) {
            each->first = kept.back()->last + 1;
            if (each->first > each->last)
                doomed_.push_back(each);
            else
                insert_locked(each); // where it belongs now
            continue;
        }
        while (!kept.empty() && kept.back()->first >= each->first) {
            doomed_.push_back(kept.back());
            kept.pop_back();
        }
        if (!kept.empty())
            kept.back()->last = std::min(kept.back()->last, each->first - 1);
        kept.push_back(each);
    }
    segments_ = std::move(kept);
}

// ---------------------------------------------------------------------------------------------------------- appending

std::uint64_t spool::next_sequence() const {
    const std::scoped_lock guard(mutex_);
    return next_;
}

storage_result<std::shared_ptr<storage_directory>> spool::directory() {
    {
        const std::scoped_lock guard(mutex_);
        if (!directory_spoilt_)
            return directory_;
    }
    auto opened = storage_.open_directory(path_);
    if (!opened)
        return std::unexpected(std::move(opened.error()));
    const std::scoped_lock guard(mutex_);
    directory_ = *std::move(opened);
    directory_spoilt_ = false;
    return directory_;
}

storage_result<void> spool::make_durable(storage_file& file, bool with_name) {
    if (auto synced = file.sync(); !synced) {
        const std::scoped_lock guard(mutex_);
        ++statistics_.failed_syncs;
        return synced;
    }
    return with_name ? sync_names() : storage_result<void>();
}

storage_result<void> spool::sync_names() {
    const auto at = directory();
    if (!at)
        return std::unexpected(at.error());
    if (auto synced = (*at)->sync(); !synced) {
        const std::scoped_lock guard(mutex_);
        ++statistics_.failed_syncs;
        directory_spoilt_ = true;
        for (const shared_segment& each : segments_) // the names that were made since the last sync
            each->spoilt = each->spoilt || !each->synced;
        return synced;
    }
    return {};
}

bool spool::has_room(std::uint64_t bytes) const {
    const std::scoped_lock guard(mutex_);
    return bytes <= options_.disk_bytes_max && disk_bytes_ <= options_.disk_bytes_max - bytes;
}

void spool::insert_locked(shared_segment made) {
    const auto behind =
        std::ranges::upper_bound(segments_, std::pair(made->first, made->number), {},
                                 [](const shared_segment& each) { return std::pair(each->first, each->number); });
    segments_.insert(behind, std::move(made));
}

// The file goes now, or with the next removal.
void spool::discard_file(std::uint64_t number, std::uint64_t bytes) {
    auto gone = std::make_shared<segment>();
    gone->number = number;
    gone->bytes = bytes;
    const std::scoped_lock guard(mutex_);
    doomed_.push_back(std::move(gone));
}

void spool::commit_locked(const batch& records) noexcept {
    next_ = records.last() + 1;
    statistics_.appended += records.count();
}

spool_result<void> spool::append(spool_batch& batch) {
    return append(batch.records_);
}

spool_result<void> spool::append(batch& records) {
    if (records.empty())
        return {};
    GANTRY_ASSERT(records.first() >= next_sequence());
    leave_out(records.first());
    const auto largest =
        detail::record_header{.sum = 0, .sequence = 0, .length = options_.record_bytes_max, .kind = {}}.bytes();
    if (options_.compression != 0 && records.bytes().size() <= largest &&
        records.compress(packed_, identity_, options_.compression))
        return add_records(packed_);
    records.write_sums(identity_);
    return add_records(records);
}

// Numbers before `first` that were not used are acknowledged, whether or not what comes now can be written.
void spool::leave_out(std::uint64_t first) {
    const std::scoped_lock guard(mutex_);
    if (first > next_)
        acknowledge_locked(next_, first - 1);
    next_ = first;
}

spool_result<void> spool::add_records(const batch& records) {
    const std::uint64_t bytes = records.bytes().size();
    if (segment_header_bytes + bytes + footer_bytes > options_.segment_bytes)
        return refused(spool_errc::too_large);
    if (owing_)
        if (auto synced = sync_owed(); !synced)
            return synced;
    if (active_ &&
        (records.first() != active_->last + 1 || active_->end + bytes + footer_bytes > options_.segment_bytes))
        if (auto sealed = seal_active(options_.sync == spool_sync::segment); !sealed)
            return sealed;
    if (active_ && !has_room(bytes)) {
        // What is full may be full of elements that nobody needs any more.
        bool spent = false;
        {
            const std::scoped_lock guard(mutex_);
            spent = active_->last <= kept_all_;
        }
        if (!spent)
            return refused(spool_errc::full);
        let_go_of_active();
    }
    return active_ ? add_to_active(records) : new_segment(records);
}

spool_result<void> spool::add_to_active(const batch& records) {
    const std::uint64_t bytes = records.bytes().size();
    if (auto wrote = active_file_->write_at(active_->end, records.bytes()); !wrote) {
        const bool cut = active_file_->truncate(active_->end).has_value();
        {
            const std::scoped_lock guard(mutex_);
            ++statistics_.failed_writes;
            if (!cut) { // it may be that long now
                active_->bytes += bytes;
                disk_bytes_ += bytes;
            }
        }
        if (!cut)
            let_go_of_active();
        return failed(std::move(wrote.error()));
    }
    if (options_.sync == spool_sync::each) {
        if (!make_durable(*active_file_, false)) {
            // What was synced before is safe; these records go elsewhere.
            {
                const std::scoped_lock guard(mutex_);
                active_->bytes += bytes;
                disk_bytes_ += bytes;
            }
            let_go_of_active();
            return new_segment(records);
        }
    }
    const std::scoped_lock guard(mutex_);
    active_->last = records.last();
    active_->end += bytes;
    active_->bytes += bytes;
    disk_bytes_ += bytes;
    commit_locked(records);
    return {};
}

spool_result<void> spool::new_segment(const batch& records) {
    const std::uint64_t bytes = segment_header_bytes + records.bytes().size() + footer_bytes;
    if (!has_room(bytes)) {
        reap();
        if (!has_room(bytes))
            return refused(spool_errc::full);
    }
    const auto at = directory();
    if (!at)
        return failed(at.error());
    const std::uint64_t number = next_number_++;
    const std::string name = detail::segment_name(number);
    auto added = std::make_shared<segment>();
    auto made = (*at)->create(name);
    if (!made)
        return failed(std::move(made.error()));
    std::array<std::byte, segment_header_bytes> header{};
    detail::write_segment_header({.spool = identity_, .number = number, .first = records.first()}, header);
    const storage_bytes parts[] = {header, records.bytes()};
    storage_result<void> done = (*made)->write_at(0, parts);
    if (done && options_.sync == spool_sync::each)
        done = make_durable(**made, true);
    if (!done) {
        // Its name must not come back with elements that were refused; if it does, a later segment overrules it.
        {
            const std::scoped_lock guard(mutex_);
            ++statistics_.failed_writes;
            disk_bytes_ += bytes;
        }
        discard_file(number, bytes);
        reap();
        return failed(std::move(done.error()));
    }
    added->number = number;
    added->first = records.first();
    added->last = records.last();
    added->end = bytes - footer_bytes;
    added->bytes = bytes;
    added->active = true;
    added->synced = options_.sync == spool_sync::each;
    const std::scoped_lock guard(mutex_);
    try {
        insert_locked(added);
    } catch (...) { // no memory: as if it had not been
        static_cast<void>((*at)->remove(name));
        throw;
    }
    active_ = std::move(added);
    active_file_ = *std::move(made);
    disk_bytes_ += bytes;
    commit_locked(records);
    return {};
}

void spool::let_go_of_active() {
    {
        const std::scoped_lock guard(mutex_);
        active_->active = false;
    }
    active_.reset();
    active_file_.reset();
    reap();
}

// Without its footer a segment is only slower to open, so nothing depends on that.
spool_result<void> spool::seal_active(bool sync) {
    std::array<std::byte, footer_bytes> footer{};
    detail::write_footer({.next = active_->last + 1,
                          .first = active_->first,
                          .count = active_->last + 1 - active_->first,
                          .end = active_->end},
                         identity_, footer);
    if (!active_file_->write_at(active_->end, footer)) {
        const std::scoped_lock guard(mutex_);
        ++statistics_.failed_writes;
    }
    // Nothing is added to it from now on, also if its sync fails: a copy may have got its name, which overrules it.
    const std::unique_ptr<storage_file> file = std::move(active_file_);
    if (sync)
        owing_ = active_;
    let_go_of_active();
    if (sync) {
        if (auto done = sync_or_rewrite(owing_, *file); !done)
            return done;
        owing_.reset();
    }
    return {};
}

// A full segment whose sync has failed is synced before anything else is written.
spool_result<void> spool::sync_owed() {
    const auto is_spent = [&] {
        const std::scoped_lock guard(mutex_);
        return owing_->last <= kept_all_;
    };
    if (!is_spent()) {
        const auto at = directory();
        if (!at)
            return failed(at.error());
        const auto file = (*at)->open(detail::segment_name(owing_->number), storage_access::read_write);
        auto done = file ? sync_or_rewrite(owing_, **file) : failed(file.error());
        if (!done && !is_spent()) // else it was removed meanwhile
            return done;
    }
    owing_.reset();
    return {};
}

spool_result<void> spool::sync_or_rewrite(const shared_segment& what, storage_file& file) {
    bool spoilt = false;
    {
        const std::scoped_lock guard(mutex_);
        spoilt = what->spoilt;
    }
    if (spoilt || !make_durable(file, true)) {
        {
            const std::scoped_lock guard(mutex_);
            what->spoilt = true;
        }
        if (auto done = rewrite(what); !done)
            return done;
    }
    const std::scoped_lock guard(mutex_);
    what->synced = true;
    what->spoilt = false;
    return {};
}

// A segment whose sync failed, into a new file. It can still be read, but nobody knows what of it is on disk.
spool_result<void> spool::rewrite(const shared_segment& from) {
    const std::uint64_t bytes = from->end + footer_bytes;
    if (!has_room(bytes))
        return refused(spool_errc::full);
    const auto at = directory();
    if (!at)
        return failed(at.error());
    const auto source = (*at)->open(detail::segment_name(from->number), storage_access::read);
    if (!source)
        return failed(source.error());
    const std::uint64_t number = next_number_++;
    // Under its name only when it is complete: a part of it must not overrule the whole.
    const std::string unfinished = detail::unfinished_name(number);
    auto made = (*at)->create(unfinished);
    if (!made)
        return failed(std::move(made.error()));
    const auto copy = [&]() -> storage_result<void> {
        std::array<std::byte, segment_header_bytes> header{};
        detail::write_segment_header({.spool = identity_, .number = number, .first = from->first}, header);
        if (auto wrote = (*made)->write_at(0, header); !wrote)
            return wrote;
        std::vector<std::byte> buffer(copy_bytes);
        for (std::uint64_t offset = segment_header_bytes; offset != from->end;) {
            const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), from->end - offset));
            const auto got = (*source)->read_at(offset, {buffer.data(), wanted});
            if (!got)
                return std::unexpected(got.error());
            if (*got == 0)
                return std::unexpected(storage_error{storage_operation::read, EIO, (*source)->path()});
            if (auto wrote = (*made)->write_at(offset, {buffer.data(), *got}); !wrote)
                return wrote;
            offset += *got;
        }
        std::array<std::byte, footer_bytes> footer{};
        detail::write_footer(
            {.next = from->last + 1, .first = from->first, .count = from->last + 1 - from->first, .end = from->end},
            identity_, footer);
        if (auto wrote = (*made)->write_at(from->end, footer); !wrote)
            return wrote;
        if (auto synced = make_durable(**made, false); !synced)
            return synced;
        if (auto renamed = (*at)->rename(unfinished, detail::segment_name(number)); !renamed)
            return renamed;
        return sync_names();
    };
    auto done = copy();
    if (!done) {
        if ((*at)->remove(unfinished))
            return failed(std::move(done.error()));
        {
            const std::scoped_lock guard(mutex_);
            disk_bytes_ += bytes;
        }
        discard_file(number, bytes);
        reap();
        return failed(std::move(done.error()));
    }
    // The segment keeps its place and gets the new file; the old one goes.
    {
        const std::scoped_lock guard(mutex_);
        disk_bytes_ += bytes;
    }
    const std::uint64_t old = from->number;
    const std::uint64_t old_bytes = from->bytes;
    {
        const std::scoped_lock guard(mutex_);
        from->number = number;
        from->bytes = bytes;
    }
    discard_file(old, old_bytes);
    return {};
}

// ------------------------------------------------------------------------------------------------------------ reading

spool_result<bool> spool::read(spool_batch& to, std::size_t bytes) {
    return read(to.records_, bytes);
}

spool_result<bool> spool::read(batch& to, std::size_t bytes) {
    for (;;) {
        to.clear();
        shared_segment target;
        segment now;
        {
            const std::scoped_lock guard(mutex_);
            const auto found =
                std::ranges::find_if(segments_, [&](const shared_segment& each) { return each->last >= next_read_; });
            if (found == segments_.end())
                return false;
            target = *found;
            now = *target;
        }
        if (next_read_ < now.first) {
            // Numbers that were never here, unless the file that had them is gone.
            if (options_.keep_acknowledgements && next_read_ < adopted_end_) {
                lose(next_read_, now.first - 1);
            } else {
                // Or that were acknowledged by an earlier run: nothing waits for them, and nothing is to come back.
                const std::scoped_lock guard(mutex_);
                acknowledge_locked(next_read_, now.first - 1);
            }
            next_read_ = now.first;
        }
        if (reading_ != target) {
            const auto at = directory();
            if (!at)
                return failed(at.error());
            auto opened = (*at)->open(detail::segment_name(now.number), storage_access::read);
            if (!opened) {
                bool gone = false;
                {
                    const std::scoped_lock guard(mutex_);
                    ++statistics_.failed_reads;
                    gone = opened.error().code == ENOENT && target->number == now.number;
                }
                if (!gone && opened.error().code == ENOENT)
                    continue; // it was rewritten just now
                if (gone) {
                    // Somebody removed it.
                    lose(next_read_, now.last);
                    next_read_ = now.last + 1;
                    continue;
                }
                return failed(std::move(opened.error()));
            }
            reading_.reset();
            reader_.reset();
            reading_file_ = *std::move(opened);
            reader_.emplace(*reading_file_,
                            segment_part{.spool = identity_,
                                         .end = now.end,
                                         .expected = now.first,
                                         .last = now.active ? std::numeric_limits<std::uint64_t>::max() : now.last,
                                         .record_bytes_max = options_.record_bytes_max});
            reading_ = target;
            read_failures_ = 0;
        } else {
            reader_->go_on(now.end, 0);
        }
        const std::uint64_t damaged_before = reader_->damaged_bytes();
        const auto got = reader_->next(to, bytes);
        if (!got) {
            const std::scoped_lock guard(mutex_);
            ++statistics_.failed_reads;
            if (++read_failures_ == read_attempts) {
                read_failures_ = 0;
                reader_->skip_unreadable();
            }
            return failed(got.error());
        }
        read_failures_ = 0;
        for (const sequence_range& each : reader_->lost())
            if (each.last >= next_read_)
                lose(std::max(each.first, next_read_), std::min(each.last, now.last));
        reader_->lost().clear();
        if (const std::uint64_t damaged = reader_->damaged_bytes() - damaged_before; damaged != 0) {
            const std::scoped_lock guard(mutex_);
            statistics_.damaged_bytes += damaged;
        }
        if (!*got) {
            const std::uint64_t missing = std::max(reader_->expected(), next_read_);
            if (missing <= now.last)
                lose(missing, now.last);
            next_read_ = now.last + 1;
            reader_->go_on(now.end, next_read_);
            continue;
        }
        const std::uint64_t from = std::exchange(next_read_, std::max(next_read_, to.last() + 1));
        const std::scoped_lock guard(mutex_);
        if (to.first() < from || to.first() < adopted_end_)
            to.skip_if([&](std::uint64_t sequence) { return sequence < from || is_acknowledged_locked(sequence); });
        if (to.left() == 0)
            continue;
        statistics_.read += to.left();
        return true;
    }
}

// Elements that damage cost: nobody will acknowledge them.
void spool::lose(std::uint64_t first, std::uint64_t last) {
    {
        const std::scoped_lock guard(mutex_);
        std::uint64_t gone = 0;
        std::uint64_t at = std::max(first, all_ + 1);
        for (const auto& [from, to] : ranges_) {
            if (from > last || at > last)
                break;
            if (to < at)
                continue;
            if (from > at)
                gone += from - at;
            at = to + 1;
        }
        if (at <= last)
            gone += last + 1 - at;
        statistics_.lost += gone;
        acknowledge_locked(first, last);
    }
    reap();
}

// ------------------------------------------------------------------------------------------------------ acknowledging

bool spool::is_acknowledged_locked(std::uint64_t sequence) const {
    if (sequence <= all_)
        return true;
    const auto behind = ranges_.upper_bound(sequence);
    return behind != ranges_.begin() && std::prev(behind)->second >= sequence;
}

void spool::acknowledge_locked(std::uint64_t first, std::uint64_t last) {
    if (last <= all_)
        return;
    if (first > all_ + 1) {
        // Into the ranges, together with those that it touches.
        auto it = ranges_.upper_bound(first);
        if (it != ranges_.begin() && std::prev(it)->second + 1 >= first)
            --it;
        while (it != ranges_.end() && it->first <= last + 1) {
            first = std::min(first, it->first);
            last = std::max(last, it->second);
            it = ranges_.erase(it);
        }
        ranges_.emplace(first, last);
        return;
    }
    all_ = last;
    while (!ranges_.empty() && ranges_.begin()->first <= all_ + 1) {
        all_ = std::max(all_, ranges_.begin()->second);
        ranges_.erase(ranges_.begin());
    }
}

void spool::take_back_locked(std::uint64_t first, std::uint64_t last) {
    if (first <= all_) {
        const std::uint64_t before = std::exchange(all_, first - 1);
        if (before > last)
            ranges_.emplace(last + 1, before);
        first = before + 1;
    }
    if (first > last)
        return;
    auto it = ranges_.upper_bound(first);
    if (it != ranges_.begin() && std::prev(it)->second >= first)
        --it;
    while (it != ranges_.end() && it->first <= last) {
        const auto [from, to] = *it;
        it = ranges_.erase(it);
        if (from < first)
            ranges_.emplace(from, first - 1);
        if (to > last)
            ranges_.emplace(last + 1, to);
    }
}

spool_result<void> spool::acknowledge(std::uint64_t first, std::uint64_t last) {
    const sequence_range range{.first = first, .last = last};
    return acknowledge({&range, 1});
}

spool_result<void> spool::acknowledge(std::span<const sequence_range> ranges) {
    {
        const std::scoped_lock guard(mutex_);
        for (const sequence_range& each : ranges)
            acknowledge_locked(each.first, each.last);
    }
    // Numbers must not be given out again while a segment that had them may come back: what is removed is kept as
    // acknowledged first.
    bool keep = options_.keep_acknowledgements;
    if (!keep) {
        const std::scoped_lock guard(mutex_);
        keep = !segments_.empty() && segments_.front()->last <= all_;
    }
    if (keep)
        if (auto kept = write_position(options_.sync != spool_sync::none); !kept)
            return kept;
    reap();
    return {};
}

spool_result<void> spool::write_position(bool sync) {
    detail::position_slot slot{
        .spool = identity_, .generation = generation_ + 1, .all = 0, .opened = opened_, .ranges = {}};
    {
        const std::scoped_lock guard(mutex_);
        slot.all = all_;
        for (const auto& [first, last] : ranges_) {
            if (slot.ranges.size() == detail::slot_ranges_max)
                break;
            slot.ranges.push_back({.first = first, .last = last});
        }
    }
    if (!position_file_) {
        const auto at = directory();
        if (!at)
            return failed(at.error());
        auto opened = (*at)->open(position_name, storage_access::read_write);
        if (!opened)
            return failed(std::move(opened.error()));
        position_file_ = *std::move(opened);
    }
    // The latest good one stays until this one is, and what a power cut cannot take stays until it cannot take this
    // one.
    unsigned other = 0;
    while (other == slot_ || other == synced_slot_)
        ++other;
    if (auto wrote = position_file_->write_at(detail::slot_offset[other], detail::write_slot(slot)); !wrote) {
        const std::scoped_lock guard(mutex_);
        ++statistics_.failed_writes;
        return failed(std::move(wrote.error()));
    }
    if (sync) {
        if (auto synced = position_file_->sync(); !synced) {
            position_file_.reset();
            const std::scoped_lock guard(mutex_);
            ++statistics_.failed_syncs;
            return failed(std::move(synced.error()));
        }
    }
    slot_ = other;
    if (sync)
        synced_slot_ = other;
    ++generation_;
    const std::scoped_lock guard(mutex_);
    kept_all_ = slot.all;
    return {};
}

// Removes segments that nobody needs any more. From any of the threads: each takes other files.
void spool::reap() {
    std::vector<shared_segment> now;
    std::shared_ptr<storage_directory> at;
    {
        const std::scoped_lock guard(mutex_);
        while (!segments_.empty() && !segments_.front()->active && segments_.front()->last <= kept_all_) {
            doomed_.push_back(std::move(segments_.front()));
            segments_.pop_front();
        }
        now.swap(doomed_);
        at = directory_;
    }
    for (shared_segment& each : now) {
        const auto removed = at->remove(detail::segment_name(each->number));
        const std::scoped_lock guard(mutex_);
        if (removed || removed.error().code == ENOENT) {
            disk_bytes_ -= each->bytes;
        } else {
            ++statistics_.failed_removals;
            doomed_.push_back(std::move(each));
        }
    }
}

// ------------------------------------------------------------------------------------------------------------ closing

spool_result<void> spool::append_left_out(batch& records) {
    if (records.empty())
        return {};
    {
        const std::scoped_lock guard(mutex_);
        take_back_locked(records.first(), records.last());
        kept_all_ = std::min(kept_all_, all_);
    }
    if (active_)
        if (auto sealed = seal_active(false); !sealed)
            return sealed;
    records.write_sums(identity_);
    const std::uint64_t next = next_sequence();
    auto done = new_segment(records);
    if (active_)
        let_go_of_active();
    const std::scoped_lock guard(mutex_);
    next_ = std::max(next_, next);
    return done;
}

spool_result<void> spool::close() {
    if (active_)
        if (auto sealed = seal_active(options_.sync != spool_sync::each); !sealed) // then its records are synced
            return sealed;
    std::vector<shared_segment> unsynced;
    {
        const std::scoped_lock guard(mutex_);
        std::ranges::copy_if(segments_, std::back_inserter(unsynced),
                             [](const shared_segment& each) { return !each->synced; });
    }
    if (options_.sync != spool_sync::each) {
        for (const shared_segment& each : unsynced) {
            const auto at = directory();
            if (!at)
                return failed(at.error());
            const auto file = (*at)->open(detail::segment_name(each->number), storage_access::read_write);
            if (!file)
                return failed(file.error());
            if (auto done = sync_or_rewrite(each, **file); !done)
                return done;
        }
    }
    if (auto kept = write_position(true); !kept)
        return kept;
    reap();
    return {};
}

spool_statistics spool::statistics() const {
    const std::scoped_lock guard(mutex_);
    spool_statistics now = statistics_;
    now.disk_bytes = disk_bytes_;
    now.segments = segments_.size();
    now.unacknowledged = 0;
    for (const shared_segment& each : segments_) {
        std::uint64_t at = std::max(each->first, all_ + 1);
        for (auto it = ranges_.lower_bound(each->first); it != ranges_.end() && it->first <= each->last; ++it) {
            if (it->first > at)
                now.unacknowledged += it->first - at;
            at = std::max(at, it->second + 1);
        }
        if (at <= each->last)
            now.unacknowledged += each->last + 1 - at;
    }
    return now;
}

} // namespace gantry::channel
