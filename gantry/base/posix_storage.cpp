// SPDX-License-Identifier: MIT
#include <gantry/base/posix_storage.hpp>

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

namespace gantry {
namespace {

static_assert(sizeof(off_t) == 8, "files larger than 2 GiB");

using operation = storage_operation;

std::unexpected<storage_error> failed(operation what, std::string path, int code = errno) {
    return std::unexpected(storage_error{.operation = what, .code = code, .path = std::move(path)});
}

// Calls until the result is not "interrupted".
template<class Call>
auto retried(Call call) {
    for (;;) {
        const auto result = call();
        if (result != -1 || errno != EINTR)
            return result;
    }
}

class descriptor {
public:
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&&) = delete;
    ~descriptor() {
        // Linux frees the descriptor even when close() fails; what could not be written was sync's to report.
        if (fd_ != -1)
            ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ != -1; }

private:
    int fd_;
};

class posix_file final : public storage_file {
public:
    posix_file(descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    storage_result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override {
        std::size_t done = 0;
        while (done != to.size()) {
            const ssize_t got = retried(
                [&] { return ::pread(fd_.get(), to.data() + done, to.size() - done, position(offset + done)); });
            if (got == -1)
                return failed(operation::read, path_);
            if (got == 0)
                break; // the end of the file
            done += static_cast<std::size_t>(got);
        }
        return done;
    }

    storage_result<void> write_at(std::uint64_t offset, std::span<const storage_bytes> parts) override {
        constexpr std::size_t gathered_max = 64; // well below IOV_MAX, and small enough for the stack
        std::size_t within = 0;                  // bytes of parts.front() that are written
        while (!parts.empty()) {
            iovec gathered[gathered_max];
            const std::size_t count = std::min(parts.size(), gathered_max);
            for (std::size_t i = 0; i != count; ++i) {
                const storage_bytes part = parts[i].subspan(i == 0 ? within : 0);
                // pwritev does not write through this pointer; iovec serves both directions.
                gathered[i] = {.iov_base = const_cast<std::byte*>(part.data()), .iov_len = part.size()};
            }
            // The kernel takes a tenth of a microsecond longer over a list.
            const ssize_t written = retried([&] {
                return count == 1 ? ::pwrite(fd_.get(), gathered[0].iov_base, gathered[0].iov_len, position(offset))
                                  : ::pwritev(fd_.get(), gathered, static_cast<int>(count), position(offset));
            });
            if (written == -1)
                return failed(operation::write, path_);
            offset += static_cast<std::uint64_t>(written);
            // Skip what is written, empty parts included. A write of no bytes at all must not loop for ever.
            auto left = static_cast<std::size_t>(written);
            bool skipped = written != 0;
            while (!parts.empty() && left >= parts.front().size() - within) {
                left -= parts.front().size() - std::exchange(within, 0);
                parts = parts.subspan(1);
                skipped = true;
            }
            within += left;
            if (!skipped)
                return failed(operation::write, path_, ENOSPC);
        }
        return {};
    }

    storage_result<void> sync() override {
        if (poisoned_ == 0 && ::fdatasync(fd_.get()) == -1)
            poisoned_ = errno;
        if (poisoned_ != 0)
            return failed(operation::sync, path_, poisoned_);
        return {};
    }

    storage_result<void> truncate(std::uint64_t size) override {
        if (retried([&] { return ::ftruncate(fd_.get(), position(size)); }) == -1)
            return failed(operation::truncate, path_);
        return {};
    }

    storage_result<std::uint64_t> size() const override {
        struct stat status{};
        if (::fstat(fd_.get(), &status) == -1)
            return failed(operation::size, path_);
        return static_cast<std::uint64_t>(status.st_size);
    }

    const std::string& path() const noexcept override { return path_; }

private:
    // Offsets past the largest file come out negative, which the system refuses (EINVAL).
    static off_t position(std::uint64_t offset) noexcept { return static_cast<off_t>(offset); }

    const descriptor fd_;
    const std::string path_;
    int poisoned_ = 0; // the errno of the sync that failed
};

class posix_lock final : public storage_lock {
public:
    explicit posix_lock(descriptor fd) noexcept : fd_(std::move(fd)) {}

private:
    const descriptor fd_; // flock goes with the last descriptor of the open file, and this is the only one
};

class posix_directory final : public storage_directory {
public:
    posix_directory(descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    storage_result<std::unique_ptr<storage_file>> open(std::string_view name, storage_access access) override {
        return open_file(operation::open, name, access == storage_access::read ? O_RDONLY : O_RDWR);
    }

    storage_result<std::unique_ptr<storage_file>> create(std::string_view name) override {
        return open_file(operation::create, name, O_RDWR | O_CREAT | O_EXCL);
    }

    storage_result<void> rename(std::string_view from, std::string_view to) override {
        if (!is_storage_name(from) || !is_storage_name(to))
            return failed(operation::rename, path_of(is_storage_name(from) ? to : from), EINVAL);
        if (::renameat(fd_.get(), std::string(from).c_str(), fd_.get(), std::string(to).c_str()) == -1)
            return failed(operation::rename, path_of(from));
        return {};
    }

    storage_result<void> remove(std::string_view name) override {
        if (!is_storage_name(name))
            return failed(operation::remove, path_of(name), EINVAL);
        if (::unlinkat(fd_.get(), std::string(name).c_str(), 0) == -1)
            return failed(operation::remove, path_of(name));
        return {};
    }

    storage_result<std::vector<std::string>> list() const override {
        // A descriptor of its own: the position of a directory stream is shared between duplicates.
        const int fd = retried([&] { return ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
        DIR* const stream = fd == -1 ? nullptr : ::fdopendir(fd);
        if (stream == nullptr) {
            const int code = errno;
            if (fd != -1)
                ::close(fd);
            return failed(operation::list, path_, code);
        }
        const std::unique_ptr<DIR, int (*)(DIR*)> closes(stream, [](DIR* it) { return ::closedir(it); });
        std::vector<std::string> names;
        for (;;) {
            errno = 0;
            const dirent* const entry = ::readdir(stream);
            if (entry == nullptr) {
                if (errno != 0)
                    return failed(operation::list, path_);
                break;
            }
            if (is_storage_name(entry->d_name)) // all but "." and ".."
                names.emplace_back(entry->d_name);
        }
        std::ranges::sort(names);
        return names;
    }

    storage_result<std::uint64_t> size(std::string_view name) const override {
        if (!is_storage_name(name))
            return failed(operation::size, path_of(name), EINVAL);
        struct stat status{};
        if (::fstatat(fd_.get(), std::string(name).c_str(), &status, AT_SYMLINK_NOFOLLOW) == -1)
            return failed(operation::size, path_of(name));
        if (!S_ISREG(status.st_mode))
            return failed(operation::size, path_of(name), EINVAL);
        return static_cast<std::uint64_t>(status.st_size);
    }

    storage_result<void> sync() override {
        // One at a time: the system reports a failure once, and a second caller beside the first would hear of success.
        const std::scoped_lock lock(sync_mutex_);
        if (poisoned_ == 0 && ::fsync(fd_.get()) == -1)
            poisoned_ = errno;
        if (poisoned_ != 0)
            return failed(operation::sync_directory, path_, poisoned_);
        return {};
    }

    storage_result<std::unique_ptr<storage_lock>> lock(std::string_view name) override {
        if (!is_storage_name(name))
            return failed(operation::lock, path_of(name), EINVAL);
        descriptor fd(retried([&] {
            return ::openat(fd_.get(), std::string(name).c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        }));
        if (!fd || retried([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) == -1)
            return failed(operation::lock, path_of(name));
        return std::make_unique<posix_lock>(std::move(fd));
    }

    const std::string& path() const noexcept override { return path_; }

private:
    [[nodiscard]] std::string path_of(std::string_view name) const { return path_ + '/' + std::string(name); }

    storage_result<std::unique_ptr<storage_file>> open_file(operation what, std::string_view name, int flags) {
        if (!is_storage_name(name))
            return failed(what, path_of(name), EINVAL);
        // O_NONBLOCK: opening a FIFO must not hang; on regular files it means nothing.
        descriptor fd(retried([&] {
            return ::openat(fd_.get(), std::string(name).c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        }));
        struct stat status{};
        if (!fd || ::fstat(fd.get(), &status) == -1)
            return failed(what, path_of(name));
        if (!S_ISREG(status.st_mode))
            return failed(what, path_of(name), EINVAL);
        return std::make_unique<posix_file>(std::move(fd), path_of(name));
    }

    const descriptor fd_;
    const std::string path_;
    std::mutex sync_mutex_;
    int poisoned_ = 0; // guarded by sync_mutex_: the errno of the sync that failed
};

int open_directory_at(const std::string& path) {
    return retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); });
}

// The part before the last component: what must be synced for a new directory to stay.
std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

} // namespace

storage_result<std::unique_ptr<storage_directory>> posix_storage::open_directory(const std::string& path,
                                                                                 open_directory_options options) {
    // "link/" would follow the link in spite of O_NOFOLLOW.
    std::string plain = path;
    while (plain.size() > 1 && plain.back() == '/')
        plain.pop_back();
    if (plain.find('\0') != plain.npos)
        return failed(operation::open_directory, plain, EINVAL);

    if (options.create) {
        const bool created = ::mkdir(plain.c_str(), 0700) == 0;
        if (!created && errno != EEXIST)
            return failed(operation::create_directory, plain);
        // Also when it was there: whoever created it may have died before it synced the parent. The parent may well be
        // a symbolic link of the administrator's; one that we may not open, we did not create anything in.
        const std::string parent_path = parent_of(plain);
        const descriptor parent(
            retried([&] { return ::open(parent_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
        const bool foreign = !parent && errno == EACCES && !created;
        if (!foreign && (!parent || ::fsync(parent.get()) == -1))
            return failed(operation::sync_directory, parent_path);
    }
    descriptor fd(open_directory_at(plain));
    if (!fd)
        return failed(operation::open_directory, plain);
    return std::make_unique<posix_directory>(std::move(fd), std::move(plain));
}

} // namespace gantry
