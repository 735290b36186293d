// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/base/prng.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

namespace gantry::check {
namespace {

using operation = storage_operation;
using content = std::vector<std::byte>;

// A write, or a truncation: then `size` is the new size and `bytes` is empty.
struct change {
    bool truncation;
    std::uint64_t offset;
    std::uint64_t size;
    content bytes;
};

void replay(content& to, const change& it) {
    if (it.truncation) {
        to.resize(it.size);
        return;
    }
    if (it.bytes.empty())
        return;
    if (to.size() < it.offset + it.bytes.size())
        to.resize(it.offset + it.bytes.size());
    std::ranges::copy(it.bytes, to.begin() + static_cast<std::ptrdiff_t>(it.offset));
}

struct file_node {
    content seen;                // what reads return
    content synced;              // what a power cut cannot take
    std::vector<change> pending; // since the last sync
    std::size_t pending_bytes = 0;
    bool locked = false;
    std::uint64_t generation = 0; // of the lock

    void change_by(change made) {
        replay(seen, made);
        pending_bytes += made.bytes.size();
        pending.push_back(std::move(made));
    }

    void forget_pending() {
        pending.clear();
        pending_bytes = 0;
    }

    // A sync needs room for the whole of what is seen, so it is counted from the start.
    [[nodiscard]] std::size_t bytes() const {
        return seen.size() + std::max(seen.size(), synced.size()) + pending_bytes;
    }
};

using node = std::shared_ptr<file_node>;
using entries = std::map<std::string, node, std::less<>>;

// `from` is empty for a creation, `to` for a removal.
struct entry_change {
    std::string from;
    std::string to;
    node file;
};

void replay(entries& names, const entry_change& it) {
    if (!it.from.empty()) {
        const auto found = names.find(it.from);
        if (found != names.end() && found->second == it.file)
            names.erase(found);
    }
    if (!it.to.empty()) {
        // An earlier renaming that got lost must not leave the file with two names.
        std::erase_if(names, [&](const auto& entry) { return entry.second == it.file; });
        names.insert_or_assign(it.to, it.file);
    }
}

struct directory_node {
    entries seen;
    entries synced;
    std::vector<entry_change> pending;
    bool durable = false; // its own entry in its parent
};

using directory = std::shared_ptr<directory_node>;

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == path.npos ? path : path.substr(slash + 1);
}

std::string joined(std::string path, std::string_view name) {
    path += '/';
    path += name;
    return path;
}

std::unexpected<storage_error> failed(operation what, std::string path, int code) {
    return std::unexpected(storage_error{.operation = what, .code = code, .path = std::move(path)});
}

} // namespace

struct fault_storage::state {
    explicit state(const fault_storage_options& given) : options(given), random(given.seed) {
        GANTRY_ASSERT(given.sector_bytes >= 1);
        for (const char* const root : {"/", "."}) {
            directories[root] = std::make_shared<directory_node>();
            directories[root]->durable = true;
        }
    }

    // What an operation is about to meet.
    struct meeting {
        int code = 0;                    // it fails with this
        const storage_fault* fault = {}; // because of that
        bool crash = false;              // it takes effect, and then the power goes
    };

    // Counts an operation and decides what it meets. The event is in the trace: end() completes it.
    [[nodiscard]] meeting begin(storage_event event, std::uint64_t born) {
        event.number = operations++;
        if (trace.size() >= options.trace_max && !trace.empty())
            trace.pop_front();
        if (options.trace_max != 0)
            trace.push_back(event);
        meeting met;
        if (crashed || born != generation) {
            met.code = ESHUTDOWN;
            return met;
        }
        if (event.number == crash_number) {
            met.crash = true;
            return met;
        }
        for (storage_fault& fault : faults) {
            if (fault.operation.value_or(event.operation) != event.operation || fault.times == 0 ||
                (!fault.path.empty() && event.path.find(fault.path) == event.path.npos))
                continue;
            if (fault.skip != 0) {
                --fault.skip;
                continue;
            }
            if (fault.times != storage_fault::forever)
                --fault.times;
            if (fault.one_in > 1 && random.uniform_below(fault.one_in) != 0)
                continue;
            met.code = fault.code;
            met.fault = &fault;
            break;
        }
        return met;
    }

