// SPDX-License-Identifier: MIT
// <workload>/<implementation>/bytes:N. Workloads: spill_in (a sender fills the disk), spill_out (a receiver drains it),
// memory (nothing spills: push and pop in turn, 64 at a time), durable (each push survives a kill; batches of 64 and
// one by one), synced (each batch survives a power cut), reopen (a spool of so many megabytes is opened).
#include <gantry/base/posix_storage.hpp>
#include <gantry/channel/spill/spill.hpp>

#include <benchmark/benchmark.h>
#include <leveldb/db.h>
#include <leveldb/write_batch.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <fcntl.h>
#include <lmdb.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace gantry;
using namespace gantry::channel;

constexpr std::uint64_t bytes_in_all = std::uint64_t{64} << 20U;
constexpr std::size_t batch_size = 64;

// A directory on the disk that temporary files are on, removed at the end.
class folder {
public:
    folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "gantry_bench_XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            std::abort();
        path_ = pattern;
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string operator/(const char* name) const { return path_ + '/' + name; }

private:
    std::string path_;
};

void require(bool holds) {
    if (!holds)
        std::abort();
}

std::string key_of(std::uint64_t number) {
    std::string key(8, '\0');
    for (std::size_t i = 8; i != 0; number >>= 8U)
        key[--i] = static_cast<char>(number & 255U);
    return key;
}

// Each: push() of a batch, drain() which returns how many came out.
class gantry_spill {
public:
    explicit gantry_spill(spill_durability durability = spill_durability::volatile_overflow,
                          spool_sync sync = spool_sync::none)
        : ends_(spill<std::string>(storage_, folder_ / "spill",
                                   {.memory_bytes_max = std::size_t{4} << 20U,
                                    .disk_bytes_max = std::uint64_t{32} << 30U,
                                    .durability = durability,
                                    .sync = sync})
                    .value()) {}

    void push(std::span<std::string> values) { require(ends_.tx.push_range(values).has_value()); }
    void push_one(const std::string& value) { require(ends_.tx.push(value).has_value()); }
    std::uint64_t drain() {
        std::uint64_t count = 0;
        std::vector<std::string> out;
        out.reserve(256);
        for (;;) {
            out.clear();
            const auto got = ends_.rx.try_pop_some(std::back_inserter(out), 256);
            if (!got)
                return count;
            count += *got;
        }
    }

private:
    folder folder_;
    posix_storage storage_;
    spilling<std::string> ends_;
};

class unbounded_channel {
public:
    void push(std::span<std::string> values) { require(ends_.tx.push_range(values).has_value()); }
    std::uint64_t drain() {
        std::uint64_t count = 0;
        std::vector<std::string> out;
        while (const auto got = ends_.rx.try_pop_some(std::back_inserter(out), 256)) {
            count += *got;
            out.clear();
        }
        return count;
    }

private:
    ends<std::string> ends_ = unbounded<std::string>();
};

// A length before each record, a buffer in between, no sums.
class framed_file {
public:
    explicit framed_file(bool sync = false, bool unbuffered = false)
        : path_(folder_ / "file"), file_(std::fopen(path_.c_str(), "w+b")), sync_(sync), unbuffered_(unbuffered) {
        require(file_ != nullptr);
        std::setvbuf(file_, nullptr, _IOFBF, 256 << 10U);
    }
    framed_file(const framed_file&) = delete;
    framed_file& operator=(const framed_file&) = delete;
    ~framed_file() { std::fclose(file_); }

    void push(std::span<std::string> values) {
        for (const std::string& each : values) {
            const auto size = static_cast<std::uint32_t>(each.size());
            std::fwrite(&size, sizeof size, 1, file_);
            std::fwrite(each.data(), 1, each.size(), file_);
        }
        if (sync_ || unbuffered_)
            std::fflush(file_);
        if (sync_)
            require(::fdatasync(::fileno(file_)) == 0);
    }
    std::uint64_t drain() {
        std::fflush(file_);
        std::rewind(file_);
        std::uint64_t count = 0;
        std::uint32_t size = 0;
        while (std::fread(&size, sizeof size, 1, file_) == 1) {
            std::string value(size, '\0');
            require(std::fread(value.data(), 1, size, file_) == size);
            benchmark::DoNotOptimize(value);
            ++count;
        }
        return count;
    }

private:
    folder folder_;
    std::string path_;
    std::FILE* file_;
    bool sync_;
    bool unbuffered_;
};

template<class Database, class Options, class Write, class Read, class Batch>
class sorted_tables {
public:
    sorted_tables() {
        Options options;
        options.create_if_missing = true;
        Database* opened = nullptr;
        require(Database::Open(options, folder_ / "db", &opened).ok());
        database_.reset(opened);
    }
    void push(std::span<std::string> values) {
        Batch batch;
        for (const std::string& each : values)
            batch.Put(key_of(next_++), each);
        require(database_->Write(Write(), &batch).ok());
    }
    std::uint64_t drain() {
        std::uint64_t count = 0;
        const std::unique_ptr<std::remove_pointer_t<decltype(database_->NewIterator(Read()))>> at(
            database_->NewIterator(Read()));
        Batch batch;
        for (at->SeekToFirst(); at->Valid(); at->Next()) {
            std::string value = at->value().ToString();
            benchmark::DoNotOptimize(value);
            batch.Delete(at->key());
            if (++count % 256 == 0) {
                require(database_->Write(Write(), &batch).ok());
                batch.Clear();
            }
        }
        require(database_->Write(Write(), &batch).ok());
        return count;
    }

private:
    folder folder_;
    std::unique_ptr<Database> database_;
    std::uint64_t next_ = 0;
};

