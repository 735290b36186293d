// SPDX-License-Identifier: MIT
#include <gantry/base/posix_storage.hpp>
#include <gantry/base/prng.hpp>
#include <gantry/base/storage.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using gantry::storage_access;
using gantry::storage_bytes;
using gantry::storage_directory;
using gantry::storage_error;
using gantry::storage_file;
using gantry::storage_operation;
using gantry::check::every_choice;
using gantry::check::fault_storage;
using gantry::check::storage_fault;
using gantry::check::survival;

storage_bytes bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::string content(const storage_file& file) {
    std::string text(static_cast<std::size_t>(file.size().value()), '\0');
    text.resize(file.read_at(0, std::as_writable_bytes(std::span(text))).value());
    return text;
}

// Nothing if there is no such file.
std::optional<std::string> content(storage_directory& directory, std::string_view name) {
    const auto file = directory.open(name, storage_access::read);
    return file ? std::optional(content(**file)) : std::nullopt;
}

class on_disk {
public:
    on_disk() {
        std::string pattern = (std::filesystem::temp_directory_path() / "gantry_fault_storage_XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw std::runtime_error("mkdtemp");
        path_ = pattern;
    }
    on_disk(const on_disk&) = delete;
    on_disk& operator=(const on_disk&) = delete;
    ~on_disk() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    gantry::storage& storage() { return storage_; }
    [[nodiscard]] std::string path() const { return path_; }

private:
    gantry::posix_storage storage_;
    std::string path_;
};

class in_memory {
public:
    in_memory() {
        if (!storage_.open_directory(path(), {.create = true}))
            throw std::runtime_error("open_directory");
    }
    gantry::storage& storage() { return storage_; }
    [[nodiscard]] static std::string path() { return "/folder"; }

private:
    fault_storage storage_;
};

// One contract for every storage: what code may rely on while nothing goes wrong.
template<class Place>
class storage_contract : public testing::Test {
protected:
    Place place_;
    gantry::storage& storage_ = place_.storage();
    std::string path_ = place_.path();
    std::unique_ptr<storage_directory> directory_ = storage_.open_directory(path_).value();
};
using places = testing::Types<on_disk, in_memory>;
TYPED_TEST_SUITE(storage_contract, places);

// Directories: there, or created in a parent that is there; never in place of a file.
TYPED_TEST(storage_contract, directories) {
    const std::string path = this->path_ + "/new";
    EXPECT_EQ(this->storage_.open_directory(path).error(),
              (storage_error{storage_operation::open_directory, ENOENT, path}));
    ASSERT_TRUE(this->storage_.open_directory(path + "/", {.create = true}));
    const auto again = this->storage_.open_directory(path, {.create = true});
    ASSERT_TRUE(again);
    EXPECT_EQ((*again)->path(), path);
    EXPECT_EQ(this->storage_.open_directory(path + "er/a", {.create = true}).error(),
              (storage_error{storage_operation::create_directory, ENOENT, path + "er/a"}));
    ASSERT_TRUE(this->directory_->create("file"));
    EXPECT_EQ(this->storage_.open_directory(this->path_ + "/file").error().code, ENOTDIR);
    EXPECT_EQ(this->storage_.open_directory(this->path_ + "/file", {.create = true}).error().code, ENOTDIR);
    EXPECT_EQ(this->storage_.open_directory(std::string("a\0b", 3)).error().code, EINVAL);
    EXPECT_EQ(this->storage_.open_directory("").error().code, ENOENT);
    EXPECT_EQ(this->storage_.open_directory("", {.create = true}).error().code, ENOENT);
    // A directory has a name like a file, but is none.
    EXPECT_EQ(this->directory_->list().value(), (std::vector<std::string>{"file", "new"}));
    EXPECT_EQ(this->directory_->create("new").error().code, EEXIST);
    EXPECT_FALSE(this->directory_->open("new", storage_access::read));
    EXPECT_FALSE(this->directory_->remove("new"));
    EXPECT_FALSE(this->directory_->rename("file", "new"));
    EXPECT_FALSE(this->directory_->lock("new"));
    EXPECT_EQ(this->directory_->size("new").error().code, EINVAL);
}

// A name is one component, or it is refused by every operation.
TYPED_TEST(storage_contract, names) {
    for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                    std::string("/a"), std::string("a\0b", 3)}) {
        const storage_error refused{storage_operation::create, EINVAL, this->path_ + '/' + name};
        EXPECT_EQ(this->directory_->create(name).error(), refused);
        EXPECT_EQ(this->directory_->open(name, storage_access::read).error().code, EINVAL);
        EXPECT_EQ(this->directory_->remove(name).error().code, EINVAL);
        EXPECT_EQ(this->directory_->rename(name, "x").error().code, EINVAL);
        EXPECT_EQ(this->directory_->rename("x", name).error().path, this->path_ + '/' + name);
        EXPECT_EQ(this->directory_->size(name).error().code, EINVAL);
        EXPECT_EQ(this->directory_->lock(name).error().code, EINVAL);
    }
    EXPECT_EQ(this->directory_->list().value(), std::vector<std::string>());
}

