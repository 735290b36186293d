// SPDX-License-Identifier: MIT
// <workload>/<implementation>/<parameters>. Workloads:
//   memory       nothing spills: one thread pushes and pops, 64 at a time; memory_singly: one at a time;
//                memory_threads: a thread pushes and another pops, one at a time
//   spill_in     a sender fills the disk (what it pushes need not survive anything), 64 at a time, with megabytes:N
//   spill_out    a receiver drains it, 256 at a time, and what it has taken is taken; gantry_in_place looks at the
//   bytes and
//                makes no string
//   durable      what was pushed survives a kill; batch:N at a time, from senders:N threads
//   synced       the same, and a power cut
//   reopen       what a killed process left is opened, with megabytes:N
// The CPU column is that of the whole process, also of threads that an implementation keeps to itself.
// GANTRY_BENCH_SMOKE: one megabyte on disk everywhere. GANTRY_BENCH_LONG: rows of 10 GB, too.
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

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace gantry;
using namespace gantry::channel;

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

// What the elements are to survive.
enum class needs : std::uint8_t { room, kill, power };

// Each: push() of a batch, from any thread but for framed_file; drain() which returns how many came out.
class gantry_spill {
public:
    explicit gantry_spill(needs what = needs::room)
        : ends_(spill<std::string>(storage_, folder_ / "spill",
                                   {.memory_bytes_max = std::size_t{4} << 20U,
                                    .disk_bytes_max = std::uint64_t{32} << 30U,
                                    .durability = what == needs::room ? spill_durability::volatile_overflow
                                                                      : spill_durability::durable,
                                    .sync = what == needs::power ? spool_sync::each : spool_sync::none})
                    .value()) {}

    void push(std::span<std::string> values) { require(ends_.tx.push_range(values).has_value()); }
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

protected:
    [[nodiscard]] spilling<std::string>& ends() noexcept { return ends_; }

private:
    folder folder_;
    posix_storage storage_;
    spilling<std::string> ends_;
};

// Drained without strings.
class gantry_in_place : public gantry_spill {
public:
    std::uint64_t drain() {
        std::uint64_t count = 0;
        std::uint64_t bytes = 0;
        const auto look = [&](std::string_view text) {
            bytes += text.size();
        };
        while (const auto got = ends().disk.leases().try_visit(256, look))
            count += *got;
        require(bytes != 0);
        return count;
    }
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
    explicit framed_file(needs what = needs::room)
        : path_(folder_ / "file"), file_(std::fopen(path_.c_str(), "w+b")), needs_(what) {
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
        if (needs_ != needs::room)
            std::fflush(file_);
        if (needs_ == needs::power)
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
    needs needs_;
};

template<class Database, class Options, class Write, class Read, class Batch>
class sorted_tables {
public:
    explicit sorted_tables(needs what = needs::room) {
        write_.sync = what == needs::power;
        if constexpr (requires { write_.disableWAL; })
            write_.disableWAL = what == needs::room;
        open();
    }
    void push(std::span<std::string> values) {
        Batch batch;
        std::uint64_t number = next_.fetch_add(values.size(), std::memory_order_relaxed);
        for (const std::string& each : values)
            batch.Put(key_of(number++), each);
        require(database_->Write(write_, &batch).ok());
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
                require(database_->Write(write_, &batch).ok());
                batch.Clear();
            }
        }
        require(database_->Write(write_, &batch).ok());
        return count;
    }
    void reopen() {
        database_.reset();
        open();
    }

private:
    void open() {
        Options options;
        options.create_if_missing = true;
        Database* opened = nullptr;
        require(Database::Open(options, folder_ / "db", &opened).ok());
        database_.reset(opened);
    }

    folder folder_;
    Write write_;
    std::unique_ptr<Database> database_;
    std::atomic<std::uint64_t> next_{0};
};

using leveldb_queue =
    sorted_tables<leveldb::DB, leveldb::Options, leveldb::WriteOptions, leveldb::ReadOptions, leveldb::WriteBatch>;
using rocksdb_queue =
    sorted_tables<rocksdb::DB, rocksdb::Options, rocksdb::WriteOptions, rocksdb::ReadOptions, rocksdb::WriteBatch>;

class lmdb_queue {
public:
    explicit lmdb_queue(needs what = needs::room) : needs_(what) {
        std::filesystem::create_directory(folder_ / "db");
        open();
    }
    lmdb_queue(const lmdb_queue&) = delete;
    lmdb_queue& operator=(const lmdb_queue&) = delete;
    ~lmdb_queue() { mdb_env_close(environment_); }