    // The operation's errno, after the crash that it met, if any.
    [[nodiscard]] int end(const meeting& met, int code) {
        if (met.crash) {
            crashed = true;
            code = ESHUTDOWN;
        }
        if (!trace.empty())
            trace.back().code = code;
        return code;
    }

    [[nodiscard]] std::uint64_t choose(const storage_chooser& chooser, std::uint64_t count) {
        const std::uint64_t chosen = chooser ? chooser(count) : random.uniform_below(count);
        GANTRY_ASSERT(chosen < count);
        return chosen;
    }

    [[nodiscard]] bool keeps(survival how, const storage_chooser& chooser) {
        return how == survival::all || (how == survival::chosen && choose(chooser, 2) == 1);
    }

    // Applies what survives of a write; `touched` collects the bytes that came from it.
    void settle(content& to, const change& it, survival how, const storage_chooser& chooser,
                std::vector<std::pair<std::uint64_t, std::uint64_t>>* touched) {
        if (how == survival::none)
            return;
        const auto keep = [&](std::uint64_t from, std::uint64_t count) {
            const auto begin = it.bytes.begin() + static_cast<std::ptrdiff_t>(from);
            replay(to, change{.truncation = false,
                              .offset = it.offset + from,
                              .size = 0,
                              .bytes = content(begin, begin + static_cast<std::ptrdiff_t>(count))});
            if (touched != nullptr && count != 0)
                touched->emplace_back(it.offset + from, count);
        };
        if (it.truncation) {
            if (keeps(how, chooser))
                replay(to, it);
            return;
        }
        const std::uint64_t length = it.bytes.size();
        if (how == survival::all) {
            keep(0, length);
            return;
        }
        const std::uint64_t sector = options.sector_bytes;
        const bool several = it.offset / sector != (it.offset + length - 1) / sector;
        enum : std::uint8_t { lost, whole, prefix, sectors };
        switch (choose(chooser, several ? 4 : length > 1 ? 3 : 2)) {
        case whole:
            keep(0, length);
            return;
        case prefix:
            keep(0, 1 + choose(chooser, length - 1));
            break;
        case sectors:
            for (std::uint64_t from = 0; from != length;) {
                const std::uint64_t count = std::min(length - from, sector - (it.offset + from) % sector);
                if (choose(chooser, 2) == 1)
                    keep(from, count);
                from += count;
            }
            break;
        default:
            break;
        }
        // The new size may be there without the bytes.
        if (to.size() < it.offset + length && choose(chooser, 2) == 1)
            to.resize(it.offset + length);
    }

    void sync_names(directory_node& it, const std::string& path) {
        for (const entry_change& each : it.pending)
            replay(it.synced, each);
        it.pending.clear();
        for (auto& [name, child] : directories)
            if (name != path && parent_of(name) == path)
                child->durable = true;
    }

    // The content that a power cut leaves of a file.
    [[nodiscard]] content survivor(const file_node& it, const restart_options& how) {
        content left = it.synced;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> touched;
        for (const change& each : it.pending)
            settle(left, each, how.data, how.choose, &touched);
        std::erase_if(touched, [&](const auto& piece) { return piece.first + piece.second > left.size(); });
        if (!touched.empty())
            for (std::uint64_t i = 0; i != how.bit_flips; ++i) {
                const auto& [offset, count] = touched[choose(how.choose, touched.size())];
                left[offset + choose(how.choose, count)] ^= std::byte(1U << choose(how.choose, 8));
            }
        return left;
    }

    [[nodiscard]] std::size_t bytes() const {
        std::size_t sum = 0;
        for (const std::weak_ptr<file_node>& each : files)
            if (const node file = each.lock())
                sum += file->bytes();
        return sum;
    }

    // How many more bytes a change may take.
    [[nodiscard]] std::uint64_t room() {
        std::erase_if(files, [](const auto& each) { return each.expired(); });
        const std::size_t used = bytes();
        return used < options.bytes_max ? options.bytes_max - used : 0;
    }