// Create is exclusive; access is respected; errors say what and where; missing files are missing to everything.
TYPED_TEST(storage_contract, files) {
    auto file = this->directory_->create("a").value();
    const std::string path = this->path_ + "/a";
    EXPECT_EQ(file->path(), path);
    EXPECT_EQ(this->directory_->create("a").error(), (storage_error{storage_operation::create, EEXIST, path}));
    EXPECT_TRUE(file->write_at(0, bytes("hello")));
    auto reader = this->directory_->open("a", storage_access::read).value();
    EXPECT_EQ(content(*reader), "hello");
    EXPECT_EQ(reader->write_at(0, bytes("x")).error(), (storage_error{storage_operation::write, EBADF, path}));
    EXPECT_EQ(reader->truncate(0).error(), (storage_error{storage_operation::truncate, EINVAL, path}));
    auto writer = this->directory_->open("a", storage_access::read_write).value();
    EXPECT_TRUE(writer->write_at(5, bytes(" there")));
    EXPECT_EQ(content(*file), "hello there");
    EXPECT_EQ(this->directory_->size("a").value(), 11);
    const std::string none = this->path_ + "/none";
    EXPECT_EQ(this->directory_->open("none", storage_access::read).error(),
              (storage_error{storage_operation::open, ENOENT, none}));
    EXPECT_EQ(this->directory_->remove("none").error(), (storage_error{storage_operation::remove, ENOENT, none}));
    EXPECT_EQ(this->directory_->rename("none", "a").error(), (storage_error{storage_operation::rename, ENOENT, none}));
    EXPECT_EQ(this->directory_->size("none").error(), (storage_error{storage_operation::size, ENOENT, none}));
    EXPECT_EQ(file->write_at(~std::uint64_t{0}, bytes("x")).error().code, EINVAL);
    EXPECT_EQ(file->truncate(~std::uint64_t{0}).error().code, EINVAL);
    char one = 0;
    EXPECT_EQ(file->read_at(~std::uint64_t{0}, std::as_writable_bytes(std::span(&one, 1))).error().code, EINVAL);
    EXPECT_EQ(file->read_at(11, std::as_writable_bytes(std::span(&one, 1))).value(), 0);
    EXPECT_EQ(file->read_at(0, {}).value(), 0);
}

// Gathered parts lie one after the other, empty ones included; writing nothing changes nothing, even far away.
TYPED_TEST(storage_contract, gathered_writes) {
    auto file = this->directory_->create("a").value();
    const storage_bytes parts[] = {bytes("one"), bytes(""), bytes("two"), bytes("three")};
    EXPECT_TRUE(file->write_at(2, parts));
    EXPECT_EQ(content(*file), std::string("\0\0onetwothree", 13));
    EXPECT_TRUE(file->write_at(100, storage_bytes()));
    EXPECT_TRUE(file->write_at(100, std::span<const storage_bytes>()));
    EXPECT_EQ(file->size().value(), 13);
    EXPECT_TRUE(file->truncate(4));
    EXPECT_TRUE(file->truncate(6));
    EXPECT_EQ(content(*file), std::string("\0\0on\0\0", 6));
}

// A file that was renamed or removed stays the same to whoever has it open; a replaced one too.
TYPED_TEST(storage_contract, open_files_outlive_their_names) {
    auto a = this->directory_->create("a").value();
    auto b = this->directory_->create("b").value();
    EXPECT_TRUE(a->write_at(0, bytes("A")));
    EXPECT_TRUE(b->write_at(0, bytes("B")));
    EXPECT_TRUE(this->directory_->rename("a", "b"));
    EXPECT_TRUE(this->directory_->rename("b", "b"));
    EXPECT_EQ(this->directory_->list().value(), std::vector<std::string>{"b"});
    EXPECT_EQ(content(*this->directory_, "b"), "A");
    EXPECT_TRUE(b->write_at(1, bytes("!")));
    EXPECT_EQ(content(*b), "B!");
    EXPECT_TRUE(this->directory_->remove("b"));
    EXPECT_TRUE(a->write_at(1, bytes("?")));
    EXPECT_TRUE(a->sync());
    EXPECT_EQ(content(*a), "A?");
    this->directory_.reset();
    EXPECT_EQ(content(*a), "A?");
}

// A lock excludes everybody else until its object goes; other names are other locks; the file is there and stays.
TYPED_TEST(storage_contract, locks) {
    auto lock = this->directory_->lock("LOCK");
    ASSERT_TRUE(lock);
    EXPECT_EQ(this->directory_->lock("LOCK").error(),
              (storage_error{storage_operation::lock, EWOULDBLOCK, this->path_ + "/LOCK"}));
    EXPECT_FALSE(this->storage_.open_directory(this->path_).value()->lock("LOCK"));
    EXPECT_TRUE(this->directory_->lock("OTHER"));
    lock->reset();
    EXPECT_TRUE(this->directory_->lock("LOCK"));
    EXPECT_EQ(this->directory_->list().value(), (std::vector<std::string>{"LOCK", "OTHER"}));
}