using leveldb_queue =
    sorted_tables<leveldb::DB, leveldb::Options, leveldb::WriteOptions, leveldb::ReadOptions, leveldb::WriteBatch>;
using rocksdb_queue =
    sorted_tables<rocksdb::DB, rocksdb::Options, rocksdb::WriteOptions, rocksdb::ReadOptions, rocksdb::WriteBatch>;

class lmdb_queue {
public:
    explicit lmdb_queue(bool sync = false) {
        require(mdb_env_create(&environment_) == 0);
        require(mdb_env_set_mapsize(environment_, std::size_t{4} << 30U) == 0);
        std::filesystem::create_directory(folder_ / "db");
        require(mdb_env_open(environment_, (folder_ / "db").c_str(), sync ? 0U : unsigned{MDB_NOSYNC}, 0600) == 0);
        MDB_txn* transaction = nullptr;
        require(mdb_txn_begin(environment_, nullptr, 0, &transaction) == 0);
        require(mdb_dbi_open(transaction, nullptr, 0, &table_) == 0);
        require(mdb_txn_commit(transaction) == 0);
    }
    lmdb_queue(const lmdb_queue&) = delete;
    lmdb_queue& operator=(const lmdb_queue&) = delete;
    ~lmdb_queue() { mdb_env_close(environment_); }

    void push(std::span<std::string> values) {
        MDB_txn* transaction = nullptr;
        require(mdb_txn_begin(environment_, nullptr, 0, &transaction) == 0);
        for (std::string& each : values) {
            std::string key = key_of(next_++);
            MDB_val name{.mv_size = key.size(), .mv_data = key.data()};
            MDB_val value{.mv_size = each.size(), .mv_data = each.data()};
            require(mdb_put(transaction, table_, &name, &value, MDB_APPEND) == 0);
        }
        require(mdb_txn_commit(transaction) == 0);
    }
    std::uint64_t drain() {
        std::uint64_t count = 0;
        for (bool more = true; more;) {
            MDB_txn* transaction = nullptr;
            MDB_cursor* cursor = nullptr;
            require(mdb_txn_begin(environment_, nullptr, 0, &transaction) == 0);
            require(mdb_cursor_open(transaction, table_, &cursor) == 0);
            for (std::size_t i = 0; i != 256 && more; ++i) {
                MDB_val name{};
                MDB_val value{};
                more = mdb_cursor_get(cursor, &name, &value, MDB_FIRST) == 0;
                if (more) {
                    std::string copy(static_cast<const char*>(value.mv_data), value.mv_size);
                    benchmark::DoNotOptimize(copy);
                    require(mdb_cursor_del(cursor, 0) == 0);
                    ++count;
                }
            }
            mdb_cursor_close(cursor);
            require(mdb_txn_commit(transaction) == 0);
        }
        return count;
    }

private:
    folder folder_;
    MDB_env* environment_ = nullptr;
    MDB_dbi table_ = 0;
    std::uint64_t next_ = 0;
};

void fill(std::vector<std::string>& batch, std::size_t bytes) {
    batch.assign(batch_size, std::string(bytes, 'x'));
}

// Fills, and drains: one of the two is timed.
template<class Queue>
void spill_through(benchmark::State& state, bool in, bool out) {
    const auto bytes = static_cast<std::size_t>(state.range(0));
    const std::uint64_t batches = bytes_in_all / (bytes * batch_size);
    std::vector<std::string> batch;
    for (auto _ : state) {
        state.PauseTiming();
        {
            Queue queue;
            if (in)
                state.ResumeTiming();
            for (std::uint64_t i = 0; i != batches; ++i) {
                fill(batch, bytes);
                queue.push(batch);
            }
            if (in)
                state.PauseTiming();
            if (out)
                state.ResumeTiming();
            require(queue.drain() == batches * batch_size);
            if (out)
                state.PauseTiming();
        }
        state.ResumeTiming();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batches * batch_size));
}

template<class Queue>
void spill_in(benchmark::State& state) {
    spill_through<Queue>(state, true, false);
}
template<class Queue>
void spill_out(benchmark::State& state) {
    spill_through<Queue>(state, false, true);
}

// Nothing ever spills.
template<class Make>
void memory(benchmark::State& state, Make make) {
    const auto bytes = static_cast<std::size_t>(state.range(0));
    auto ends = make();
    std::vector<std::string> batch;
    std::vector<std::string> out;
    fill(batch, bytes);
    for (auto _ : state) {
        require(ends.tx.push_range(batch).has_value());
        out.clear();
        require(ends.rx.pop_some(std::back_inserter(out), batch_size).value() == batch_size);
        batch.swap(out);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch_size));
}