    [[nodiscard]] bool is_directory(const std::string& path) const { return directories.contains(path); }

    [[nodiscard]] node new_file() {
        node file = std::make_shared<file_node>();
        files.push_back(file);
        return file;
    }

    const fault_storage_options options;

    // Guarded by mutex.
    std::mutex mutex;
    prng random;
    std::map<std::string, directory> directories; // by path
    std::vector<std::weak_ptr<file_node>> files;  // all that are alive, named or not
    std::vector<storage_fault> faults;
    std::uint64_t crash_number = storage_fault::forever;
    bool crashed = false;
    std::uint64_t generation = 0; // restarts so far: objects of older ones are dead
    std::uint64_t operations = 0;
    std::deque<storage_event> trace;
};

namespace {

using shared_state = std::shared_ptr<fault_storage::state>;

class fault_lock final : public storage_lock {
public:
    fault_lock(shared_state shared, node file, std::uint64_t born)
        : shared_(std::move(shared)), file_(std::move(file)), born_(born) {}
    ~fault_lock() override {
        const std::scoped_lock guard(shared_->mutex);
        if (file_->locked && file_->generation == born_)
            file_->locked = false;
    }

private:
    const shared_state shared_;
    const node file_;
    const std::uint64_t born_;
};

class fault_file final : public storage_file {
public:
    fault_file(shared_state shared, node file, std::string path, storage_access access, std::uint64_t born)
        : shared_(std::move(shared)), file_(std::move(file)), path_(std::move(path)), access_(access), born_(born) {}

    storage_result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::read, offset, to.size()), born_);
        const int code = shared_->end(met, met.code != 0 ? met.code : beyond(offset, to.size()) ? EINVAL : 0);
        if (code != 0)
            return failed(operation::read, path_, code);
        const content& seen = file_->seen;
        if (offset >= seen.size())
            return 0;
        const std::size_t count = std::min(to.size(), seen.size() - static_cast<std::size_t>(offset));
        if (count != 0)
            std::memcpy(to.data(), seen.data() + offset, count);
        return count;
    }

    storage_result<void> write_at(std::uint64_t offset, std::span<const storage_bytes> parts) override {
        content bytes;
        for (const storage_bytes part : parts)
            bytes.insert(bytes.end(), part.begin(), part.end());
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::write, offset, bytes.size()), born_);
        int code = met.code;
        if (code != 0)
            bytes.resize(met.fault == nullptr ? 0 : std::min<std::uint64_t>(bytes.size(), met.fault->written));
        if (code != ESHUTDOWN) {
            if (access_ == storage_access::read) {
                bytes.clear();
                code = EBADF;
            } else if (beyond(offset, bytes.size())) {
                bytes.clear();
                code = EINVAL;
            } else if (const std::uint64_t fits = fitting(offset, bytes.size()); fits < bytes.size()) {
                bytes.resize(fits);
                code = ENOSPC;
            }
            if (!bytes.empty()) {
                change made{.truncation = false, .offset = offset, .size = 0, .bytes = std::move(bytes)};
                file_->change_by(std::move(made));
            }
        }
        return result(operation::write, shared_->end(met, code));
    }

    storage_result<void> sync() override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::sync, 0, 0), born_);
        if (met.crash) // it may have written any part of it, which is what the restart will choose
            return result(operation::sync, shared_->end(met, 0));
        if (met.code == ESHUTDOWN && met.fault == nullptr)
            return result(operation::sync, shared_->end(met, met.code));
        if (poisoned_ == 0) {
            poisoned_ = met.code;
            const survival how = met.code == 0 ? survival::all : met.fault->unsynced;
            for (const change& each : file_->pending)
                shared_->settle(file_->synced, each, how, {}, nullptr);
            file_->forget_pending();
        }
        return result(operation::sync, shared_->end(met, poisoned_));
    }

    storage_result<void> truncate(std::uint64_t size) override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::truncate, size, 0), born_);
        int code = met.code;
        if (code == 0 && (access_ == storage_access::read || beyond(size, 0)))
            code = EINVAL;
        else if (code == 0 && fitting(size, 0) != size)
            code = ENOSPC;
        if (code == 0) {
            change made{.truncation = true, .offset = 0, .size = size, .bytes = {}};
            file_->change_by(std::move(made));
        }
        return result(operation::truncate, shared_->end(met, code));
    }

    storage_result<std::uint64_t> size() const override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::size, 0, 0), born_);
        if (const int code = shared_->end(met, met.code); code != 0)
            return failed(operation::size, path_, code);
        return file_->seen.size();
    }

    const std::string& path() const noexcept override { return path_; }

