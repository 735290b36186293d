// SPDX-License-Identifier: MIT
#pragma once
//
// posix_storage: the storage interface on the real file system.
//
// Use it when a program runs for real. Do not use it when a test must see faults -> the fault-injecting storage of
// gantry/check.
//
//     gantry::posix_storage storage;
//     auto directory = storage.open_directory(path, {.create = true});
//
// Files are opened relative to the directory's descriptor (a directory that is renamed meanwhile stays the same one),
// with O_NOFOLLOW and O_CLOEXEC; files are created 0600 and directories 0700, less what the umask takes; only regular
// files are opened. sync is fdatasync(2) for files, which covers the size, and fsync(2) for directories. Locks are
// flock(2): they belong to the object, so two in one process exclude each other, and go when the process dies in any
// way.
//
// Threads: as storage.hpp. Progress: blocking. Ordering: n/a. Cost: one descriptor for a file, a directory, a lock.
// Failure: as storage.hpp. Lifetime: as storage.hpp. Origin: n/a.

#include <gantry/base/storage.hpp>

namespace gantry {

class posix_storage final : public storage {
public:
    posix_storage() = default;

    [[nodiscard]] storage_result<std::unique_ptr<storage_directory>>
    open_directory(const std::string& path, open_directory_options options = {}) override;
};

} // namespace gantry
