// SPDX-License-Identifier: MIT
#include <gantry/check/fuzz/test_machine.hpp>
#include <gantry/check/model.hpp>

#include <linux/membarrier.h>
#include <sys/syscall.h>

#include <unistd.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iterator>
#include <latch>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <thread>

namespace gantry::check::fuzz {

scripts loaded;

namespace {

using namespace std::chrono_literals;

constexpr std::memory_order orders[] = {std::memory_order_relaxed, std::memory_order_acquire, std::memory_order_release,
                                        std::memory_order_acq_rel, std::memory_order_seq_cst};
constexpr std::memory_order load_orders[] = {std::memory_order_relaxed, std::memory_order_acquire,
                                             std::memory_order_seq_cst};
constexpr std::memory_order store_orders[] = {std::memory_order_relaxed, std::memory_order_release,
                                              std::memory_order_seq_cst};

struct wide {
    std::uint64_t low;
    std::uint64_t high;
};

std::atomic<int> atomics[3];
std::atomic<std::uint8_t> small{0};
std::atomic<wide> large{};
int plain[3];
std::mutex mutexes[2];
std::recursive_timed_mutex timed;
std::shared_mutex shared;
std::condition_variable condition;
std::counting_semaphore<4> semaphore{1};
std::latch latch{2};
std::optional<std::barrier<>> barrier; // has memory of its own, so it is made anew by each execution
std::once_flag once;
std::atomic<int*> boxes[2];
std::thread threads[scripts_max];
int sink;

// The bytes are the machine's, not the program's: reading them is not announced.
class reader {
public:
    explicit reader(std::size_t which) : which_(which) {}