private:
    [[nodiscard]] storage_event event(operation what, std::uint64_t offset, std::uint64_t bytes) const {
        return {.number = 0, .operation = what, .path = path_, .to = {}, .offset = offset, .bytes = bytes};
    }

    [[nodiscard]] storage_result<void> result(operation what, int code) const {
        if (code != 0)
            return failed(what, path_, code);
        return {};
    }

    // Past the largest file of a real system.
    [[nodiscard]] static bool beyond(std::uint64_t offset, std::uint64_t count) {
        constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        return offset > largest || count > largest - offset;
    }
    // How much of a write fits into what is left: its bytes are kept as a change and, where the file grows, as content
    // that is seen and content that is synced. For a truncation (count 0): the offset if it fits.
    [[nodiscard]] std::uint64_t fitting(std::uint64_t offset, std::uint64_t count) {
        const std::uint64_t room = shared_->room();
        const auto needs = [&](std::uint64_t bytes) {
            const std::uint64_t end = bytes == 0 && count != 0 ? 0 : offset + bytes;
            const std::uint64_t grown = end - std::min<std::uint64_t>(end, file_->seen.size());
            return grown > room || bytes > room ? ~std::uint64_t{0} : bytes + 2 * grown;
        };
        if (count == 0)
            return needs(0) <= room ? offset : 0;
        std::uint64_t low = 0;
        std::uint64_t high = count;
        while (low != high) {
            const std::uint64_t middle = high - (high - low) / 2;
            if (needs(middle) <= room)
                low = middle;
            else
                high = middle - 1;
        }
        return low;
    }

    const shared_state shared_;
    const node file_;
    const std::string path_;
    const storage_access access_;
    const std::uint64_t born_;
    int poisoned_ = 0; // the errno of the sync that failed
};

class fault_directory final : public storage_directory {
public:
    fault_directory(shared_state shared, directory at, std::string path, std::uint64_t born)
        : shared_(std::move(shared)), at_(std::move(at)), path_(std::move(path)), born_(born) {}

