// SPDX-License-Identifier: MIT
// A search comes to the same whether one process does it or several, at once or in parts with a checkpoint between; a
// failure that a worker finds is replayed here; estimates are about right; limits hold.
#include <gantry/check/model.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace gantry::check;

int wrong = 0;

void expect(bool holds, const std::string& what) {
    std::printf("%s %s\n", holds ? "ok   " : "WRONG", what.c_str());
    wrong += holds ? 0 : 1;
}

// 8! graphs.
void eight() {
    std::atomic<int> counter{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] { counter.fetch_add(1, std::memory_order_relaxed); });
    }
    for (std::thread& t : threads) {
        t.join();
    }
    outcome({counter.load(std::memory_order_relaxed)});
}

// Two accesses each, for bounds to bite on.
void three() {
    std::atomic<int> x{0};
    std::atomic<int> y{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            x.fetch_add(1, std::memory_order_relaxed);
            y.fetch_add(1, std::memory_order_relaxed);
        });
    }
    for (std::thread& t : threads) {
        t.join();
    }
}

// Only one of the 8! orders fails, and not one of the first.
void unlucky() {
    std::atomic<unsigned> next{0};
    std::array<unsigned, 8> order{};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] { order[next.fetch_add(1, std::memory_order_relaxed)] = i; });
    }
    for (std::thread& t : threads) {
        t.join();
    }
    GANTRY_CHECK((order != std::array<unsigned, 8>{3, 6, 1, 2, 7, 4, 5, 0}));
}

model_result run(void (*body)(), model_options options) {
    options.name = "test";
    return model(options, [](void* b) { reinterpret_cast<void (*)()>(b)(); }, reinterpret_cast<void*>(body));
}

void same_counts() {
    for (const unsigned workers : {1U, 2U, 5U}) {
        const model_result r = run(eight, {.workers = workers});
        const bool right = r.ok() && r.exhaustive && r.graphs == 40'320 && r.blocked == 0 && r.outcomes.size() == 1 &&
                           r.outcomes.begin()->second == 40'320 && r.workers == workers;
        expect(right, "8 x fetch_add in " + std::to_string(workers) + " processes: " + std::to_string(r.graphs) +
                          " graphs" + r.report);
    }
}

void bounded() {
    std::uint64_t before = 0;
    for (const std::uint32_t most : {0U, 1U}) {
        const model_result one = run(three, {.mode = search::bounded, .workers = 1, .preemptions_max = most});
        const model_result many = run(three, {.mode = search::bounded, .workers = 3, .preemptions_max = most});
        const bool right = one.ok() && many.ok() && one.finished && many.finished && !one.exhaustive &&
                           one.graphs == many.graphs && one.graphs > before;
        before = one.graphs;
        expect(right, "3 x 2 fetch_add with " + std::to_string(most) + " preemptions: " + std::to_string(one.graphs) +
                          " graphs, in three processes " + std::to_string(many.graphs) + many.report);
    }
}

void failures() {
    for (const unsigned workers : {1U, 3U}) {
        const model_result r = run(unlucky, {.workers = workers});
        const model_result again = run(unlucky, {.replay = r.token});
        expect(r.found == fault::assertion && again.found == fault::assertion && again.summary == r.summary,
               "a failure that " + std::to_string(workers) + " processes look for, after " +
                   std::to_string(r.executions) + " executions");
    }
}

void limited() {
    const model_result few = run(eight, {.executions_max = 5'000, .workers = 3});
    expect(few.ok() && few.executions == 5'000 && !few.exhaustive && !few.finished, "a limit of executions");
    std::atomic<bool> stop{true};
    const model_result none = run(eight, {.workers = 2, .stop = &stop});
    expect(none.interrupted && none.executions == 0 && !none.finished, "a search that is stopped before it begins");
    const model_result random = run(eight, {.mode = search::random, .seconds_max = 0.3, .workers = 2});
    expect(random.ok() && !random.finished && random.seconds < 30, "a limit of time");
}

// Stops again and again, and goes on from the file.
void checkpoints(const std::string& file) {
    model_options options{.workers = 2};
    options.checkpoint = file;
    options.checkpoint_seconds = 0.05;
    model_result r;
    int parts = 0;
    for (std::uint64_t most = 9'000; !r.finished && r.ok() && parts < 20; most += 9'000, ++parts) {
        options.executions_max = most;
        r = run(eight, options);
        options.resume = file;
    }
    expect(r.ok() && r.exhaustive && r.graphs == 40'320 && parts == 5 && r.outcomes.begin()->second == 40'320,
           "a search in " + std::to_string(parts) + " parts: " + std::to_string(r.graphs) + " graphs " + r.report);
    options.steps_max = 77;
    const model_result other = run(eight, options);
    expect(other.found == fault::unsupported && other.report.find("other bounds") != std::string::npos,
           "a checkpoint of other bounds: " + other.report);
    options.resume = file + ".none";
    const model_result missing = run(eight, options);
    expect(missing.found == fault::unsupported && missing.report.find("No such file") != std::string::npos,
           "a checkpoint that is not there: " + missing.report);
    options = {.mode = search::random};
    options.checkpoint = file;
    expect(run(eight, options).found == fault::unsupported, "a checkpoint of a random search");
    options = {.workers = 2};
    options.checkpoint = "/nowhere/at/all";
    options.executions_max = 30'000;
    const model_result nowhere = run(eight, options);
    expect(nowhere.found == fault::unsupported && nowhere.report.find("/nowhere/at") != std::string::npos,
           "a checkpoint that cannot be written: " + nowhere.report);
}

// Loops that the compiler announces nothing of, or plain accesses only.
void standing_still() {
    const auto found = [](void (*body)()) {
        model_options options{.stuck_seconds = 0.2};
        options.minimise = 0;
        return run(body, options);
    };
    const model_result silent = found([] {
        for (;;) {
            asm volatile("");
        }
    });
    expect(silent.found == fault::endless && silent.report.find("goes on and on") != std::string::npos,
           "a loop that nobody hears of: " + silent.report);
    const model_result plain = found([] {
        volatile int word = 0; // volatile: so that the compiler announces each read
        while (word == 0) {
        }
    });
    expect(plain.found == fault::endless && plain.report.find("goes on and on") != std::string::npos,
           "a loop of plain reads: " + plain.report);
}

void estimates() {
    const size_estimate guess = estimate({}, [](void*) { eight(); }, nullptr, 2);
    expect(guess.result.ok() && guess.executions > 40'320 / 4 && guess.executions < 40'320 * 4,
           "a guess at 40320: " + std::to_string(guess.executions) + " (" + std::to_string(guess.low) + " to " +
               std::to_string(guess.high) + ")");
    const size_estimate found = estimate({}, [](void*) { GANTRY_CHECK(false); }, nullptr, 1);
    expect(found.result.found == fault::assertion && !found.result.report.empty(), "a fault on the way");
}

} // namespace

int main() {
    same_counts();
    bounded();
    failures();
    limited();
    standing_still();
    estimates();
    char folder[] = "/tmp/gantry-check-XXXXXX";
    if (mkdtemp(folder) == nullptr) {
        return 1;
    }
    const std::string file = std::string(folder) + "/left";
    checkpoints(file);
    std::remove(file.c_str());
    rmdir(folder);
    return wrong == 0 ? 0 : 1;
}