    [[gnu::no_sanitize("thread")]] [[nodiscard]] bool more() const { return at_ + 1 < loaded[which_].size(); }
    [[gnu::no_sanitize("thread")]] std::uint8_t next() {
        return at_ < loaded[which_].size() ? loaded[which_][at_++] : 0;
    }

private:
    std::size_t which_;
    std::size_t at_ = 0;
};

struct leaves_something {
    leaves_something() = default;
    leaves_something(const leaves_something&) = delete;
    leaves_something& operator=(const leaves_something&) = delete;
    ~leaves_something() { atomics[0].fetch_add(1, std::memory_order_relaxed); }
    int value = 7;
};

struct throws_at_exit {
    throws_at_exit() = default;
    throws_at_exit(const throws_at_exit&) = delete;
    throws_at_exit& operator=(const throws_at_exit&) = delete;
    ~throws_at_exit() noexcept(false) { throw std::runtime_error("at the end"); }
    int value = 7;
};

thread_local leaves_something own;
thread_local throws_at_exit own_throwing;

int static_of_a_function() {
    static const std::unique_ptr<int> made = [] {
        atomics[1].fetch_add(1, std::memory_order_relaxed);
        return std::make_unique<int>(3);
    }();
    return *made;
}

[[gnu::noinline]] int recurse(int depth) {
    // volatile: the frames must be there
    volatile int here[64] = {depth};
    return depth == 0 ? sink : recurse(depth - 1) + here[0];
}

// Nobody else may touch the child's std::thread.
std::size_t child_of(std::size_t self, unsigned which) {
    return 2 * self + 1 + which % 2U;
}

void run(std::size_t which);

void start(std::size_t which) {
    if (which < scripts_max && !threads[which].joinable()) {
        threads[which] = std::thread([which] { run(which); });
    }
}

using step = void (*)(std::uint8_t argument, reader& code, std::size_t self);

struct instruction {
    const char* name;
    step what;
};

template<class T, std::size_t N>
constexpr T& pick(T (&from)[N], unsigned n) {
    return from[n % N];
}

// What programs do that may be right.
const instruction sensible[] = {
    {"load",
     [](std::uint8_t a, reader&, std::size_t) {
         sink = pick(atomics, a).load(pick(load_orders, a / 3U));
     }},
    {"store",
     [](std::uint8_t a, reader&, std::size_t) {
         pick(atomics, a).store(a / 16, pick(store_orders, a / 3U));
     }},
    {"fetch_add",
     [](std::uint8_t a, reader&, std::size_t) {
         pick(atomics, a).fetch_add(1, pick(orders, a / 3U));
     }},
    {"exchange",
     [](std::uint8_t a, reader&, std::size_t) {
         pick(atomics, a).exchange(a / 16, pick(orders, a / 3U));
     }},
    {"cas strong",
     [](std::uint8_t a, reader&, std::size_t) {
         int expected = a & 1;
         pick(atomics, a).compare_exchange_strong(expected, a / 8, pick(orders, a / 3U), pick(load_orders, a / 15U));
     }},
    {"cas weak",
     [](std::uint8_t a, reader&, std::size_t) {
         int expected = a & 1;
         while (!pick(atomics, a)
                     .compare_exchange_weak(expected, expected + 1, pick(orders, a / 3U), std::memory_order_relaxed)) {
         }
     }},
    {"fence",
     [](std::uint8_t a, reader&, std::size_t) {
         std::atomic_thread_fence(pick(orders, a));
     }},
    {"signal fence",
     [](std::uint8_t a, reader&, std::size_t) {
         std::atomic_signal_fence(a % 4 == 0 ? std::memory_order_acq_rel : std::memory_order_seq_cst);
     }},
    {"membarrier",
     [](std::uint8_t a, reader&, std::size_t) {
         constexpr int commands[] = {MEMBARRIER_CMD_GLOBAL, MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_QUERY,
                                     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED};
         sink = static_cast<int>(syscall(SYS_membarrier, pick(commands, a), 0U, 0));
     }},
    {"small",
     [](std::uint8_t a, reader&, std::size_t) {
         small.fetch_xor(a, pick(orders, a));
     }},
    {"large",
     [](std::uint8_t a, reader&, std::size_t) {
         if (a % 2 == 0) {
             large.store({a, a}, pick(store_orders, a / 2U));
         } else {
             sink = static_cast<int>(large.load(pick(load_orders, a / 2U)).high);
         }
     }},
    {"spin",
     [](std::uint8_t a, reader&, std::size_t) {
         while (pick(atomics, a).load(pick(load_orders, a / 3U)) == 0) {
         }
     }},
    {"guarded",
     [](std::uint8_t a, reader&, std::size_t) {
         const std::lock_guard guard(pick(mutexes, a));
         ++pick(plain, a % 2U);
     }},
    {"nested",
     [](std::uint8_t a, reader&, std::size_t) {
         const std::lock_guard first(pick(mutexes, a));
         const std::lock_guard second(pick(mutexes, a + 1U));
     }},
    {"try lock",
     [](std::uint8_t a, reader&, std::size_t) {
         if (const std::unique_lock lock(pick(mutexes, a), std::try_to_lock); lock) {
             ++pick(plain, a % 2U);
         }
     }},
    {"timed lock",
     [](std::uint8_t a, reader&, std::size_t) {
         if (const std::unique_lock lock(timed, 1ms); lock) {
             const std::lock_guard again(timed);
             pick(plain, a) = a;
         }
     }},
    {"shared lock",
     [](std::uint8_t a, reader&, std::size_t) {
         if (a % 2 == 0) {
             const std::shared_lock lock(shared);
             sink = pick(plain, a);
         } else {
             const std::lock_guard lock(shared);
             ++pick(plain, a);
         }
     }},
    {"wait until set",
     [](std::uint8_t a, reader&, std::size_t) {
         std::unique_lock lock(mutexes[0]);
         condition.wait(lock, [a] { return pick(plain, a) != 0; });
     }},
    {"wait for a time",
     [](std::uint8_t, reader&, std::size_t) {
         std::unique_lock lock(mutexes[0]);
         condition.wait_for(lock, 1ms);
     }},
    {"set and notify",
     [](std::uint8_t a, reader&, std::size_t) {
         {
             const std::lock_guard lock(mutexes[0]);
             pick(plain, a) = 1;
         }
         if (a % 2 == 0) {
             condition.notify_one();
         } else {
             condition.notify_all();
         }
     }},
    {"atomic wait",
     [](std::uint8_t a, reader&, std::size_t) {
         pick(atomics, a).wait(0, pick(load_orders, a / 3U));
     }},
    {"atomic notify",
     [](std::uint8_t a, reader&, std::size_t) {
         pick(atomics, a).store(1, pick(store_orders, a / 3U));
         pick(atomics, a).notify_all();
     }},
    {"acquire",
     [](std::uint8_t, reader&, std::size_t) {
         semaphore.acquire();
     }},
    {"release",
     [](std::uint8_t, reader&, std::size_t) {
         semaphore.release();
     }},
    {"count down",
     [](std::uint8_t, reader&, std::size_t) {
         latch.count_down(0);
     }},
    {"arrive",
     [](std::uint8_t, reader&, std::size_t) {
         static_cast<void>(barrier->arrive());
     }},
    {"call once",
     [](std::uint8_t a, reader&, std::size_t) {
         std::call_once(once, [a] { plain[0] = a; });
     }},
    {"static",
     [](std::uint8_t, reader&, std::size_t) {
         sink = static_of_a_function();
     }},
    {"thread_local",
     [](std::uint8_t, reader&, std::size_t) {
         ++own.value;
     }},
    {"publish",
     [](std::uint8_t a, reader&, std::size_t) {
         delete pick(boxes, a).exchange(new int(a), pick(orders, a / 2U)); // NOLINT(cppcoreguidelines-owning-memory)
     }},
    {"follow",
     [](std::uint8_t a, reader&, std::size_t) {
         if (const int* const p = pick(boxes, a).load(pick(load_orders, a / 2U)); p != nullptr) {
             sink = *p;
         }
     }},
    {"take back",
     [](std::uint8_t a, reader&, std::size_t) {
         delete pick(boxes, a).exchange(nullptr, pick(orders, a / 2U));
     }},
    {"allocate",
     [](std::uint8_t a, reader&, std::size_t) {
         const std::vector<int> some(a);
         auto* const bytes = static_cast<char*>(std::malloc(a));
         std::free(std::realloc(bytes, a + 1U));
     }},
    {"start",
     [](std::uint8_t a, reader&, std::size_t self) {
         start(child_of(self, a));
     }},
    {"join",
     [](std::uint8_t a, reader&, std::size_t self) {
         if (const std::size_t child = child_of(self, a); child < scripts_max && threads[child].joinable()) {
             threads[child].join();
         }
     }},
    {"yield",
     [](std::uint8_t a, reader&, std::size_t) {
         if (a % 2 == 0) {
             std::this_thread::yield();
         } else {
             std::this_thread::sleep_for(1ms);
         }
     }},
    {"catch",
     [](std::uint8_t a, reader&, std::size_t) {
         try {
             throw std::runtime_error("thrown");
         } catch (const std::exception&) {
             sink = pick(atomics, a).load(std::memory_order_relaxed);
         }
     }},
    {"recurse",
     [](std::uint8_t a, reader&, std::size_t) {
         sink = recurse(a / 8);
     }},
    {"check",
     [](std::uint8_t a, reader&, std::size_t) {
         GANTRY_CHECK(pick(atomics, a).load(std::memory_order_relaxed) < a / 8 + 2);
     }},
    {"outcome",
     [](std::uint8_t a, reader&, std::size_t) {
         outcome({a, pick(atomics, a).load(std::memory_order_relaxed)});
     }},
};

const instruction wild[] = {
    {"plain read",
     [](std::uint8_t a, reader&, std::size_t) {
         sink = pick(plain, a);
     }},
    {"plain write",
     [](std::uint8_t a, reader&, std::size_t) {
         pick(plain, a) = a;
     }},
    {"lock alone",
     [](std::uint8_t a, reader&, std::size_t) {
         pick(mutexes, a).lock();
     }},
    {"unlock alone",
     [](std::uint8_t a, reader&, std::size_t) {
         pick(mutexes, a).unlock();
     }},
    {"wait in vain",
     [](std::uint8_t, reader&, std::size_t) {
         latch.wait();
     }},
    {"arrive and wait",
     [](std::uint8_t, reader&, std::size_t) {
         barrier->arrive_and_wait();
     }},
    {"detach",
     [](std::uint8_t a, reader&, std::size_t self) {
         if (const std::size_t child = child_of(self, a); child < scripts_max && threads[child].joinable()) {
             threads[child].detach();
         }
     }},
    {"throw",
     [](std::uint8_t, reader&, std::size_t) {
         throw std::runtime_error("thrown");
     }},
    {"throw at exit",
     [](std::uint8_t, reader&, std::size_t) {
         ++own_throwing.value;
     }},
    {"recurse for ever",
     [](std::uint8_t, reader&, std::size_t) {
         sink = recurse(1'000'000);
     }},
    {"store for ever",
     [](std::uint8_t a, reader&, std::size_t) {
         for (;;) {
             pick(atomics, a).store(a, std::memory_order_relaxed);
         }
     }},
    {"allocate a lot",
     [](std::uint8_t a, reader&, std::size_t) {
         // The compiler must not see that the block is of no use.
         char* const p = new (std::nothrow) char[std::size_t{1} << (20U + a % 40U)];
         std::atomic<char*> seen{p};
         delete[] seen.load(std::memory_order_relaxed);
     }},
    {"delete twice",
     [](std::uint8_t a, reader&, std::size_t) {
         delete pick(boxes, a).load(std::memory_order_relaxed);
     }},
    {"free what was new",
     [](std::uint8_t a, reader&, std::size_t) {
         std::free(pick(boxes, a).exchange(nullptr));
     }},
    {"leak",
     [](std::uint8_t a, reader&, std::size_t) {
         pick(boxes, a).store(new int(a), std::memory_order_relaxed);
     }},
    {"wild pointer",
     [](std::uint8_t a, reader&, std::size_t) {
         const auto* const p = reinterpret_cast<const int*>(static_cast<std::uintptr_t>(a) << (a % 48U));
         sink = *p;
     }},
    {"byte of an atomic",
     [](std::uint8_t a, reader&, std::size_t) {
         sink = __atomic_load_n(reinterpret_cast<const char*>(&pick(atomics, a)) + a % 4U, __ATOMIC_RELAXED);
     }},
    {"atomic as plain",
     [](std::uint8_t a, reader&, std::size_t) {
         *reinterpret_cast<int*>(&pick(atomics, a)) = a;
     }},
    {"crowd",
     [](std::uint8_t a, reader&, std::size_t) {
         std::vector<std::thread> crowd;
         for (unsigned n = 0; n < a; ++n) {
             crowd.emplace_back([] {});
         }
         for (std::thread& t : crowd) {
             t.join();
         }
     }},
    {"abort",
     [](std::uint8_t, reader&, std::size_t) {
         std::abort();
     }},
    {"terminate",
     [](std::uint8_t, reader&, std::size_t) {
         std::terminate();
     }},
    {"divide by zero",
     [](std::uint8_t a, reader&, std::size_t) {
         volatile int zero = 0; // volatile: the compiler must not see it
         sink = a / zero;
     }},
};

const instruction& instruction_of(std::uint8_t code) {
    const unsigned n = code % instruction_count();
    return n < std::size(sensible) ? sensible[n] : wild[n - std::size(sensible)];
}

void run(std::size_t which) {
    for (reader code(which); code.more();) {
        const instruction& i = instruction_of(code.next());
        const std::uint8_t argument = code.next();
        i.what(argument, code, which);
    }
}

} // namespace

void run_loaded() {
    barrier.emplace(2);
    run(0);
    // Whoever is left is joined, as a careful program does; who was detached may live on.
    for (std::thread& t : threads) {
        if (t.joinable()) {
            t.join();
        }
    }
    for (auto& box : boxes) {
        delete box.exchange(nullptr, std::memory_order_acq_rel);
    }
    barrier.reset();
}

std::string text_of(const scripts& s) {
    std::string text;
    for (std::size_t t = 0; t < s.size(); ++t) {
        for (std::size_t i = 0; i + 1 < s[t].size(); i += 2) {
            text += std::to_string(t) + ": " + instruction_of(s[t][i]).name + " " + std::to_string(s[t][i + 1]) + "\n";
        }
    }
    return text;
}

unsigned instruction_count() noexcept {
    return static_cast<unsigned>(std::size(sensible) + std::size(wild));
}

unsigned number_of(std::string_view name) noexcept {
    unsigned n = 0;
    while (n + 1 < instruction_count() && instruction_of(static_cast<std::uint8_t>(n)).name != name) {
        ++n;
    }
    return n;
}

unsigned wild_first() noexcept {
    return std::size(sensible);
}

} // namespace gantry::check::fuzz