    storage_result<std::unique_ptr<storage_file>> open(std::string_view name, storage_access access) override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::open, name), born_);
        const auto found = at_->seen.find(name);
        const int code = met.code != 0                          ? met.code
                         : !is_storage_name(name)               ? EINVAL
                         : shared_->is_directory(path_of(name)) ? EISDIR
                         : found == at_->seen.end()             ? ENOENT
                                                                : 0;
        return opened(operation::open, name, access, shared_->end(met, code), code == 0 ? found->second : node());
    }

    storage_result<std::unique_ptr<storage_file>> create(std::string_view name) override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::create, name), born_);
        const int code = met.code != 0 ? met.code : !is_storage_name(name) ? EINVAL : taken(name) ? EEXIST : 0;
        node file;
        if (code == 0)
            file = added(name);
        return opened(operation::create, name, storage_access::read_write, shared_->end(met, code), file);
    }

    storage_result<void> rename(std::string_view from, std::string_view to) override {
        const std::scoped_lock guard(shared_->mutex);
        const bool named = is_storage_name(from) && is_storage_name(to);
        storage_event happened = event(operation::rename, named || !is_storage_name(from) ? from : to);
        happened.to = to;
        const auto met = shared_->begin(happened, born_);
        const auto found = at_->seen.find(from);
        const int code = met.code != 0                                                                ? met.code
                         : !named                                                                     ? EINVAL
                         : shared_->is_directory(path_of(from)) || shared_->is_directory(path_of(to)) ? EISDIR
                         : found == at_->seen.end()                                                   ? ENOENT
                                                                                                      : 0;
        if (code == 0 && from != to)
            change_names({.from = std::string(from), .to = std::string(to), .file = found->second});
        return result(operation::rename, happened.path, shared_->end(met, code));
    }

    storage_result<void> remove(std::string_view name) override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::remove, name), born_);
        const auto found = at_->seen.find(name);
        const int code = met.code != 0                          ? met.code
                         : !is_storage_name(name)               ? EINVAL
                         : shared_->is_directory(path_of(name)) ? EISDIR
                         : found == at_->seen.end()             ? ENOENT
                                                                : 0;
        if (code == 0)
            change_names({.from = std::string(name), .to = {}, .file = found->second});
        return result(operation::remove, path_of(name), shared_->end(met, code));
    }

    storage_result<std::vector<std::string>> list() const override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::list), born_);
        if (const int code = shared_->end(met, met.code); code != 0)
            return failed(operation::list, path_, code);
        std::vector<std::string> names;
        names.reserve(at_->seen.size());
        for (const auto& [name, file] : at_->seen)
            names.push_back(name);
        for (const auto& [path, child] : shared_->directories)
            if (path != path_ && is_storage_name(name_of(path)) && parent_of(path) == path_)
                names.push_back(name_of(path));
        std::ranges::sort(names);
        return names;
    }

    storage_result<std::uint64_t> size(std::string_view name) const override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::size, name), born_);
        const auto found = at_->seen.find(name);
        const int code = met.code != 0                                                    ? met.code
                         : !is_storage_name(name) || shared_->is_directory(path_of(name)) ? EINVAL
                         : found == at_->seen.end()                                       ? ENOENT
                                                                                          : 0;
        if (const int ended = shared_->end(met, code); ended != 0)
            return failed(operation::size, path_of(name), ended);
        return found->second->seen.size();
    }

    storage_result<void> sync() override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::sync_directory), born_);
        if (met.crash || (met.code == ESHUTDOWN && met.fault == nullptr))
            return result(operation::sync_directory, path_, shared_->end(met, met.code));
        if (poisoned_ == 0) {
            poisoned_ = met.code;
            if (met.code == 0) {
                shared_->sync_names(*at_, path_);
            } else {
                for (const entry_change& each : at_->pending)
                    if (shared_->keeps(met.fault->unsynced, {}))
                        replay(at_->synced, each);
                at_->pending.clear();
            }
        }
        return result(operation::sync_directory, path_, shared_->end(met, poisoned_));
    }

    storage_result<std::unique_ptr<storage_lock>> lock(std::string_view name) override {
        const std::scoped_lock guard(shared_->mutex);
        const auto met = shared_->begin(event(operation::lock, name), born_);
        const auto found = at_->seen.find(name);
        const bool there = found != at_->seen.end();
        int code = met.code != 0                          ? met.code
                   : !is_storage_name(name)               ? EINVAL
                   : shared_->is_directory(path_of(name)) ? EISDIR
                   : there && found->second->locked       ? EWOULDBLOCK
                                                          : 0;
        node file;
        if (code == 0)
            file = there ? found->second : added(name);
        code = shared_->end(met, code);
        if (code != 0)
            return failed(operation::lock, path_of(name), code);
        file->locked = true;
        file->generation = born_;
        return std::make_unique<fault_lock>(shared_, std::move(file), born_);
    }

    const std::string& path() const noexcept override { return path_; }

