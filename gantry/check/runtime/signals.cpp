// SPDX-License-Identifier: MIT
#include <gantry/check/runtime/detail/session.hpp>
#include <gantry/check/runtime/detail/signals.hpp>

#include <sys/time.h>

#include <pthread.h>
#include <ucontext.h>

#include <array>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

namespace gantry::check::runtime {

namespace {

constexpr std::array<int, 5> caught{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGVTALRM};

// A fiber's stack may be what is exhausted. Reading debug information takes more than 150 KB.
alignas(16) std::array<char, 1024 * 1024> handler_stack;

std::array<struct sigaction, caught.size()> before; // what was done about them
pthread_t with_stack = 0;                           // the thread that has the handler's stack
double watched_seconds = 0;

std::uintptr_t where(const void* context) noexcept {
    [[maybe_unused]] const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    return static_cast<std::uintptr_t>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return machine.pc;
#else
    return 0;
#endif
}

// The watch's last look: how many events there had been.
std::uint64_t events_seen = 0;
bool warned = false; // nothing had happened since the look before

// Whether to go on with the handler: a thread of the program runs, and has for two looks.
bool is_stuck() noexcept {
    const bool still = active != nullptr && active->events_done() == events_seen;
    events_seen = active != nullptr ? active->events_done() : 0;
    if (!still || !std::exchange(warned, true)) {
        warned = still;
        return false;
    }
    if (running == nullptr) {
        active->stop_soon(); // within a hook, which must come to its end
    }
    return running != nullptr;
}

void handle(int number, siginfo_t* info, void* context) {
    if (number == SIGVTALRM && !is_stuck()) {
        return;
    }
    const auto address = reinterpret_cast<std::uint64_t>(info->si_addr);
    // A stack may also end within a hook, where no thread counts as running.
    modelled_thread* const full = active != nullptr && number == SIGSEGV ? active->overflowed(address) : nullptr;
    // So may the object of an atomic access, which the runtime makes itself.
    const session::looking looks = active != nullptr ? active->looks() : session::looking{};
    if (running == nullptr && full == nullptr && looks.thread == nullptr) {
        // Not the modelled program's: happens again, with what was done about it before.
        for (std::size_t i = 0; i < caught.size(); ++i) {
            sigaction(caught[i], &before[i], nullptr);
        }
        return;
    }
    // This handler is left by switching to another stack, never by returning.
    sigset_t these;
    sigemptyset(&these);
    sigaddset(&these, number);
    pthread_sigmask(SIG_UNBLOCK, &these, nullptr);
    const thread_id id = full != nullptr ? full->id : looks.thread != nullptr ? looks.thread->id : running->id;
    running = nullptr;
    if (number == SIGVTALRM) {
        active->fail_stuck(id, reinterpret_cast<const void*>(where(context) + 1));
    }
    std::array<char, 128> text{};
    if (full != nullptr) {
        std::snprintf(text.data(), text.size(), "thread %u has used up its stack", id);
    } else if (number == SIGSEGV || number == SIGBUS) {
        std::snprintf(text.data(), text.size(), "thread %u accesses 0x%llx, where there is no memory", id,
                      static_cast<unsigned long long>(address));
    } else {
        std::snprintf(text.data(), text.size(), "thread %u: signal %d", id, number);
    }
    active->fail(fault::crash, text.data(),
                 looks.thread != nullptr ? looks.site : reinterpret_cast<const void*>(where(context) + 1));
}

} // namespace

void watch_for_stuck_threads(double seconds) noexcept {
    const double each = seconds / 2;
    itimerval timer{};
    timer.it_interval.tv_sec = static_cast<time_t>(each);
    timer.it_interval.tv_usec = static_cast<suseconds_t>((each - std::floor(each)) * 1e6);
    timer.it_value = timer.it_interval;
    setitimer(ITIMER_VIRTUAL, &timer, nullptr);
    warned = false;
    watched_seconds = seconds;
}

void catch_signals(double stuck_seconds) noexcept {
    struct sigaction now{};
    sigaction(SIGSEGV, nullptr, &now);
    if (now.sa_sigaction != handle) {
        struct sigaction action{};
        action.sa_sigaction = handle;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        for (std::size_t i = 0; i < caught.size(); ++i) {
            sigaction(caught[i], &action, &before[i]);
        }
    }
    if (const pthread_t self = pthread_self(); self != with_stack) {
        stack_t stack{};
        stack.ss_sp = handler_stack.data();
        stack.ss_size = handler_stack.size();
        sigaltstack(&stack, nullptr);
        with_stack = self;
    }
    if (stuck_seconds != watched_seconds) {
        watch_for_stuck_threads(stuck_seconds);
    }
}

} // namespace gantry::check::runtime