// Any list of actions has the same results as on a map from names to strings.
TYPED_TEST(storage_contract, random_actions_against_a_map) {
    int round = 0;
    const bool held = rc::check("files == map of strings", [&](const std::vector<std::uint32_t>& script) {
        const auto path = this->path_ + "/" + std::to_string(round++);
        auto directory = this->storage_.open_directory(path, {.create = true}).value();
        std::map<std::string, std::string> oracle;
        for (const std::uint32_t step : script) {
            const std::string name(1, static_cast<char>('a' + (step >> 4U) % 3));
            const std::string other(1, static_cast<char>('a' + (step >> 8U) % 3));
            const std::size_t number = (step >> 12U) % 50;
            const auto it = oracle.find(name);
            const bool there = it != oracle.end();
            switch (step % 5) {
            case 0:
                RC_ASSERT(directory->create(name).has_value() == !there);
                oracle.emplace(name, "");
                break;
            case 1:
                RC_ASSERT(directory->rename(name, other).has_value() == there);
                if (there && name != other) {
                    oracle[other] = std::move(it->second);
                    oracle.erase(name);
                }
                break;
            case 2:
                RC_ASSERT(directory->remove(name).has_value() == there);
                oracle.erase(name);
                break;
            default: {
                auto file = directory->open(name, storage_access::read_write);
                RC_ASSERT(file.has_value() == there);
                if (there && step % 5 == 3) {
                    const std::string text(number % 10 + 1, static_cast<char>('A' + (step >> 20U) % 26));
                    RC_ASSERT((*file)->write_at(number, bytes(text)).has_value());
                    it->second.resize(std::max(it->second.size(), number + text.size()), '\0');
                    it->second.replace(number, text.size(), text);
                } else if (there) {
                    RC_ASSERT((*file)->truncate(number).has_value());
                    it->second.resize(number, '\0');
                    RC_ASSERT((*file)->sync().has_value());
                }
            }
            }
        }
        std::map<std::string, std::string> found;
        const auto listed = directory->list().value();
        for (const std::string& name : listed)
            found[name] = content(*directory, name).value();
        RC_ASSERT(found == oracle);
        RC_ASSERT(directory->sync().has_value());
    });
    EXPECT_TRUE(held);
}

class fault_storage_test : public testing::Test {
protected:
    // The directory again, after a restart.
    void reopen() { directory_ = storage_.open_directory("/d").value(); }
    void restart(survival data, survival names) {
        storage_.restart({.data = data, .names = names});
        reopen();
    }
    // A file whose content and name are durable.
    std::unique_ptr<storage_file> durable(std::string_view name, std::string_view text) {
        auto file = directory_->create(name).value();
        EXPECT_TRUE(file->write_at(0, bytes(text)));
        EXPECT_TRUE(file->sync());
        EXPECT_TRUE(directory_->sync());
        return file;
    }

    fault_storage storage_;
    std::unique_ptr<storage_directory> directory_ = storage_.open_directory("/d", {.create = true}).value();
};

// A planned fault hits the operations it names, after those it skips, as often as it says, and then all is well.
TEST_F(fault_storage_test, faults_hit_what_they_name) {
    auto file = directory_->create("a").value();
    storage_.fail({.operation = storage_operation::write, .skip = 1, .times = 2, .code = ENOSPC});
    EXPECT_TRUE(file->write_at(0, bytes("0")));
    EXPECT_EQ(file->write_at(1, bytes("1")).error(), (storage_error{storage_operation::write, ENOSPC, "/d/a"}));
    EXPECT_EQ(content(*file), "0"); // reads are not writes
    EXPECT_EQ(file->write_at(1, bytes("1")).error().code, ENOSPC);
    EXPECT_TRUE(file->write_at(1, bytes("2")));
    EXPECT_EQ(content(*file), "02");
    storage_.fail({.path = "/b", .times = storage_fault::forever, .code = EDQUOT});
    EXPECT_EQ(directory_->create("b").error().code, EDQUOT);
    EXPECT_EQ(directory_->lock("b").error().code, EDQUOT);
    EXPECT_EQ(directory_->rename("b", "c").error().code, EDQUOT);
    EXPECT_EQ(directory_->list().value(), std::vector<std::string>{"a"});
    storage_.heal();
    EXPECT_TRUE(directory_->create("b"));
}

// Each kind of operation can be made to fail, and then has no effect.
TEST_F(fault_storage_test, every_kind_can_fail) {
    auto file = durable("a", "text");
    for (int kind = 0; kind <= static_cast<int>(storage_operation::size); ++kind) {
        const auto operation = static_cast<storage_operation>(kind);
        auto victim = directory_->open("a", storage_access::read_write).value(); // sync poisons
        auto place = storage_.open_directory("/d").value();
        storage_.fail({.operation = operation, .code = EIO});
        std::vector<storage_error> errors;
        const auto note = [&](const auto& result) {
            if (!result)
                errors.push_back(result.error());
        };
        char one = 0;
        note(storage_.open_directory("/d/new", {.create = operation == storage_operation::create_directory}));
        note(place->list());
        note(place->open("a", storage_access::read));
        note(place->create("b"));
        note(place->rename("a", "c"));
        note(place->rename("c", "a"));
        note(place->remove("b"));
        note(place->lock("L"));
        note(place->size("a"));
        note(place->sync());
        note(victim->read_at(0, std::as_writable_bytes(std::span(&one, 1))));
        note(victim->write_at(0, bytes("T")));
        note(victim->sync());
        note(victim->truncate(4));
        note(victim->size());
        EXPECT_EQ(std::ranges::count_if(
                      errors, [&](const storage_error& it) { return it.operation == operation && it.code == EIO; }),
                  1)
            << to_string(operation) << '\n'
            << storage_.report();
        storage_.heal();
        const auto removed = place->remove("b");
        EXPECT_TRUE(removed || removed.error().code == ENOENT);
    }
}

