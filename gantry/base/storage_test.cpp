// SPDX-License-Identifier: MIT
#include <gantry/base/posix_storage.hpp>
#include <gantry/base/storage.hpp>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Takes the place of libc's: what the storage asks of the system is counted, and can be made to fail.
static thread_local int sync_fails_with = 0;
static thread_local int syncs_asked = 0;
static int sync_or_fail(long call, int fd) {
    ++syncs_asked;
    if (sync_fails_with != 0) {
        errno = sync_fails_with;
        return -1;
    }
    return static_cast<int>(::syscall(call, fd));
}
extern "C" int fdatasync(int fd) {
    return sync_or_fail(SYS_fdatasync, fd);
}
extern "C" int fsync(int fd) {
    return sync_or_fail(SYS_fsync, fd);
}

namespace {

namespace fs = std::filesystem;
using gantry::storage_access;
using gantry::storage_bytes;
using gantry::storage_operation;

class temporary_folder {
public:
    temporary_folder() {
        std::string pattern = (fs::temp_directory_path() / "gantry_storage_XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw std::runtime_error("mkdtemp");
        path_ = pattern;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

storage_bytes bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::string content(const gantry::storage_file& file) {
    std::string text(file.size().value() + 10, '?');
    const auto got = file.read_at(0, std::as_writable_bytes(std::span(text)));
    text.resize(got.value());
    return text;
}

class posix_storage : public testing::Test {
protected:
    temporary_folder folder_;
    gantry::posix_storage storage_;
    std::unique_ptr<gantry::storage_directory> directory_ = storage_.open_directory(folder_.path()).value();
};

// A directory that is not there is an error, unless it is to be created: for its owner only, in an existing parent.
TEST_F(posix_storage, open_directory) {
    const std::string path = folder_.path() + "/new";
    const auto missing = storage_.open_directory(path);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error(), (gantry::storage_error{storage_operation::open_directory, ENOENT, path}));
    EXPECT_EQ(missing.error().message(), "open directory " + path + ": No such file or directory");
    ASSERT_TRUE(storage_.open_directory(path + "/", {.create = true}));
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    ASSERT_TRUE(storage_.open_directory(path, {.create = true})); // again: it is there
    const auto orphan = storage_.open_directory(folder_.path() + "/a/b", {.create = true});
    EXPECT_EQ(orphan.error().operation, storage_operation::create_directory);
    EXPECT_EQ(orphan.error().code, ENOENT);
    ASSERT_TRUE(directory_->create("file"));
    EXPECT_EQ(storage_.open_directory(folder_.path() + "/file").error().code, ENOTDIR);
    EXPECT_EQ(storage_.open_directory(folder_.path() + "/file", {.create = true}).error().code, ENOTDIR);
    EXPECT_EQ(storage_.open_directory(std::string("a\0b", 3)).error().code, EINVAL);
    EXPECT_EQ(storage_.open_directory("").error().code, ENOENT);
}

// The samples of posix_storage.hpp and storage.hpp.
TEST_F(posix_storage, sample) {
    const std::string path = folder_.path() + "/spool";
    const auto run = [&](gantry::storage& storage) -> std::expected<void, std::string> {
        auto directory = storage.open_directory(path, {.create = true});
        if (!directory)
            return std::unexpected(directory.error().message());
        return {};
    };
    gantry::posix_storage storage;
    auto directory = storage.open_directory(path, {.create = true});
    EXPECT_TRUE(directory);
    EXPECT_TRUE(run(storage));
}

// Symbolic links are not followed at the last component: directories, files, locks.
TEST_F(posix_storage, links_are_not_followed) {
    fs::create_directory(folder_.path() + "/real");
    fs::create_directory_symlink(folder_.path() + "/real", folder_.path() + "/link");
    EXPECT_FALSE(storage_.open_directory(folder_.path() + "/link"));
    EXPECT_FALSE(storage_.open_directory(folder_.path() + "/link/", {.create = true}));
    ASSERT_TRUE(directory_->create("target"));
    fs::create_symlink("target", folder_.path() + "/alias");
    EXPECT_EQ(directory_->open("alias", storage_access::read).error().code, ELOOP);
    EXPECT_EQ(directory_->create("alias").error().code, EEXIST);
    EXPECT_EQ(directory_->lock("alias").error().code, ELOOP);
    EXPECT_EQ(directory_->size("alias").error().code, EINVAL);
    EXPECT_TRUE(directory_->remove("alias"));
    EXPECT_TRUE(directory_->open("target", storage_access::read));
}

// A name is one component, or it is refused by every operation.
TEST_F(posix_storage, names) {
    for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                    std::string("/a"), std::string("../x"), std::string("a\0b", 3)}) {
        EXPECT_FALSE(gantry::is_storage_name(name));
        EXPECT_EQ(directory_->create(name).error().code, EINVAL);
        EXPECT_EQ(directory_->open(name, storage_access::read).error().code, EINVAL);
        EXPECT_EQ(directory_->remove(name).error().code, EINVAL);
        EXPECT_EQ(directory_->rename(name, "x").error().code, EINVAL);
        EXPECT_EQ(directory_->rename("x", name).error().code, EINVAL);
        EXPECT_EQ(directory_->size(name).error().code, EINVAL);
        EXPECT_EQ(directory_->lock(name).error().code, EINVAL);
    }
    EXPECT_TRUE(gantry::is_storage_name("..."));
    EXPECT_EQ(directory_->list().value(), std::vector<std::string>());
}

// create is exclusive and private; open needs a regular file and respects the access asked for.
TEST_F(posix_storage, create_and_open) {
    auto file = directory_->create("a").value();
    EXPECT_EQ(file->path(), folder_.path() + "/a");
    EXPECT_EQ(fs::status(file->path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(directory_->create("a").error().code, EEXIST);
    EXPECT_TRUE(file->write_at(0, bytes("hello")));
    EXPECT_EQ(directory_->open("b", storage_access::read).error(),
              (gantry::storage_error{storage_operation::open, ENOENT, folder_.path() + "/b"}));
    auto reader = directory_->open("a", storage_access::read).value();
    EXPECT_EQ(content(*reader), "hello");
    EXPECT_EQ(reader->write_at(0, bytes("x")).error().operation, storage_operation::write);
    EXPECT_EQ(reader->truncate(0).error().operation, storage_operation::truncate);
    auto writer = directory_->open("a", storage_access::read_write).value();
    EXPECT_TRUE(writer->write_at(5, bytes(" there")));
    EXPECT_EQ(content(*reader), "hello there");
    ASSERT_EQ(::mkfifo((folder_.path() + "/fifo").c_str(), 0600), 0);
    EXPECT_FALSE(directory_->open("fifo", storage_access::read)); // and does not hang
    fs::create_directory(folder_.path() + "/folder");
    EXPECT_FALSE(directory_->open("folder", storage_access::read));
}

// Gathered parts lie one after the other, empty ones and more than one system call's worth included.
TEST_F(posix_storage, gathered_writes) {
    std::vector<std::string> parts;
    std::string whole = "front";
    for (int i = 0; i != 300; ++i) {
        parts.push_back(i % 7 == 0 ? std::string() : std::string(static_cast<std::size_t>(i), static_cast<char>(i)));
        whole += parts.back();
    }
    std::vector<storage_bytes> spans;
    spans.reserve(parts.size());
    for (const std::string& part : parts)
        spans.push_back(bytes(part));
    auto file = directory_->create("a").value();
    EXPECT_TRUE(file->write_at(0, bytes("front")));
    EXPECT_TRUE(file->write_at(5, spans));
    EXPECT_EQ(content(*file), whole);
    EXPECT_TRUE(file->write_at(5, storage_bytes()));
    EXPECT_TRUE(file->write_at(5, std::span<const storage_bytes>()));
    const std::vector<storage_bytes> empty(200);
    EXPECT_TRUE(file->write_at(5, empty));
    EXPECT_EQ(content(*file), whole);
}

// A write that the system cuts short is continued, and reports why it cannot be completed; the prefix is there.
TEST_F(posix_storage, short_writes) {
    const auto child = [&]() -> int {
        auto file = directory_->create("a").value();
        const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
        ::signal(SIGXFSZ, SIG_IGN);
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
            return 1;
        const std::string large(700, 'x');
        const storage_bytes parts[] = {bytes(large), bytes(large)};
        const auto written = file->write_at(0, parts);
        if (written || written.error().code != EFBIG || written.error().operation != storage_operation::write)
            return 2;
        return content(*file) == std::string(1000, 'x') ? 0 : 3;
    };
    const pid_t pid = ::fork();
    ASSERT_NE(pid, -1);
    if (pid == 0)
        ::_exit(child());
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// An error says which operation, on what path, and why; offsets beyond any file are refused.
TEST_F(posix_storage, errors_say_what_and_where) {
    auto file = directory_->create("a").value();
    const auto error = file->write_at(~std::uint64_t{0}, bytes("x")).error();
    EXPECT_EQ(error, (gantry::storage_error{storage_operation::write, EINVAL, folder_.path() + "/a"}));
    char one = 0;
    EXPECT_EQ(file->read_at(~std::uint64_t{0}, std::as_writable_bytes(std::span(&one, 1))).error().code, EINVAL);
    EXPECT_EQ(directory_->remove("none").error(),
              (gantry::storage_error{storage_operation::remove, ENOENT, folder_.path() + "/none"}));
    EXPECT_EQ(directory_->rename("none", "a").error().operation, storage_operation::rename);
    EXPECT_EQ(directory_->size("none").error().operation, storage_operation::size);
}

// Every operation has a name of its own.
TEST(storage, operation_names) {
    std::vector<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(storage_operation::size); ++i)
        names.push_back(to_string(static_cast<storage_operation>(i)));
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
    EXPECT_FALSE(std::ranges::binary_search(names, "unknown operation"));
}

// sync succeeds on a healthy file; a failed one is never asked again, though the system would now say yes.
TEST_F(posix_storage, sync) {
    auto file = directory_->create("a").value();
    EXPECT_TRUE(file->write_at(0, bytes("x")));
    syncs_asked = 0;
    EXPECT_TRUE(file->sync());
    EXPECT_TRUE(file->sync());
    EXPECT_TRUE(directory_->sync());
    EXPECT_EQ(syncs_asked, 3);
    // EINTR is no exception: whether the data was dropped is unknown.
    for (const int code : {EIO, EINTR}) {
        auto poisoned = directory_->open("a", storage_access::read_write).value();
        auto directory = storage_.open_directory(folder_.path()).value();
        syncs_asked = 0;
        sync_fails_with = code;
        const auto file_error = poisoned->sync().error();
        const auto directory_error = directory->sync().error();
        sync_fails_with = 0;
        EXPECT_EQ(file_error, (gantry::storage_error{storage_operation::sync, code, folder_.path() + "/a"}));
        EXPECT_EQ(directory_error, (gantry::storage_error{storage_operation::sync_directory, code, folder_.path()}));
        EXPECT_EQ(poisoned->sync().error(), file_error);
        EXPECT_EQ(directory->sync().error(), directory_error);
        EXPECT_EQ(syncs_asked, 2);
    }
    EXPECT_TRUE(file->sync()); // another object of the same file is its own
}

// A directory that cannot be made durable is not opened, also when another process created it.
TEST_F(posix_storage, new_directories_are_synced) {
    for (int round = 0; round != 2; ++round) {
        sync_fails_with = EIO;
        const auto opened = storage_.open_directory(folder_.path() + "/new", {.create = true});
        sync_fails_with = 0;
        EXPECT_EQ(opened.error(), (gantry::storage_error{storage_operation::sync_directory, EIO, folder_.path()}));
    }
    EXPECT_TRUE(storage_.open_directory(folder_.path() + "/new", {.create = true}));
}

// The lock excludes other holders in this process and in others, is freed with its object, and dies with its process.
TEST_F(posix_storage, locks) {
    auto lock = directory_->lock("LOCK");
    ASSERT_TRUE(lock);
    EXPECT_EQ(directory_->lock("LOCK").error(),
              (gantry::storage_error{storage_operation::lock, EWOULDBLOCK, folder_.path() + "/LOCK"}));
    EXPECT_TRUE(directory_->lock("OTHER"));
    lock->reset();
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t pid = ::fork();
    ASSERT_NE(pid, -1);
    if (pid == 0) {
        const auto mine = directory_->lock("LOCK");
        const char said = mine ? 'y' : 'n';
        if (::write(ready[1], &said, 1) == 1)
            ::pause();
        ::_exit(0);
    }
    char said = 0;
    ASSERT_EQ(::read(ready[0], &said, 1), 1);
    EXPECT_EQ(said, 'y');
    EXPECT_EQ(directory_->lock("LOCK").error().code, EWOULDBLOCK);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    EXPECT_TRUE(directory_->lock("LOCK"));
    ::close(ready[0]);
    ::close(ready[1]);
}

// Any list of actions has the same results as on a map from names to strings.
TEST_F(posix_storage, random_actions_against_a_map) {
    const bool held = rc::check("files == map of strings", [this](const std::vector<std::uint32_t>& script) {
        const auto path = folder_.path() + "/random";
        fs::remove_all(path);
        auto directory = storage_.open_directory(path, {.create = true}).value();
        std::map<std::string, std::string> oracle;
        for (const std::uint32_t step : script) {
            const std::string name(1, static_cast<char>('a' + (step >> 4U) % 3));
            const std::string other(1, static_cast<char>('a' + (step >> 8U) % 3));
            const std::size_t number = (step >> 12U) % 50;
            const auto it = oracle.find(name);
            const bool there = it != oracle.end();
            switch (step % 6) {
            case 0:
                RC_ASSERT(directory->create(name).has_value() == !there);
                oracle.emplace(name, "");
                break;
            case 1: {
                auto file = directory->open(name, storage_access::read_write);
                RC_ASSERT(file.has_value() == there);
                if (there) {
                    const std::string text(number % 10 + 1, static_cast<char>('A' + step % 26));
                    RC_ASSERT((*file)->write_at(number, bytes(text)).has_value());
                    it->second.resize(std::max(it->second.size(), number + text.size()), '\0');
                    it->second.replace(number, text.size(), text);
                }
                break;
            }
            case 2: {
                auto file = directory->open(name, storage_access::read_write);
                if (there) {
                    RC_ASSERT((*file)->truncate(number).has_value());
                    it->second.resize(number, '\0');
                }
                break;
            }
            case 3:
                RC_ASSERT(directory->rename(name, other).has_value() == there);
                if (there && name != other) {
                    oracle[other] = std::move(it->second);
                    oracle.erase(name);
                }
                break;
            case 4:
                RC_ASSERT(directory->remove(name).has_value() == there);
                oracle.erase(name);
                break;
            default: {
                const auto file = directory->open(name, storage_access::read);
                RC_ASSERT(file.has_value() == there);
                if (there) {
                    RC_ASSERT(content(**file) == it->second);
                    std::string part(5, '?');
                    const auto got = (*file)->read_at(number, std::as_writable_bytes(std::span(part))).value();
                    RC_ASSERT(part.substr(0, got) ==
                              (number < it->second.size() ? it->second.substr(number, 5) : std::string()));
                    RC_ASSERT(directory->size(name).value() == it->second.size());
                }
            }
            }
        }
        std::vector<std::string> names;
        names.reserve(oracle.size());
        for (const auto& [name, text] : oracle)
            names.push_back(name);
        RC_ASSERT(directory->list().value() == names);
    });
    EXPECT_TRUE(held);
}

} // namespace
