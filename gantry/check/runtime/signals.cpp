// SPDX-License-Identifier: MIT
#include <gantry/check/runtime/detail/session.hpp>
#include <gantry/check/runtime/detail/signals.hpp>

#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <string>

namespace gantry::check::runtime {

namespace {

constexpr std::array<int, 4> caught{SIGSEGV, SIGBUS, SIGFPE, SIGILL};

// A fiber's stack may be what is exhausted.
alignas(16) std::array<char, 64 * 1024> handler_stack;

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

void handle(int number, siginfo_t* info, void* context) {
    const auto address = reinterpret_cast<std::uint64_t>(info->si_addr);
    // A stack may also end within a hook, where no thread counts as running.
    modelled_thread* const full = active != nullptr && number == SIGSEGV ? active->overflowed(address) : nullptr;
    if (running == nullptr && full == nullptr) {
        // Not the modelled program's: happens again, with what is done about it ordinarily.
        std::signal(number, SIG_DFL);
        return;
    }
    // This handler is left by switching to another stack, never by returning.
    sigset_t these;
    sigemptyset(&these);
    sigaddset(&these, number);
    pthread_sigmask(SIG_UNBLOCK, &these, nullptr);
    const thread_id id = full != nullptr ? full->id : running->id;
    running = nullptr;
    std::array<char, 128> text{};
    if (full != nullptr) {
        std::snprintf(text.data(), text.size(), "thread %u has used up its stack", id);
    } else if (number == SIGSEGV || number == SIGBUS) {
        std::snprintf(text.data(), text.size(), "thread %u accesses 0x%llx, where there is no memory", id,
                      static_cast<unsigned long long>(address));
    } else {
        std::snprintf(text.data(), text.size(), "thread %u: signal %d", id, number);
    }
    active->fail(fault::crash, text.data(), reinterpret_cast<const void*>(where(context) + 1));
}

} // namespace

signals_caught::signals_caught() {
    stack_t stack{};
    stack.ss_sp = handler_stack.data();
    stack.ss_size = handler_stack.size();
    sigaltstack(&stack, &stack_before_);
    struct sigaction action{};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (std::size_t i = 0; i < caught.size(); ++i) {
        sigaction(caught[i], &action, &before_[i]);
    }
}

signals_caught::~signals_caught() {
    for (std::size_t i = 0; i < caught.size(); ++i) {
        sigaction(caught[i], &before_[i], nullptr);
    }
    sigaltstack(&stack_before_, nullptr);
}

} // namespace gantry::check::runtime