// A failing write gets as far as the fault says: the prefix is there.
TEST_F(fault_storage_test, short_writes) {
    auto file = directory_->create("a").value();
    storage_.fail({.operation = storage_operation::write, .code = EIO, .written = 4});
    const storage_bytes parts[] = {bytes("abc"), bytes("def")};
    EXPECT_EQ(file->write_at(0, parts).error().code, EIO);
    EXPECT_EQ(content(*file), "abcd");
}

// Chance is a chance, and the same seed has the same luck.
TEST_F(fault_storage_test, chances_are_seeded) {
    const auto run = [](std::uint64_t seed) {
        fault_storage storage({.seed = seed});
        auto file = storage.open_directory("/d", {.create = true}).value()->create("a").value();
        storage.fail({.operation = storage_operation::write, .times = storage_fault::forever, .one_in = 4});
        std::string luck;
        for (int i = 0; i != 400; ++i)
            luck += file->write_at(0, bytes("x")) ? '.' : 'X';
        return luck;
    };
    EXPECT_EQ(run(1), run(1));
    EXPECT_NE(run(1), run(2));
    EXPECT_NEAR(static_cast<double>(std::ranges::count(run(3), 'X')), 100, 40);
}

// The bound in bytes holds at every moment; a write that meets it writes what fits and says ENOSPC; removing helps.
TEST(fault_storage, memory_is_bounded) {
    constexpr std::size_t bound = 3000;
    fault_storage storage({.bytes_max = bound});
    auto directory = storage.open_directory("/d", {.create = true}).value();
    auto file = directory->create("a").value();
    std::string expected;
    const std::string piece(70, 'x');
    for (int i = 0; i != 100; ++i) {
        const auto written = file->write_at(expected.size(), bytes(piece));
        EXPECT_LE(storage.bytes(), bound);
        if (!written) {
            EXPECT_EQ(written.error().code, ENOSPC);
            expected = content(*file);
        } else {
            expected += piece;
        }
        if (i % 10 == 0) {
            EXPECT_TRUE(file->sync());
        }
        EXPECT_LE(storage.bytes(), bound);
    }
    EXPECT_EQ(content(*file), expected);
    EXPECT_GT(expected.size(), bound / 4);
    EXPECT_EQ(file->truncate(bound).error().code, ENOSPC);
    EXPECT_EQ(file->write_at(1U << 30U, bytes("x")).error().code, ENOSPC);
    EXPECT_EQ(content(*file), expected);
    file.reset();
    EXPECT_TRUE(directory->remove("a"));
    EXPECT_TRUE(directory->sync());
    EXPECT_EQ(storage.bytes(), 0);
    EXPECT_TRUE(directory->create("b").value()->write_at(0, bytes(piece)));
}

// What was synced survives every power cut; what was not survives if the restart says so.
TEST_F(fault_storage_test, synced_data_survives) {
    auto file = durable("a", "synced");
    EXPECT_TRUE(file->write_at(0, bytes("SYN")));
    EXPECT_TRUE(file->truncate(5));
    EXPECT_EQ(content(*file), "SYNce");
    restart(survival::none, survival::none);
    EXPECT_EQ(content(*directory_, "a"), "synced");
    file = directory_->open("a", storage_access::read_write).value();
    EXPECT_TRUE(file->write_at(0, bytes("SYN")));
    EXPECT_TRUE(file->truncate(5));
    restart(survival::all, survival::none);
    EXPECT_EQ(content(*directory_, "a"), "SYNce");
    restart(survival::none, survival::none);
    EXPECT_EQ(content(*directory_, "a"), "SYNce"); // what came through is durable now
}

// A synced file whose directory was not synced has no name, unless luck has it.
TEST_F(fault_storage_test, names_need_their_directory_synced) {
    for (const survival names : {survival::none, survival::all}) {
        const bool kept = names == survival::all;
        durable("old", "old");
        durable("gone", "gone");
        auto file = directory_->create("new").value();
        EXPECT_TRUE(file->write_at(0, bytes("new")));
        EXPECT_TRUE(file->sync());
        EXPECT_TRUE(directory_->rename("old", "moved"));
        EXPECT_TRUE(directory_->remove("gone"));
        restart(survival::all, names);
        EXPECT_EQ(directory_->list().value(),
                  (kept ? std::vector<std::string>{"moved", "new"} : std::vector<std::string>{"gone", "old"}));
        EXPECT_EQ(content(*directory_, kept ? "moved" : "old"), "old");
        if (!kept) {
            EXPECT_TRUE(directory_->remove("old"));
            EXPECT_TRUE(directory_->remove("gone"));
            EXPECT_TRUE(directory_->sync());
        }
    }
}