private:
    [[nodiscard]] std::string path_of(std::string_view name) const { return joined(path_, name); }

    [[nodiscard]] storage_event event(operation what) const { return event_at(what, path_); }
    [[nodiscard]] storage_event event(operation what, std::string_view name) const {
        return event_at(what, path_of(name));
    }
    [[nodiscard]] static storage_event event_at(operation what, std::string path) {
        return {.number = 0, .operation = what, .path = std::move(path), .to = {}};
    }

    [[nodiscard]] static storage_result<void> result(operation what, std::string path, int code) {
        if (code != 0)
            return failed(what, std::move(path), code);
        return {};
    }

    [[nodiscard]] storage_result<std::unique_ptr<storage_file>>
    opened(operation what, std::string_view name, storage_access access, int code, const node& file) const {
        if (code != 0)
            return failed(what, path_of(name), code);
        return std::make_unique<fault_file>(shared_, file, path_of(name), access, born_);
    }

    [[nodiscard]] bool taken(std::string_view name) const {
        return at_->seen.contains(name) || shared_->is_directory(path_of(name));
    }

    [[nodiscard]] node added(std::string_view name) {
        node file = shared_->new_file();
        change_names({.from = {}, .to = std::string(name), .file = file});
        return file;
    }

    void change_names(entry_change made) {
        replay(at_->seen, made);
        at_->pending.push_back(std::move(made));
    }

    const shared_state shared_;
    const directory at_;
    const std::string path_;
    const std::uint64_t born_;
    int poisoned_ = 0; // guarded by the state's mutex: the errno of the sync that failed
};

} // namespace

std::string to_string(const storage_event& event) {
    std::string text = "#" + std::to_string(event.number) + ' ';
    text += to_string(event.operation);
    text += ' ' + event.path;
    if (event.operation == operation::rename)
        text += " to " + event.to;
    if (event.operation == operation::read || event.operation == operation::write)
        text += ", " + std::to_string(event.bytes) + " bytes at " + std::to_string(event.offset);
    if (event.operation == operation::truncate)
        text += " to " + std::to_string(event.offset) + " bytes";
    text += ": ";
    text += event.code == 0 ? "ok" : std::generic_category().message(event.code);
    return text;
}

fault_storage::fault_storage(fault_storage_options options) : state_(std::make_shared<state>(options)) {}

fault_storage::~fault_storage() = default;

storage_result<std::unique_ptr<storage_directory>> fault_storage::open_directory(const std::string& path,
                                                                                 open_directory_options options) {
    std::string plain = path;
    while (plain.size() > 1 && plain.back() == '/')
        plain.pop_back();
    const std::string parent = parent_of(plain);
    const std::scoped_lock guard(state_->mutex);
    const std::uint64_t born = state_->generation;
    const auto event = [](operation what, const std::string& at) {
        return storage_event{.number = 0, .operation = what, .path = at, .to = {}};
    };
    const auto is_file = [&] {
        const auto found = state_->directories.find(parent);
        return found != state_->directories.end() && found->second->seen.contains(name_of(plain));
    };
    if (plain.find('\0') != plain.npos)
        return failed(operation::open_directory, plain, EINVAL);
    if (options.create) {
        const auto met = state_->begin(event(operation::create_directory, plain), born);
        const bool make = !state_->is_directory(plain) && !is_file();
        int code = met.code;
        if (code == 0 && make && (plain.empty() || !state_->is_directory(parent)))
            code = ENOENT;
        if (code == 0 && make)
            state_->directories[plain] = std::make_shared<directory_node>();
        code = state_->end(met, code);
        if (code != 0)
            return failed(operation::create_directory, plain, code);

        const auto synced = state_->begin(event(operation::sync_directory, parent), born);
        if (synced.code == 0 && !synced.crash && state_->is_directory(parent))
            state_->sync_names(*state_->directories[parent], parent);
        code = state_->end(synced, synced.code);
        if (code != 0)
            return failed(operation::sync_directory, parent, code);
    }
    const auto met = state_->begin(event(operation::open_directory, plain), born);
    const bool there = state_->is_directory(plain);
    const int code = state_->end(met, met.code != 0 ? met.code : there ? 0 : is_file() ? ENOTDIR : ENOENT);
    if (code != 0)
        return failed(operation::open_directory, plain, code);
    return std::make_unique<fault_directory>(state_, state_->directories[plain], plain, born);
}

void fault_storage::fail(storage_fault fault) {
    const std::scoped_lock guard(state_->mutex);
    GANTRY_ASSERT(fault.code != 0 && fault.one_in >= 1);
    state_->faults.push_back(std::move(fault));
}

void fault_storage::heal() {
    const std::scoped_lock guard(state_->mutex);
    state_->faults.clear();
    state_->crash_number = storage_fault::forever;
}