    void push(std::span<std::string> values) {
        MDB_txn* transaction = nullptr;
        require(mdb_txn_begin(environment_, nullptr, 0, &transaction) == 0);
        for (std::string& each : values) {
            std::string key = key_of(next_++); // one transaction at a time
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

    void reopen() {
        mdb_env_close(environment_);
        open();
    }

private:
    void open() {
        require(mdb_env_create(&environment_) == 0);
        require(mdb_env_set_mapsize(environment_, std::size_t{32} << 30U) == 0);
        const unsigned flags = needs_ == needs::power ? 0U : unsigned{MDB_NOSYNC};
        require(mdb_env_open(environment_, (folder_ / "db").c_str(), flags, 0600) == 0);
        MDB_txn* transaction = nullptr;
        require(mdb_txn_begin(environment_, nullptr, 0, &transaction) == 0);
        require(mdb_dbi_open(transaction, nullptr, 0, &table_) == 0);
        require(mdb_txn_commit(transaction) == 0);
    }

    folder folder_;
    needs needs_;
    MDB_env* environment_ = nullptr;
    MDB_dbi table_ = 0;
    std::uint64_t next_ = 0;
};

void fill(std::vector<std::string>& batch, std::size_t bytes, std::size_t size = batch_size) {
    batch.assign(size, std::string(bytes, 'x'));
}

// Fills, and drains: one of the two is timed.
template<class Queue>
void spill_through(benchmark::State& state, bool in) {
    const auto bytes = static_cast<std::size_t>(state.range(0));
    const std::uint64_t batches = (static_cast<std::uint64_t>(state.range(1)) << 20U) / (bytes * batch_size);
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
            else
                state.ResumeTiming();
            require(queue.drain() == batches * batch_size);
            if (!in)
                state.PauseTiming();
        }
        state.ResumeTiming();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batches * batch_size));
}

const bool is_smoke = std::getenv("GANTRY_BENCH_SMOKE") != nullptr;
const bool is_long = std::getenv("GANTRY_BENCH_LONG") != nullptr;
const std::int64_t usual_megabytes = is_smoke ? 1 : 64;