// All outcomes of a restart, as the contents of the files that `look` names.
std::set<std::string> outcomes(const std::function<void(fault_storage&)>& before,
                               const std::function<std::string(storage_directory&)>& look,
                               gantry::check::fault_storage_options options = {}) {
    std::set<std::string> seen;
    every_choice choices;
    do {
        fault_storage storage(options);
        before(storage);
        storage.restart({.choose = std::ref(choices)});
        seen.insert(look(*storage.open_directory("/d").value()));
    } while (choices.next());
    return seen;
}

std::string look_at_a(storage_directory& directory) {
    return content(directory, "a").value_or("-");
}

std::unique_ptr<storage_file> synced_a(fault_storage& storage, std::string_view text) {
    auto directory = storage.open_directory("/d", {.create = true}).value();
    auto file = directory->create("a").value();
    EXPECT_TRUE(file->write_at(0, bytes(text)));
    EXPECT_TRUE(file->sync());
    EXPECT_TRUE(directory->sync());
    return file;
}

// A renaming is one step: the target is the old file or the new one, never neither and never half.
TEST(fault_storage, renaming_is_atomic) {
    const auto seen = outcomes(
        [](fault_storage& storage) {
            synced_a(storage, "old");
            auto directory = storage.open_directory("/d").value();
            auto file = directory->create("b").value();
            EXPECT_TRUE(file->write_at(0, bytes("new")));
            EXPECT_TRUE(file->sync());
            EXPECT_TRUE(directory->rename("b", "a"));
        },
        [](storage_directory& directory) { return look_at_a(directory) + (directory.size("b") ? "+b" : ""); });
    EXPECT_EQ(seen, (std::set<std::string>{"old", "old+b", "new"}));
}

// Chains of renamings, any of which may get lost, never give a file two names.
TEST(fault_storage, a_file_has_one_name) {
    const auto seen = outcomes(
        [](fault_storage& storage) {
            synced_a(storage, "x");
            auto directory = storage.open_directory("/d").value();
            EXPECT_TRUE(directory->rename("a", "b"));
            EXPECT_TRUE(directory->rename("b", "c"));
            EXPECT_TRUE(directory->rename("c", "a"));
            EXPECT_TRUE(directory->rename("a", "d"));
        },
        [](storage_directory& directory) {
            std::string names;
            const auto listed = directory.list().value();
            for (const std::string& name : listed)
                names += name;
            return names;
        });
    EXPECT_EQ(seen, (std::set<std::string>{"a", "b", "c", "d"}));
}

// Unsynced writes survive in any subset; one write as any prefix; more room may stay than bytes.
TEST(fault_storage, any_subset_of_writes) {
    const auto two = outcomes(
        [](fault_storage& storage) {
            auto file = synced_a(storage, "____");
            EXPECT_TRUE(file->write_at(0, bytes("a")));
            EXPECT_TRUE(file->write_at(2, bytes("b")));
        },
        look_at_a);
    EXPECT_EQ(two, (std::set<std::string>{"____", "a___", "__b_", "a_b_"}));
    const auto torn = outcomes(
        [](fault_storage& storage) { EXPECT_TRUE(synced_a(storage, "")->write_at(0, bytes("abc"))); }, look_at_a);
    EXPECT_EQ(torn, (std::set<std::string>{"", "a", "ab", "abc", std::string(3, '\0'), std::string("a\0\0", 3),
                                           std::string("ab\0", 3)}));
    const auto shorter = outcomes(
        [](fault_storage& storage) {
            auto file = synced_a(storage, "text");
            EXPECT_TRUE(file->truncate(1));
            EXPECT_TRUE(file->write_at(1, bytes("!")));
        },
        look_at_a);
    EXPECT_EQ(shorter, (std::set<std::string>{"text", "t", "t!xt", "t!", std::string("t\0", 2)}));
}

// A write over several sectors may lose any of them: also the first while the last is there.
TEST(fault_storage, sectors_survive_each_for_itself) {
    const auto seen =
        outcomes([](fault_storage& storage) { EXPECT_TRUE(synced_a(storage, "______")->write_at(1, bytes("abcde"))); },
                 look_at_a, {.sector_bytes = 2});
    for (const char* const text :
         {"_a____", "__bc__", "____de", "_a__de", "_abc__", "__bcde", "_abcde", "______", "_ab___", "_abcd_"})
        EXPECT_TRUE(seen.contains(text)) << text;
    EXPECT_EQ(seen.size(), 10);
}

// Bits flip only where unsynced data came through.
TEST(fault_storage, bits_flip_in_unsynced_data) {
    int flipped = 0;
    for (std::uint64_t seed = 0; seed != 100; ++seed) {
        fault_storage storage({.seed = seed});
        auto file = synced_a(storage, std::string(100, 's'));
        EXPECT_TRUE(file->write_at(100, bytes(std::string(100, 'u'))));
        storage.restart({.data = survival::all, .bit_flips = 1});
        const std::string now = look_at_a(*storage.open_directory("/d").value());
        ASSERT_EQ(now.substr(0, 100), std::string(100, 's'));
        flipped += now.substr(100) != std::string(100, 'u') ? 1 : 0;
    }
    EXPECT_EQ(flipped, 100);
}

