// SPDX-License-Identifier: MIT
#pragma once
//
// storage: the few things that durable code asks of a file system, as an interface, so that tests can make it fail.
//
// Use it when your code must survive full disks, torn writes and power cuts: take a storage&, give it posix_storage in
// production and a fault-injecting one in tests.
// Do not use it when you read a config file -> <fstream>.
//
//     auto directory = storage.open_directory(path, {.create = true});
//     if (!directory)
//         return std::unexpected(directory.error().message());
//
// A storage opens directories; a storage_directory opens, creates, renames, removes and lists files by name; a
// storage_file reads and writes at offsets. A name is one component: empty names, ".", "..", and names with '/' or NUL
// are refused (EINVAL), so no path can come out of data. Symbolic links are never followed at the last component.
//
// What is durable when:
//   - the content and size of a file: after its sync() succeeded;
//   - the creation, renaming or removal of a file: after its directory's sync() succeeded;
//   - the creation of a directory by open_directory: when that returned, it syncs the parent.
// Without these calls any subset of what was done since may survive a power cut, in any order; a killed process loses
// nothing of what has returned. rename() replaces the target in one step.
// A sync() that failed may have dropped the data, and asking again may report a success that never was: the file is
// poisoned, and every later sync() of the object repeats the error without asking the system. Write the data elsewhere.
//
// Threads: a storage from any thread; a directory from any thread; a file from one thread at a time, except that
//   read_at may run beside anything. Progress: blocking; sync may take seconds.
// Ordering: calls by one thread take effect in order for every reader in the system; durability as above.
// Cost: one system call an operation (a gathering write: one for 64 buffers or so), one virtual call.
// Failure: every operation returns std::expected with a storage_error: which operation, on what path, which errno. A
//   short write is continued until it is complete or fails; then any prefix may have been written. EINTR is retried,
//   except for sync. Memory exhaustion throws.
// Lifetime: objects close what they hold in their destructor; errors that only close would report are reported by
//   sync. Files may outlive their directory, and directories their storage. The lock is held while the object lives.
// Origin: leveldb's Env, TigerBeetle's storage; fsync semantics after Rebello et al., "Can Applications Recover from
//   fsync Failures?", 2020.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

enum class storage_operation : std::uint8_t {
    open_directory,
    create_directory,
    sync_directory,
    list,
    open,
    create,
    rename,
    remove,
    lock,
    read,
    write,
    sync,
    truncate,
    size,
};

[[nodiscard]] std::string_view to_string(storage_operation operation) noexcept;

struct storage_error {
    storage_operation operation;
    int code; // errno; ENOSPC, EIO, EEXIST, ENOENT, EWOULDBLOCK (lock: somebody else has it), EINVAL (name), ...
    std::string path;

    // "write /spool/000017.seg: No space left on device"
    [[nodiscard]] std::string message() const;

    [[nodiscard]] bool operator==(const storage_error&) const = default;
};

template<class T>
using storage_result = std::expected<T, storage_error>;

using storage_bytes = std::span<const std::byte>;

class storage_file {
public:
    virtual ~storage_file() = default;
    storage_file(const storage_file&) = delete;
    storage_file& operator=(const storage_file&) = delete;

    // Fills `to` from `offset` on; returns how many bytes, fewer only at the end of the file.
    [[nodiscard]] virtual storage_result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const = 0;

    // Writes all parts one after the other from `offset` on; past the end the file grows.
    [[nodiscard]] virtual storage_result<void> write_at(std::uint64_t offset, std::span<const storage_bytes> parts) = 0;
    [[nodiscard]] storage_result<void> write_at(std::uint64_t offset, storage_bytes bytes) {
        return write_at(offset, std::span(&bytes, 1));
    }

    // Makes content and size durable. Once it has failed it fails for ever.
    [[nodiscard]] virtual storage_result<void> sync() = 0;

    [[nodiscard]] virtual storage_result<void> truncate(std::uint64_t size) = 0;
    [[nodiscard]] virtual storage_result<std::uint64_t> size() const = 0;
    [[nodiscard]] virtual const std::string& path() const noexcept = 0;

protected:
    storage_file() = default;
};

// Holds the lock as long as it lives.
class storage_lock {
public:
    virtual ~storage_lock() = default;
    storage_lock(const storage_lock&) = delete;
    storage_lock& operator=(const storage_lock&) = delete;

protected:
    storage_lock() = default;
};

enum class storage_access : std::uint8_t { read, read_write };

class storage_directory {
public:
    virtual ~storage_directory() = default;
    storage_directory(const storage_directory&) = delete;
    storage_directory& operator=(const storage_directory&) = delete;

    // An existing regular file.
    [[nodiscard]] virtual storage_result<std::unique_ptr<storage_file>> open(std::string_view name,
                                                                             storage_access access) = 0;

    // A new, empty file, readable and writable by its owner only; EEXIST if the name is taken.
    [[nodiscard]] virtual storage_result<std::unique_ptr<storage_file>> create(std::string_view name) = 0;

    [[nodiscard]] virtual storage_result<void> rename(std::string_view from, std::string_view to) = 0;
    [[nodiscard]] virtual storage_result<void> remove(std::string_view name) = 0;

    // The names of all entries, sorted.
    [[nodiscard]] virtual storage_result<std::vector<std::string>> list() const = 0;

    // The size of a file that need not be open.
    [[nodiscard]] virtual storage_result<std::uint64_t> size(std::string_view name) const = 0;

    // Makes created, renamed and removed names durable. Once it has failed it fails for ever.
    [[nodiscard]] virtual storage_result<void> sync() = 0;

    // Takes the lock of that name against every other process and every other call, creating its file if need be;
    // EWOULDBLOCK if it is taken. The lock goes with the process; the file stays.
    [[nodiscard]] virtual storage_result<std::unique_ptr<storage_lock>> lock(std::string_view name) = 0;

    [[nodiscard]] virtual const std::string& path() const noexcept = 0;

protected:
    storage_directory() = default;
};

struct open_directory_options {
    bool create = false; // create it (mode 0700, the parent must exist) if it is not there
};

class storage {
public:
    virtual ~storage() = default;
    storage(const storage&) = delete;
    storage& operator=(const storage&) = delete;

    [[nodiscard]] virtual storage_result<std::unique_ptr<storage_directory>>
    open_directory(const std::string& path, open_directory_options options = {}) = 0;

protected:
    storage() = default;
};

// Whether a name is one that a storage_directory takes. Implementations refuse others with EINVAL.
[[nodiscard]] bool is_storage_name(std::string_view name) noexcept;

} // namespace gantry