void fault_storage::crash_at(std::uint64_t number) {
    const std::scoped_lock guard(state_->mutex);
    state_->crash_number = number;
}

void fault_storage::crash() {
    const std::scoped_lock guard(state_->mutex);
    state_->crashed = true;
}

bool fault_storage::crashed() const {
    const std::scoped_lock guard(state_->mutex);
    return state_->crashed;
}

void fault_storage::restart(const restart_options& options) {
    const std::scoped_lock guard(state_->mutex);
    // Decided in full before anything changes: a chooser may throw. Files in the order of their paths, so that the
    // same seed decides the same.
    std::map<std::string, directory> directories;
    std::map<node, node> left; // from before to after
    const auto after = [&](const node& before) {
        node& file = left[before];
        if (!file) {
            file = std::make_shared<file_node>();
            file->synced = state_->survivor(*before, options);
            file->seen = file->synced;
        }
        return file;
    };
    for (const auto& [path, before] : state_->directories) {
        // Parents come before their children in the order of paths.
        const bool orphan = path != "." && path != "/" && !directories.contains(parent_of(path));
        if (orphan || (!before->durable && !state_->keeps(options.names, options.choose)))
            continue;
        auto now = std::make_shared<directory_node>();
        now->durable = true;
        entries names = before->synced;
        for (const entry_change& each : before->pending)
            if (state_->keeps(options.names, options.choose))
                replay(names, each);
        for (const auto& [name, file] : names)
            now->synced.emplace(name, after(file));
        now->seen = now->synced;
        directories.emplace(path, std::move(now));
    }
    state_->directories = std::move(directories);
    state_->files.clear();
    for (const auto& [before, file] : left)
        state_->files.emplace_back(file);
    state_->crashed = false;
    state_->crash_number = storage_fault::forever;
    ++state_->generation;
}

void fault_storage::restart_process() {
    const std::scoped_lock guard(state_->mutex);
    for (const std::weak_ptr<file_node>& each : state_->files)
        if (const node file = each.lock())
            file->locked = false;
    state_->crashed = false;
    state_->crash_number = storage_fault::forever;
    ++state_->generation;
}

bool fault_storage::corrupt(const std::string& path, std::uint64_t offset, std::byte mask) {
    const std::scoped_lock guard(state_->mutex);
    const auto parent = state_->directories.find(parent_of(path));
    if (parent == state_->directories.end())
        return false;
    const auto found = parent->second->seen.find(name_of(path));
    if (found == parent->second->seen.end() || offset >= found->second->seen.size())
        return false;
    file_node& file = *found->second;
    file.seen[offset] ^= mask;
    if (offset < file.synced.size())
        file.synced[offset] ^= mask;
    for (change& each : file.pending)
        if (offset >= each.offset && offset - each.offset < each.bytes.size())
            each.bytes[offset - each.offset] ^= mask;
    return true;
}

std::uint64_t fault_storage::operations() const {
    const std::scoped_lock guard(state_->mutex);
    return state_->operations;
}

std::size_t fault_storage::bytes() const {
    const std::scoped_lock guard(state_->mutex);
    return state_->bytes();
}

std::vector<storage_event> fault_storage::trace() const {
    const std::scoped_lock guard(state_->mutex);
    return {state_->trace.begin(), state_->trace.end()};
}

std::string fault_storage::report() const {
    std::string text = "seed " + std::to_string(state_->options.seed) + '\n';
    for (const storage_event& event : trace())
        text += to_string(event) + '\n';
    return text;
}

std::uint64_t every_choice::operator()(std::uint64_t options) {
    GANTRY_ASSERT(options >= 1);
    if (position_ == choices_.size())
        choices_.push_back({.taken = 0, .options = options});
    const choice& now = choices_[position_++];
    GANTRY_ASSERT(now.options == options); // the same choices lead to the same question
    return now.taken;
}

bool every_choice::next() {
    position_ = 0;
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().options)
        choices_.pop_back();
    if (choices_.empty())
        return false;
    ++choices_.back().taken;
    return true;
}

} // namespace gantry::check