// corrupt() spoils synced data for good.
TEST_F(fault_storage_test, corruption) {
    durable("a", "abc");
    EXPECT_TRUE(storage_.corrupt("/d/a", 1, std::byte{0x20}));
    EXPECT_FALSE(storage_.corrupt("/d/a", 3));
    EXPECT_FALSE(storage_.corrupt("/d/b", 0));
    EXPECT_FALSE(storage_.corrupt("/e/a", 0));
    EXPECT_EQ(content(*directory_, "a"), "aBc");
    restart(survival::none, survival::none);
    EXPECT_EQ(content(*directory_, "a"), "aBc");
}

// A failed sync is for ever in its object; another one says yes and saves nothing that was lost.
TEST_F(fault_storage_test, failed_syncs) {
    auto file = durable("a", "old");
    EXPECT_TRUE(file->write_at(0, bytes("new")));
    storage_.fail({.operation = storage_operation::sync, .code = EIO, .unsynced = survival::none});
    EXPECT_EQ(file->sync().error(), (storage_error{storage_operation::sync, EIO, "/d/a"}));
    EXPECT_EQ(file->sync().error().code, EIO);
    EXPECT_EQ(content(*file), "new"); // as page caches do
    auto other = directory_->open("a", storage_access::read_write).value();
    EXPECT_TRUE(other->sync());
    restart(survival::all, survival::all);
    EXPECT_EQ(content(*directory_, "a"), "old");
    file = directory_->open("a", storage_access::read_write).value();
    EXPECT_TRUE(file->write_at(0, bytes("new")));
    storage_.fail({.operation = storage_operation::sync, .code = EIO, .unsynced = survival::all});
    EXPECT_FALSE(file->sync());
    restart(survival::none, survival::none);
    EXPECT_EQ(content(*directory_, "a"), "new");
}

// The same of directories.
TEST_F(fault_storage_test, failed_directory_syncs) {
    ASSERT_TRUE(directory_->create("a"));
    storage_.fail({.operation = storage_operation::sync_directory, .code = EIO, .unsynced = survival::none});
    EXPECT_EQ(directory_->sync().error(), (storage_error{storage_operation::sync_directory, EIO, "/d"}));
    EXPECT_FALSE(directory_->sync());
    reopen();
    EXPECT_TRUE(directory_->sync());
    EXPECT_TRUE(directory_->size("a"));
    restart(survival::all, survival::all);
    EXPECT_FALSE(directory_->size("a"));
}

// After the crash every operation of every old object fails; new ones see what survived; locks are free.
TEST_F(fault_storage_test, objects_die_with_the_machine) {
    auto file = durable("a", "old");
    auto lock = directory_->lock("L").value();
    storage_.crash_at(storage_.operations() + 1);
    EXPECT_TRUE(file->size());
    EXPECT_FALSE(storage_.crashed());
    EXPECT_EQ(file->write_at(0, bytes("new")).error().code, ESHUTDOWN);
    EXPECT_TRUE(storage_.crashed());
    EXPECT_EQ(storage_.open_directory("/d").error().code, ESHUTDOWN);
    auto dead = std::move(directory_);
    restart(survival::all, survival::all);
    EXPECT_FALSE(storage_.crashed());
    for (const int code : {file->sync().error().code, file->size().error().code, file->truncate(0).error().code,
                           dead->list().error().code, dead->create("b").error().code, dead->sync().error().code,
                           dead->remove("a").error().code, dead->lock("M").error().code})
        EXPECT_EQ(code, ESHUTDOWN);
    EXPECT_EQ(content(*directory_, "a"), "new");
    auto mine = directory_->lock("L");
    EXPECT_TRUE(mine);
    lock.reset(); // of the dead process: must not free mine
    EXPECT_EQ(directory_->lock("L").error().code, EWOULDBLOCK);
}

// A killed process loses its objects and its locks but no data; power may still take it afterwards.
TEST_F(fault_storage_test, killed_processes_lose_nothing) {
    auto file = durable("a", "old");
    EXPECT_TRUE(file->write_at(0, bytes("new")));
    ASSERT_TRUE(directory_->create("b"));
    auto lock = directory_->lock("L").value();
    storage_.restart_process();
    EXPECT_EQ(file->size().error().code, ESHUTDOWN);
    reopen();
    EXPECT_TRUE(directory_->lock("L"));
    EXPECT_EQ(content(*directory_, "a"), "new");
    EXPECT_TRUE(directory_->size("b"));
    restart(survival::none, survival::none);
    EXPECT_EQ(content(*directory_, "a"), "old");
    EXPECT_FALSE(directory_->size("b"));
}

// A directory that open_directory returned is durable; one whose creation was cut may be there or not.
TEST(fault_storage, directories_are_durable_when_open) {
    fault_storage storage;
    ASSERT_TRUE(storage.open_directory("/d", {.create = true}));
    storage.restart({.data = survival::none, .names = survival::none});
    EXPECT_TRUE(storage.open_directory("/d"));
    for (const survival names : {survival::none, survival::all}) {
        storage.crash_at(storage.operations() + 1); // the sync of the parent
        EXPECT_FALSE(storage.open_directory("/e", {.create = true}));
        storage.restart({.names = names});
        EXPECT_EQ(storage.open_directory("/e").has_value(), names == survival::all);
    }
}