template<class Queue, class... Args>
void push_batches(benchmark::State& state, Args... args) {
    const auto bytes = static_cast<std::size_t>(state.range(0));
    Queue queue(args...);
    std::vector<std::string> batch;
    for (auto _ : state) {
        fill(batch, bytes);
        queue.push(batch);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch_size));
}

void push_singly(benchmark::State& state) {
    const std::string value(static_cast<std::size_t>(state.range(0)), 'x');
    gantry_spill queue(spill_durability::durable);
    for (auto _ : state)
        queue.push_one(value);
    state.SetItemsProcessed(state.iterations());
}

// Opens what a killed process left.
void reopen(benchmark::State& state) {
    const folder at;
    posix_storage storage;
    const auto megabytes = static_cast<std::uint64_t>(state.range(0));
    {
        auto made = spool::open(storage, at / "spool", {.disk_bytes_max = std::uint64_t{32} << 30U}).value();
        const std::string value(100, 'x');
        for (std::uint64_t written = 0; written < megabytes << 20U;) {
            spool_batch batch;
            std::uint64_t number = made->next_sequence();
            for (std::size_t i = 0; i != 2000; ++i, written += 120)
                batch.add(number++, std::as_bytes(std::span(value)));
            require(made->append(batch).has_value());
        }
    }
    for (auto _ : state) {
        auto again = spool::open(storage, at / "spool", {.disk_bytes_max = std::uint64_t{32} << 30U});
        require(again.has_value() && (*again)->statistics().unacknowledged != 0);
    }
    state.SetItemsProcessed(state.iterations());
}

const auto spilling_in_memory = [] {
    struct held {
        std::unique_ptr<folder> at = std::make_unique<folder>();
        std::unique_ptr<posix_storage> storage = std::make_unique<posix_storage>();
        spilling<std::string> ends = spill<std::string>(*storage, *at / "spill").value();
        sender<std::string>& tx = ends.tx;
        receiver<std::string>& rx = ends.rx;
    };
    return held();
};

BENCHMARK(spill_in<gantry_spill>)
    ->Name("spill_in/gantry")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_in<unbounded_channel>)
    ->Name("spill_in/x_memory")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_in<framed_file>)
    ->Name("spill_in/framed_file")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_in<lmdb_queue>)
    ->Name("spill_in/lmdb")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_in<leveldb_queue>)
    ->Name("spill_in/leveldb")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_in<rocksdb_queue>)
    ->Name("spill_in/rocksdb")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_out<gantry_spill>)
    ->Name("spill_out/gantry")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_out<unbounded_channel>)
    ->Name("spill_out/x_memory")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_out<framed_file>)
    ->Name("spill_out/framed_file")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_out<lmdb_queue>)
    ->Name("spill_out/lmdb")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_out<leveldb_queue>)
    ->Name("spill_out/leveldb")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(spill_out<rocksdb_queue>)
    ->Name("spill_out/rocksdb")
    ->ArgName("bytes")
    ->Arg(100)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void memory_gantry(benchmark::State& state) {
    memory(state, spilling_in_memory);
}
void memory_bounded(benchmark::State& state) {
    memory(state, [] { return bounded<std::string>(1024); });
}
BENCHMARK(memory_gantry)->Name("memory/gantry")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();
BENCHMARK(memory_bounded)->Name("memory/bounded")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();

void durable_gantry(benchmark::State& state) {
    push_batches<gantry_spill>(state, spill_durability::durable);
}
void durable_file(benchmark::State& state) {
    push_batches<framed_file>(state, false, true);
}
BENCHMARK(durable_gantry)->Name("durable/gantry")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();
BENCHMARK(push_singly)->Name("durable/gantry_one_by_one")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();
BENCHMARK(durable_file)->Name("durable/framed_file")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();
BENCHMARK(push_batches<lmdb_queue>)->Name("durable/lmdb")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();
BENCHMARK(push_batches<leveldb_queue>)->Name("durable/leveldb")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();
BENCHMARK(push_batches<rocksdb_queue>)->Name("durable/rocksdb")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();

void synced_gantry(benchmark::State& state) {
    push_batches<gantry_spill>(state, spill_durability::durable, spool_sync::each);
}
void synced_file(benchmark::State& state) {
    push_batches<framed_file>(state, true);
}
void synced_lmdb(benchmark::State& state) {
    push_batches<lmdb_queue>(state, true);
}
BENCHMARK(synced_gantry)->Name("synced/gantry")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();
BENCHMARK(synced_file)->Name("synced/framed_file")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();
BENCHMARK(synced_lmdb)->Name("synced/lmdb")->ArgName("bytes")->Arg(100)->Arg(1024)->UseRealTime();

BENCHMARK(reopen)
    ->Name("reopen/gantry")
    ->ArgName("megabytes")
    ->Arg(64)
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

} // namespace

BENCHMARK_MAIN();