template<class Queue>
void add_spill(const char* name, std::initializer_list<std::int64_t> more_megabytes = {}) {
    for (const bool in : {true, false}) {
        auto* const row =
            benchmark::RegisterBenchmark((std::string(in ? "spill_in/" : "spill_out/") + name).c_str(),
                                         [in](benchmark::State& state) { spill_through<Queue>(state, in); });
        row->ArgNames({"bytes", "megabytes"})->Args({100, usual_megabytes})->Args({1024, usual_megabytes});
        for (const std::int64_t megabytes : more_megabytes) {
            if (!is_smoke && (is_long || megabytes < 10'000))
                row->Args({100, megabytes});
        }
        row->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
    }
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

template<class Make>
void memory_singly(benchmark::State& state, Make make) {
    auto ends = make();
    std::string value(static_cast<std::size_t>(state.range(0)), 'x');
    for (auto _ : state) {
        require(ends.tx.push(std::move(value)).has_value());
        value = ends.rx.pop().value();
    }
    state.SetItemsProcessed(state.iterations());
}

// The receiver sends strings back, so that neither allocates.
template<class Make>
void memory_threads(benchmark::State& state, Make make) {
    constexpr std::size_t at_once = 1024;
    auto ends = make();
    auto [back_tx, back_rx] = bounded<std::string>(2 * at_once);
    for (std::size_t i = 0; i != at_once; ++i)
        require(back_tx.push(std::string(static_cast<std::size_t>(state.range(0)), 'x')).has_value());
    std::thread receiver([rx = ends.rx, tx = back_tx] {
        for (std::string& each : rx)
            require(tx.push(std::move(each)).has_value());
    });
    for (auto _ : state)
        require(ends.tx.push(back_rx.pop().value()).has_value());
    ends.tx.close();
    receiver.join();
    state.SetItemsProcessed(state.iterations());
}

struct spilling_in_memory {
    struct held {
        std::unique_ptr<folder> at = std::make_unique<folder>();
        std::unique_ptr<posix_storage> storage = std::make_unique<posix_storage>();
        spilling<std::string> ends = spill<std::string>(*storage, *at / "spill").value();
        sender<std::string>& tx = ends.tx;
        receiver<std::string>& rx = ends.rx;
    };
    held operator()() const { return {}; }
};
struct bounded_in_memory {
    ends<std::string> operator()() const { return bounded<std::string>(1024); }
};

template<class Make>
void add_memory(const char* name) {
    const std::pair<const char*, void (*)(benchmark::State&, Make)> workloads[] = {
        {"memory/", memory<Make>}, {"memory_singly/", memory_singly<Make>}, {"memory_threads/", memory_threads<Make>}};
    for (const auto& [workload, run] : workloads)
        benchmark::RegisterBenchmark((std::string(workload) + name).c_str(),
                                     [run](benchmark::State& state) { run(state, Make()); })
            ->ArgName("bytes")
            ->Arg(100)
            ->Arg(1024)
            ->UseRealTime()
            ->MeasureProcessCPUTime();
}

template<class Queue>
void push_durably(benchmark::State& state, needs what) {
    static std::unique_ptr<Queue> queue;
    if (state.thread_index() == 0)
        queue = std::make_unique<Queue>(what);
    const auto bytes = static_cast<std::size_t>(state.range(0));
    const auto size = static_cast<std::size_t>(state.range(1));
    std::vector<std::string> batch;
    for (auto _ : state) {
        fill(batch, bytes, size);
        queue->push(batch);
    }
    if (state.thread_index() == 0)
        queue.reset();
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(size));
}

template<class Queue>
void add_durable(const char* name, bool from_threads = true) {
    for (const needs what : {needs::kill, needs::power}) {
        const std::string full = std::string(what == needs::kill ? "durable/" : "synced/") + name;
        const auto run = [what](benchmark::State& state) {
            push_durably<Queue>(state, what);
        };
        benchmark::RegisterBenchmark(full.c_str(), run)
            ->ArgNames({"bytes", "batch"})
            ->Args({100, 64})
            ->Args({1024, 64})
            ->Args({100, 1})
            ->UseRealTime()
            ->MeasureProcessCPUTime();
        if (from_threads)
            benchmark::RegisterBenchmark(full.c_str(), run)
                ->ArgNames({"bytes", "batch"})
                ->Args({100, 64})
                ->Args({100, 1})
                ->Threads(4)
                ->UseRealTime()
                ->MeasureProcessCPUTime();
    }
}

// A spool as a killed process left it.
class killed_spool {
public:
    void push(std::span<std::string> values) {
        spool_batch batch;
        std::uint64_t number = spool_->next_sequence();
        for (const std::string& each : values)
            batch.add(number++, std::as_bytes(std::span(each)));
        require(spool_->append(batch).has_value());
    }
    void reopen() {
        spool_.reset();
        spool_ = open();
        require(spool_->statistics().unacknowledged != 0);
    }

private:
    [[nodiscard]] std::unique_ptr<spool> open() {
        return spool::open(storage_, folder_ / "spool", {.disk_bytes_max = std::uint64_t{32} << 30U}).value();
    }

    folder folder_;
    posix_storage storage_;
    std::unique_ptr<spool> spool_ = open();
};

template<class Queue, class... Needs>
void add_reopen(const char* name, Needs... what) {
    auto* const row = benchmark::RegisterBenchmark((std::string("reopen/") + name).c_str(),
                                                   [what...](benchmark::State& state) {
                                                       Queue queue(what...);
                                                       std::vector<std::string> batch;
                                                       fill(batch, 100, 2000);
                                                       for (std::int64_t written = 0; written < state.range(0) << 20U;
                                                            written += 2000 * 100)
                                                           queue.push(batch);
                                                       for (auto _ : state)
                                                           queue.reopen();
                                                       state.SetItemsProcessed(state.iterations());
                                                   })
                          ->ArgName("megabytes")
                          ->Arg(usual_megabytes)
                          ->UseRealTime()
                          ->MeasureProcessCPUTime()
                          ->Unit(benchmark::kMillisecond);
    if (!is_smoke)
        row->Arg(1024);
}

const bool added = [] {
    add_memory<spilling_in_memory>("gantry");
    add_memory<bounded_in_memory>("bounded");
    add_spill<gantry_spill>("gantry", {10, 100, 1000, 10000});
    add_spill<gantry_in_place>("gantry_in_place");
    add_spill<unbounded_channel>("x_memory");
    add_spill<framed_file>("framed_file", {100, 1000});
    add_spill<lmdb_queue>("lmdb");
    add_spill<leveldb_queue>("leveldb");
    add_spill<rocksdb_queue>("rocksdb");
    add_durable<gantry_spill>("gantry");
    add_durable<framed_file>("framed_file", false);
    add_durable<lmdb_queue>("lmdb");
    add_durable<leveldb_queue>("leveldb");
    add_durable<rocksdb_queue>("rocksdb");
    add_reopen<killed_spool>("gantry");
    add_reopen<lmdb_queue>("lmdb", needs::kill);
    add_reopen<leveldb_queue>("leveldb", needs::kill);
    add_reopen<rocksdb_queue>("rocksdb", needs::kill);
    return true;
}();

} // namespace

BENCHMARK_MAIN();
