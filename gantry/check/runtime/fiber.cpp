// SPDX-License-Identifier: MIT
#include <gantry/check/runtime/detail/fiber.hpp>
#include <gantry/check/runtime/detail/host.hpp>

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cxxabi.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <span>
#include <string_view>

#if defined(__x86_64__)
#include <asm/prctl.h>
#endif

// gantry_check_switch(save, target): saves the callee-saved registers and the stack pointer, and goes on elsewhere.
#if defined(GANTRY_FIBERS_UCONTEXT)
// ucontext does the like, and a system call for the signal mask.
#elif defined(__x86_64__)
asm(R"(
    .text
    .p2align 4
    .hidden gantry_check_switch
    .globl gantry_check_switch
    .type gantry_check_switch, @function
gantry_check_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size gantry_check_switch, .-gantry_check_switch

    .p2align 4
    .hidden gantry_check_start
    .globl gantry_check_start
    .type gantry_check_start, @function
gantry_check_start:
    movq %r12, %rdi
    pushq $0
    jmpq *%r13
    .size gantry_check_start, .-gantry_check_start
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .p2align 4
    .hidden gantry_check_switch
    .globl gantry_check_switch
    .type gantry_check_switch, %function
gantry_check_switch:
    stp x29, x30, [sp, #-160]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #160
    ret
    .size gantry_check_switch, .-gantry_check_switch

    .p2align 4
    .hidden gantry_check_start
    .globl gantry_check_start
    .type gantry_check_start, %function
gantry_check_start:
    mov x0, x19
    mov x29, #0
    mov x30, #0
    br x20
    .size gantry_check_start, .-gantry_check_start
)");
#endif

#if !defined(GANTRY_FIBERS_UCONTEXT)
extern "C" void gantry_check_switch(void** save, void* target);
extern "C" void gantry_check_start();
#endif

namespace gantry::check::runtime {

namespace {

constexpr std::size_t stack_bytes =
    1024 * 1024; // a report is written on it, and reading debug information takes 150 KB
#if defined(__x86_64__)
constexpr std::uintptr_t stacks_base = 0x6000'0000'0000;
#else
constexpr std::uintptr_t stacks_base = 0x60'0000'0000; // some kernels give a process 39 bits
#endif
// A donor's own stack lies at a fixed place too: the C library keeps the thread's descriptor and its thread_locals at
// the upper end, so that pthread_self() and the addresses of thread_locals are the same in each process. Being ours,
// the C library leaves it alone in a child of fork(). No donor is alive there, and none has to be: it only slept, and
// all that a fiber needs of it is that memory.
constexpr std::uintptr_t donors_base = stacks_base + 0x1'0000'0000;
constexpr std::size_t donor_stride = std::size_t{64} << 20U;
constexpr std::size_t donor_bytes = std::size_t{512} << 10U; // and the executable's thread_locals

struct donor_message {
    std::uintptr_t thread_pointer;
    pthread_t handle;
    char* tls;
};

#if defined(__x86_64__)
const bool has_fsgsbase = (getauxval(AT_HWCAP2) & 2U) != 0;

std::uintptr_t read_thread_pointer() noexcept {
    std::uintptr_t p = 0;
    asm volatile("movq %%fs:0, %0" : "=r"(p));
    return p;
}

void write_thread_pointer(std::uintptr_t p) noexcept {
    if (has_fsgsbase) {
        asm volatile("wrfsbase %0" : : "r"(p) : "memory");
    } else {
        // By hand: syscall() would set errno through the pointer that is being changed.
        std::uint64_t result = SYS_arch_prctl;
        asm volatile("syscall" : "+a"(result) : "D"(ARCH_SET_FS), "S"(p) : "rcx", "r11", "memory");
    }
}
#elif defined(__aarch64__)
std::uintptr_t read_thread_pointer() noexcept {
    std::uintptr_t p = 0;
    asm volatile("mrs %0, tpidr_el0" : "=r"(p));
    return p;
}

void write_thread_pointer(std::uintptr_t p) noexcept {
    asm volatile("msr tpidr_el0, %0" : : "r"(p) : "memory");
}
#else
// No way is known to give a fiber a thread pointer of its own: all share one set of thread_locals.
std::uintptr_t read_thread_pointer() noexcept {
    return 1;
}

void write_thread_pointer(std::uintptr_t) noexcept {}
#endif

#if defined(GANTRY_FIBERS_UCONTEXT)
// What a fiber enters is handed over in halves: makecontext() knows nothing larger than int.
void start(unsigned entry_high, unsigned entry_low, unsigned argument_high, unsigned argument_low) {
    const auto join = [](unsigned high, unsigned low) {
        return (std::uintptr_t{high} << 32U) | low;
    };
    reinterpret_cast<void (*)(void*)>(join(entry_high, entry_low))(
        reinterpret_cast<void*>(join(argument_high, argument_low)));
}
#endif

// The first object that dl_iterate_phdr names is the executable.
int find_tls(dl_phdr_info* info, std::size_t, void* data) {
    auto& image = *static_cast<tls_image*>(data);
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type == PT_TLS) {
            image.start = reinterpret_cast<const char*>(info->dlpi_addr + header.p_vaddr);
            image.file_size = header.p_filesz;
            image.memory_size = header.p_memsz;
        }
    }
    return 1;
}

int find_own_tls(dl_phdr_info* info, std::size_t, void* data) {
    *static_cast<char**>(data) = static_cast<char*>(info->dlpi_tls_data);
    return 1;
}

void* donate(void* argument) {
    const int* const pipes = static_cast<const int*>(argument);
    donor_message message{read_thread_pointer(), pthread_self(), nullptr};
    dl_iterate_phdr(find_own_tls, &message.tls);
    // The allocator's per-thread cache is made now, so that it is not made, and lost, in some execution.
    host_free(host_malloc(64));
    if (write(pipes[1], &message, sizeof message) != sizeof message) {
        return nullptr;
    }
    for (;;) {
        pause();
    }
}

// Whether an object other than the libraries whose state is known (library_state) has thread_locals.
int find_foreign_tls(dl_phdr_info* info, std::size_t, void* data) {
    const char* const slash = std::strrchr(info->dlpi_name, '/');
    const std::string_view name = slash != nullptr ? slash + 1 : info->dlpi_name;
    // libdw and libelf, which only the runtime calls, keep an error number.
    constexpr std::string_view known[]{"libc.so", "libstdc++.so", "ld-linux", "libdw.so", "libelf.so"};
    if (std::ranges::any_of(known, [&](std::string_view each) { return name.starts_with(each); })) {
        return 0;
    }
    const std::span headers(info->dlpi_phdr, info->dlpi_phnum);
    const bool has = std::ranges::any_of(headers, [](const auto& h) { return h.p_type == PT_TLS; });
    *static_cast<bool*>(data) = *static_cast<bool*>(data) || has;
    return 0;
}

// Where this thread's libraries keep what library_state holds.
struct library_places {
    void** caught_exceptions = nullptr;
    unsigned* uncaught_exceptions = nullptr;
    void** once_callable = nullptr;
    void (**once_call)() = nullptr;
    int* error = nullptr;
};

library_places places;
bool one_thread_pointer = false; // all fibers run on the host's

// The C++ ABI: a pointer to the exceptions that were caught, and how many are in flight.
struct exception_globals {
    void* caught;
    unsigned uncaught;
};

void exchange_library_state(library_state& out, const library_state& in) noexcept {
    out = {*places.caught_exceptions, *places.once_callable, *places.once_call, *places.uncaught_exceptions,
           *places.error};
    *places.caught_exceptions = in.caught_exceptions;
    *places.once_callable = in.once_callable;
    *places.once_call = in.once_call;
    *places.uncaught_exceptions = in.uncaught_exceptions;
    *places.error = in.error;
}

void go_on(fiber& from, fiber& to) noexcept {
#if defined(GANTRY_FIBERS_UCONTEXT)
    swapcontext(&from.context, &to.context);
#else
    gantry_check_switch(&from.stack_pointer, to.stack_pointer);
#endif
}

fiber fibers[threads_max];

void* reserve(std::uintptr_t where, std::size_t bytes) noexcept {
    void* const memory = mmap(reinterpret_cast<void*>(where), bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (memory != reinterpret_cast<void*>(where)) {
        host_fatal("cannot reserve a stack");
    }
    return memory;
}

std::size_t donor_size() noexcept {
    constexpr std::size_t page = 65536; // the largest that Linux has on these machines
    return (donor_bytes + executable_tls().memory_size + page - 1) & ~(page - 1);
}

// Parks a thread on the donor's stack and learns what it is known by.
donor_message start_donor(void* stack) noexcept {
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        host_fatal("cannot make a pipe");
    }
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, donor_size());
    pthread_t handle{};
    const int failed = host_pthread_create(&handle, &attributes, donate, pipes);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    donor_message message{};
    if (failed != 0 || read(pipes[0], &message, sizeof message) != sizeof message) {
        host_fatal("cannot start a thread");
    }
    close(pipes[0]);
    close(pipes[1]);
    return message;
}

} // namespace