// A restart whose chooser throws has not happened.
TEST(fault_storage, throwing_choosers) {
    fault_storage storage;
    auto file = synced_a(storage, "old");
    EXPECT_TRUE(file->write_at(0, bytes("new")));
    EXPECT_THROW(storage.restart({.choose = [](std::uint64_t) -> std::uint64_t {
        throw std::runtime_error("no");
    }}),
                 std::runtime_error);
    EXPECT_EQ(content(*file), "new");
}

// The trace says what happened, in order, and keeps the latest.
TEST(fault_storage, traces) {
    fault_storage storage({.seed = 7, .trace_max = 4});
    auto directory = storage.open_directory("/d", {.create = true}).value();
    auto file = directory->create("a").value();
    EXPECT_FALSE(file->write_at(5, bytes("hello")) && directory->rename("b", "c"));
    EXPECT_TRUE(file->truncate(3));
    EXPECT_EQ(storage.operations(), 7);
    EXPECT_EQ(storage.trace().size(), 4);
    EXPECT_EQ(storage.report(), "seed 7\n"
                                "#3 create /d/a: ok\n"
                                "#4 write /d/a, 5 bytes at 5: ok\n"
                                "#5 rename /d/b to c: No such file or directory\n"
                                "#6 truncate /d/a to 3 bytes: ok\n");
    EXPECT_EQ(storage.trace()[1], (gantry::check::storage_event{.number = 4,
                                                                .operation = storage_operation::write,
                                                                .path = "/d/a",
                                                                .to = "",
                                                                .offset = 5,
                                                                .bytes = 5,
                                                                .code = 0}));
}

// every_choice takes each path through a tree of questions once, however the questions depend on answers.
TEST(every_choice, all_paths_once) {
    std::vector<std::string> paths;
    every_choice choices;
    do {
        std::string path;
        for (std::uint64_t options = choices(3); options != 0; --options)
            path += static_cast<char>('0' + choices(options));
        paths.push_back(path);
    } while (choices.next());
    EXPECT_EQ(paths, (std::vector<std::string>{"", "0", "00", "10"}));
}

// A tiny protocol: keep the latest of some records in a file that is replaced as a whole.
enum class protocol : std::uint8_t { correct, no_file_sync, no_directory_sync, no_rename };

// Installs 1, 2, 3; returns the last one that was promised to be durable.
int install_records(gantry::storage& storage, protocol variant) {
    auto directory = storage.open_directory("/d", {.create = true});
    if (!directory)
        return 0;
    for (int record = 1; record <= 3; ++record) {
        const std::string text = "record " + std::to_string(record);
        if (const auto removed = (*directory)->remove("temporary"); !removed && removed.error().code != ENOENT)
            return record - 1;
        auto file = (*directory)->create(variant == protocol::no_rename ? "current" : "temporary");
        if (!file && variant == protocol::no_rename)
            file = (*directory)->open("current", storage_access::read_write);
        const bool durable = file && (*file)->write_at(0, bytes(text)) &&
                             (variant == protocol::no_file_sync || (*file)->sync()) &&
                             (variant == protocol::no_rename || (*directory)->rename("temporary", "current")) &&
                             (variant == protocol::no_directory_sync || (*directory)->sync());
        if (!durable)
            return record - 1;
    }
    return 3;
}

// The promised record is there whole, or the one after it, which was under way.
bool keeps_promise(gantry::storage& storage, int promised) {
    auto directory = storage.open_directory("/d");
    const auto found = directory ? content(**directory, "current") : std::nullopt;
    if (promised == 0 && !found)
        return true;
    return found == "record " + std::to_string(promised) || found == "record " + std::to_string(promised + 1);
}

struct enumeration {
    std::uint64_t crash_points = 0;
    std::uint64_t outcomes = 0;
    std::uint64_t broken = 0;
};

// Every crash point, and at each every outcome.
enumeration enumerate(protocol variant) {
    enumeration result;
    for (;; ++result.crash_points) {
        every_choice choices;
        bool finished = false;
        do {
            fault_storage storage;
            storage.crash_at(result.crash_points);
            const int promised = install_records(storage, variant);
            finished = !storage.crashed();
            storage.restart({.choose = std::ref(choices)});
            ++result.outcomes;
            result.broken += keeps_promise(storage, promised) ? 0U : 1U;
        } while (choices.next());
        if (finished)
            return result;
    }
}

// Crashing at every operation with every outcome finds each planted bug and nothing in the correct protocol.
TEST(fault_storage, crash_enumeration_finds_planted_bugs) {
    const enumeration correct = enumerate(protocol::correct);
    EXPECT_EQ(correct.broken, 0);
    EXPECT_EQ(correct.crash_points, 3 + 3 * 6);
    EXPECT_GT(correct.outcomes, 100);
    for (const protocol bug : {protocol::no_file_sync, protocol::no_directory_sync, protocol::no_rename})
        EXPECT_GT(enumerate(bug).broken, 0) << static_cast<int>(bug);
}