bool thread_locals_apart() noexcept {
#if defined(__x86_64__) || defined(__aarch64__)
    return true;
#else
    return false;
#endif
}

const tls_image& executable_tls() noexcept {
    static const tls_image image = [] {
        tls_image found;
        dl_iterate_phdr(find_tls, &found);
        return found;
    }();
    return image;
}

fiber& fiber_at(std::size_t n) {
    fiber& f = fibers[n];
    if (f.handle != 0) {
        return f;
    }
    void* const memory = reserve(stacks_base + n * (stack_bytes + guard_bytes), stack_bytes + guard_bytes);
    mprotect(memory, guard_bytes, PROT_NONE);
    f.stack_low = static_cast<char*>(memory) + guard_bytes;
    f.stack_size = stack_bytes;
    const donor_message message = start_donor(reserve(donors_base + n * donor_stride, donor_size()));
    f.thread_pointer = message.thread_pointer;
    f.handle = message.handle;
    f.tls = message.tls;
    return f;
}

void fiber_reset(fiber& f, void (*entry)(void*), void* argument) noexcept {
#if defined(GANTRY_FIBERS_UCONTEXT)
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack_low;
    f.context.uc_stack.ss_size = f.stack_size;
    f.context.uc_link = nullptr;
    const auto at = reinterpret_cast<std::uintptr_t>(entry);
    const auto with = reinterpret_cast<std::uintptr_t>(argument);
    makecontext(&f.context, reinterpret_cast<void (*)()>(start), 4, static_cast<unsigned>(at >> 32U),
                static_cast<unsigned>(at), static_cast<unsigned>(with >> 32U), static_cast<unsigned>(with));
#else
    auto* top = reinterpret_cast<void**>(f.stack_low + f.stack_size);
#if defined(__x86_64__)
    // gantry_check_start is entered by `ret`, pushes a zero return address, and so enters `entry` with rsp = 8 mod 16.
    *--top = nullptr;
    *--top = nullptr;
    *--top = reinterpret_cast<void*>(gantry_check_start);
    *--top = nullptr;                        // rbp
    *--top = nullptr;                        // rbx
    *--top = argument;                       // r12
    *--top = reinterpret_cast<void*>(entry); // r13
    *--top = nullptr;                        // r14
    *--top = nullptr;                        // r15
#elif defined(__aarch64__)
    top -= 20;
    std::memset(top, 0, 160);
    top[1] = reinterpret_cast<void*>(gantry_check_start);
    top[2] = argument;
    top[3] = reinterpret_cast<void*>(entry);
#endif
    f.stack_pointer = top;
#endif
    f.libraries = {};
    if (f.tls != nullptr) {
        const tls_image& image = executable_tls();
        std::memcpy(f.tls, image.start, image.file_size);
        std::memset(f.tls + image.file_size, 0, image.memory_size - image.file_size);
    }
}

void fiber_adopt(fiber& host) noexcept {
    static std::uintptr_t adopted = 0;
    host.thread_pointer = read_thread_pointer();
    if (host.thread_pointer == adopted) {
        return;
    }
    adopted = host.thread_pointer;
    bool foreign = false;
    dl_iterate_phdr(find_foreign_tls, &foreign);
    one_thread_pointer = !foreign || !thread_locals_apart();
    auto* const exceptions = reinterpret_cast<exception_globals*>(abi::__cxa_get_globals());
    places = {&exceptions->caught, &exceptions->uncaught, &std::__once_callable, &std::__once_call, &errno};
}

void fiber_switch(fiber& from, fiber& to) noexcept {
    if (!one_thread_pointer) {
        fiber_switch_whole(from, to);
        return;
    }
    exchange_library_state(from.libraries, to.libraries);
    go_on(from, to);
}

bool fiber_owns(std::uint64_t address) noexcept {
    return one_thread_pointer && address == reinterpret_cast<std::uint64_t>(places.error);
}

void fiber_switch_whole(fiber& from, fiber& to) noexcept {
    write_thread_pointer(to.thread_pointer);
    go_on(from, to);
}

} // namespace gantry::check::runtime