// The same by seeds: the loop of the header and of README.md.
TEST(fault_storage, sample) {
    const auto append_records = [](gantry::storage& storage) {
        return install_records(storage, protocol::correct);
    };
    for (std::uint64_t n = 0;; ++n) {
        fault_storage storage({.seed = n});
        storage.crash_at(n);
        const auto told = append_records(storage); // what was promised before the power went
        const bool finished = !storage.crashed();
        storage.restart();
        EXPECT_TRUE(keeps_promise(storage, told)) << storage.report();
        if (finished)
            break;
    }
}

// All outcomes of a small case, as README.md shows them.
TEST(fault_storage, sample_every_choice) {
    std::set<std::string> seen;
    every_choice choices;
    do {
        fault_storage storage;
        auto directory = storage.open_directory("/d", {.create = true}).value();
        auto file = directory->create("a").value();
        EXPECT_TRUE(directory->sync());
        EXPECT_TRUE(file->write_at(0, std::as_bytes(std::span("x", 1)))); // not synced
        storage.restart({.choose = std::ref(choices)});
        seen.insert(content(*storage.open_directory("/d").value(), "a").value());
    } while (choices.next());
    EXPECT_EQ(seen, (std::set<std::string>{"", "x", std::string(1, '\0')}));
}

// The same seed and the same operations leave the same disk.
TEST(fault_storage, seeds_repeat) {
    const auto run = [](std::uint64_t seed) {
        fault_storage storage({.seed = seed, .sector_bytes = 4});
        auto directory = storage.open_directory("/d", {.create = true}).value();
        for (const char* const name : {"a", "b", "c"})
            EXPECT_TRUE(directory->create(name).value()->write_at(0, bytes("a text over several sectors")));
        storage.restart({.bit_flips = 3});
        directory = storage.open_directory("/d").value();
        std::string all;
        const auto listed = directory->list().value();
        for (const std::string& name : listed)
            all += name + ':' + content(*directory, name).value() + '\n';
        return all;
    };
    std::set<std::string> different;
    for (std::uint64_t seed = 0; seed != 50; ++seed) {
        EXPECT_EQ(run(seed), run(seed));
        different.insert(run(seed));
    }
    EXPECT_GT(different.size(), 25);
}

// Random operations, syncs and power cuts: what is found is what was synced, changed by nothing but what came after.
TEST(fault_storage, random_crashes_keep_what_was_synced) {
    constexpr std::uint64_t seed_first = 1;
    for (std::uint64_t seed = seed_first; seed != seed_first + 2000; ++seed) {
        gantry::prng random(seed);
        fault_storage storage({.seed = seed, .sector_bytes = 4});
        auto file = synced_a(storage, "................");
        for (int cut = 0; cut != 3; ++cut) {
            std::string synced = content(*file);
            std::vector<std::set<char>> possible(16);
            for (std::size_t i = 0; i != 16; ++i)
                possible[i] = {synced[i]};
            const std::uint64_t steps = random.uniform_below(8);
            for (std::uint64_t step = 0; step != steps; ++step) {
                if (random.uniform_below(4) == 0) {
                    ASSERT_TRUE(file->sync());
                    synced = content(*file);
                    for (std::size_t i = 0; i != 16; ++i)
                        possible[i] = {synced[i]};
                    continue;
                }
                const std::uint64_t at = random.uniform_below(16);
                const std::string text(1 + random.uniform_below(16 - at),
                                       static_cast<char>('a' + random.uniform_below(26)));
                ASSERT_TRUE(file->write_at(at, bytes(text)));
                for (std::size_t i = 0; i != text.size(); ++i)
                    possible[at + i].insert(text[i]);
            }
            storage.restart();
            file = storage.open_directory("/d").value()->open("a", storage_access::read_write).value();
            const std::string now = content(*file);
            ASSERT_EQ(now.size(), 16) << "seed " << seed;
            for (std::size_t i = 0; i != 16; ++i)
                ASSERT_TRUE(possible[i].contains(now[i])) << "seed " << seed << " byte " << i << '\n'
                                                          << storage.report();
        }
    }
}

// Threads may use everything at once: each sees its own files as if alone, and every operation has a number of its own.
TEST(fault_storage, threads) {
    fault_storage storage({.trace_max = 1000});
    auto directory = storage.open_directory("/d", {.create = true}).value();
    const std::uint64_t before = storage.operations();
    std::vector<int> good(4);
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread != 4; ++thread)
            threads.emplace_back([&, thread] {
                const std::string name(1, static_cast<char>('a' + thread));
                auto file = directory->create(name).value();
                for (std::uint64_t i = 0; i != 50; ++i)
                    good[static_cast<std::size_t>(thread)] +=
                        file->write_at(i, bytes(name)) && file->size().value() == i + 1 && storage.bytes() != 0 ? 1 : 0;
            });
    }
    EXPECT_EQ(good, (std::vector{50, 50, 50, 50}));
    EXPECT_EQ(storage.operations() - before, 4U * (1 + 2 * 50));
    const auto trace = storage.trace();
    for (std::size_t i = 0; i != trace.size(); ++i)
        EXPECT_EQ(trace[i].number, i);
}

} // namespace
