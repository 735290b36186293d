// SPDX-License-Identifier: MIT
// The entry points that a compiler calls under -fsanitize=thread: g++ 12's and clang 19's, which differ.
#include <gantry/check/runtime/detail/session.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__clang__)
// Outside of a model a 16-byte access is libatomic's: that is meant.
#pragma clang diagnostic ignored "-Watomic-alignment"
#endif

namespace gantry::check::runtime {
namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
__extension__ using u128 = unsigned __int128;

template<class T>
value pack(T x) noexcept {
    if constexpr (sizeof(T) == 16) {
        return {static_cast<u64>(x), static_cast<u64>(x >> 64U)};
    } else {
        return {static_cast<u64>(x), 0};
    }
}

template<class T>
T unpack(const value& v) noexcept {
    if constexpr (sizeof(T) == 16) {
        return static_cast<u128>(v.low) | (static_cast<u128>(v.high) << 64U);
    } else {
        return static_cast<T>(v.low);
    }
}

// The compilers hand over __ATOMIC_*; the upper bits carry hardware-lock hints.
order order_of(int o) noexcept {
    return static_cast<order>(o & 0x7FFF);
}

// Overwrites what the runtime left on the stack, so that a loop that changes nothing finds its stack as it was.
[[gnu::noinline]] void scrub() noexcept {
    char below[1024];
    std::memset(below, 0, sizeof below);
    asm volatile("" : : "r"(below) : "memory");
}

#if !defined(__x86_64__) && !defined(__aarch64__)
// An address below the caller's frame.
[[gnu::noinline]] void* lower_frame() noexcept {
    return __builtin_frame_address(0);
}
#endif

std::uint64_t number(const void* p) noexcept {
    return reinterpret_cast<std::uint64_t>(p);
}

template<class T>
operation asked(operation_kind kind, T operand, T expected, int success, int failure, const void* site) {
    operation op;
    op.kind = kind;
    op.size = sizeof(T);
    op.success = active->order_at(site, order_of(success));
    op.failure = active->order_at(site, order_of(failure));
    op.operand = pack(operand);
    op.expected = pack(expected);
    return op;
}

template<class T>
accessed perform(entry& in, operation_kind kind, const T* p, T operand, T expected, int success, int failure,
                 const void* site) {
    return active->access(in.thread(), asked<T>(kind, operand, expected, success, failure, site), number(p), 0, site);
}

inline void touch_plain(const void* p, std::size_t size, bool writes, const void* site) {
    if (running == nullptr || size == 0) {
        return;
    }
    entry in;
    active->plain(in.thread(), number(p), size, writes, site);
}

template<class T>
T load(const T* p, int o, const void* site) {
    if (running == nullptr) {
        return __atomic_load_n(p, __ATOMIC_SEQ_CST);
    }
    entry in;
    const operation op = asked<T>(operation_kind::load, 0, 0, o, 0, site);
    if (const auto same = active->repeats(in.thread(), op, number(p), site)) {
        return unpack<T>(*same);
    }
    active->arrive(in.thread(), site);
    const T seen = unpack<T>(active->access(in.thread(), op, number(p), 0, site).seen);
    scrub();
    return seen;
}

template<class T>
void store(T* p, T v, int o, const void* site) {
    if (running == nullptr) {
        __atomic_store_n(p, v, __ATOMIC_SEQ_CST);
        return;
    }
    entry in;
    perform<T>(in, operation_kind::store, p, v, 0, o, 0, site);
}

template<class T>
T modify(operation_kind kind, T* p, T v, int o, const void* site) {
    if (running == nullptr) {
        T seen = __atomic_load_n(p, __ATOMIC_SEQ_CST);
        operation op;
        op.kind = kind;
        op.size = sizeof(T);
        op.operand = pack(v);
        while (!__atomic_compare_exchange_n(p, &seen, unpack<T>(written(op, pack(seen))), false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST)) {
        }
        return seen;
    }
    entry in;
    return unpack<T>(perform<T>(in, kind, p, v, 0, o, 0, site).seen);
}

// g++ announces neither the reading nor the writing of `expected`.
template<class T>
int compare_exchange(T* p, T* expected, T v, int success, int failure, bool weak, const void* site) {
    if (running == nullptr) {
        return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ? 1 : 0;
    }
    entry in;
    modelled_thread& t = in.thread();
    active->arrive(t, site);
    active->plain(t, number(expected), sizeof(T), false, site);
    const T wanted = *expected;
    bool wrote = false;
    if (weak && t.weak_failures < active->options().weak_failures_max && active->choose(t, 2, site) == 1) {
        // Fails whatever it reads: as a load with the failure order.
        ++t.weak_failures;
        *expected = unpack<T>(perform<T>(in, operation_kind::load, p, 0, 0, failure, 0, site).seen);
    } else {
        const accessed result = perform<T>(in, operation_kind::cas, p, v, wanted, success, failure, site);
        wrote = result.wrote;
        if (!wrote) {
            active->plain(t, number(expected), sizeof(T), true, site);
            *expected = unpack<T>(result.seen);
        }
    }
    scrub();
    return wrote ? 1 : 0;
}

// clang's form; it does not say whether a spurious failure is allowed.
template<class T>
T compare_exchange_val(T* p, T expected, T v, int success, int failure, const void* site) {
    if (running == nullptr) {
        __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        return expected;
    }
    entry in;
    active->arrive(in.thread(), site);
    const T seen = unpack<T>(perform<T>(in, operation_kind::cas, p, v, expected, success, failure, site).seen);
    scrub();
    return seen;
}

} // namespace
} // namespace gantry::check::runtime

namespace rt = gantry::check::runtime;
using gantry::check::operation_kind;

#define GANTRY_SITE __builtin_return_address(0)

// Loads and compare-exchanges are what loops spin on: they note the registers that a loop keeps across the call.
#if defined(__x86_64__)
#define GANTRY_STUB(name)                                                                                              \
    asm(".text\n.p2align 4\n.globl __tsan_" name "\n.type __tsan_" name ", @function\n__tsan_" name ":\n"              \
        "movq %rbx, gantry_check_registers(%rip)\n"                                                                    \
        "movq %rbp, 8+gantry_check_registers(%rip)\n"                                                                  \
        "movq %r12, 16+gantry_check_registers(%rip)\n"                                                                 \
        "movq %r13, 24+gantry_check_registers(%rip)\n"                                                                 \
        "movq %r14, 32+gantry_check_registers(%rip)\n"                                                                 \
        "movq %r15, 40+gantry_check_registers(%rip)\n"                                                                 \
        "movq %rsp, 88+gantry_check_registers(%rip)\n"                                                                 \
        "jmp gantry_check_" name "\n.size __tsan_" name ", .-__tsan_" name "\n");
#elif defined(__aarch64__)
#define GANTRY_STUB(name)                                                                                              \
    asm(".text\n.p2align 4\n.globl __tsan_" name "\n.type __tsan_" name ", %function\n__tsan_" name ":\n"              \
        "adrp x16, gantry_check_registers\nadd x16, x16, :lo12:gantry_check_registers\n"                               \
        "stp x19, x20, [x16]\nstp x21, x22, [x16, #16]\nstp x23, x24, [x16, #32]\n"                                    \
        "stp x25, x26, [x16, #48]\nstp x27, x28, [x16, #64]\nmov x17, sp\nstp x29, x17, [x16, #80]\n"                  \
        "stp d8, d9, [x16, #96]\nstp d10, d11, [x16, #112]\nstp d12, d13, [x16, #128]\nstp d14, d15, [x16, #144]\n"    \
        "b gantry_check_" name "\n.size __tsan_" name ", .-__tsan_" name "\n");
#endif

#if defined(GANTRY_STUB)
#define GANTRY_HOOK(name) __attribute__((visibility("hidden"), used)) gantry_check_##name
#define GANTRY_NOTE()

#define GANTRY_STUBS(bits)                                                                                             \
    GANTRY_STUB("atomic" #bits "_load")                                                                                \
    GANTRY_STUB("atomic" #bits "_compare_exchange_strong")                                                             \
    GANTRY_STUB("atomic" #bits "_compare_exchange_weak")                                                               \
    GANTRY_STUB("atomic" #bits "_compare_exchange_val")

GANTRY_STUBS(8)
GANTRY_STUBS(16)
GANTRY_STUBS(32)
GANTRY_STUBS(64)
GANTRY_STUBS(128)
#else
// Elsewhere the compiler is made to put these registers into the hook's own frame, which is then compared with the rest
// of the stack.
#define GANTRY_HOOK(name) __tsan_##name
#define GANTRY_NOTE()                                                                                                  \
    __builtin_unwind_init();                                                                                           \
    gantry_check_registers[11] = reinterpret_cast<std::uint64_t>(rt::lower_frame())
#endif

#define GANTRY_ATOMIC(bits)                                                                                            \
    rt::u##bits GANTRY_HOOK(atomic##bits##_load)(const rt::u##bits* p, int o) {                                        \
        GANTRY_NOTE();                                                                                                 \
        return rt::load(p, o, GANTRY_SITE);                                                                            \
    }                                                                                                                  \
    void __tsan_atomic##bits##_store(rt::u##bits* p, rt::u##bits v, int o) {                                           \
        rt::store(p, v, o, GANTRY_SITE);                                                                               \
    }                                                                                                                  \
    rt::u##bits __tsan_atomic##bits##_exchange(rt::u##bits* p, rt::u##bits v, int o) {                                 \
        return rt::modify(operation_kind::exchange, p, v, o, GANTRY_SITE);                                             \
    }                                                                                                                  \
    rt::u##bits __tsan_atomic##bits##_fetch_add(rt::u##bits* p, rt::u##bits v, int o) {                                \
        return rt::modify(operation_kind::add, p, v, o, GANTRY_SITE);                                                  \
    }                                                                                                                  \
    rt::u##bits __tsan_atomic##bits##_fetch_sub(rt::u##bits* p, rt::u##bits v, int o) {                                \
        return rt::modify(operation_kind::sub, p, v, o, GANTRY_SITE);                                                  \
    }                                                                                                                  \
    rt::u##bits __tsan_atomic##bits##_fetch_and(rt::u##bits* p, rt::u##bits v, int o) {                                \
        return rt::modify(operation_kind::bit_and, p, v, o, GANTRY_SITE);                                              \
    }                                                                                                                  \
    rt::u##bits __tsan_atomic##bits##_fetch_or(rt::u##bits* p, rt::u##bits v, int o) {                                 \
        return rt::modify(operation_kind::bit_or, p, v, o, GANTRY_SITE);                                               \
    }                                                                                                                  \
    rt::u##bits __tsan_atomic##bits##_fetch_xor(rt::u##bits* p, rt::u##bits v, int o) {                                \
        return rt::modify(operation_kind::bit_xor, p, v, o, GANTRY_SITE);                                              \
    }                                                                                                                  \
    rt::u##bits __tsan_atomic##bits##_fetch_nand(rt::u##bits* p, rt::u##bits v, int o) {                               \
        return rt::modify(operation_kind::bit_nand, p, v, o, GANTRY_SITE);                                             \
    }                                                                                                                  \
    int GANTRY_HOOK(atomic##bits##_compare_exchange_strong)(rt::u##bits * p, rt::u##bits * c, rt::u##bits v, int o,    \
                                                            int f) {                                                   \
        GANTRY_NOTE();                                                                                                 \
        return rt::compare_exchange(p, c, v, o, f, false, GANTRY_SITE);                                                \
    }                                                                                                                  \
    int GANTRY_HOOK(atomic##bits##_compare_exchange_weak)(rt::u##bits * p, rt::u##bits * c, rt::u##bits v, int o,      \
                                                          int f) {                                                     \
        GANTRY_NOTE();                                                                                                 \
        return rt::compare_exchange(p, c, v, o, f, true, GANTRY_SITE);                                                 \
    }                                                                                                                  \
    rt::u##bits GANTRY_HOOK(atomic##bits##_compare_exchange_val)(rt::u##bits * p, rt::u##bits c, rt::u##bits v, int o, \
                                                                 int f) {                                              \
        GANTRY_NOTE();                                                                                                 \
        return rt::compare_exchange_val(p, c, v, o, f, GANTRY_SITE);                                                   \
    }

#define GANTRY_PLAIN(size)                                                                                             \
    void __tsan_read##size(void* p) {                                                                                  \
        rt::touch_plain(p, size, false, GANTRY_SITE);                                                                  \
    }                                                                                                                  \
    void __tsan_write##size(void* p) {                                                                                 \
        rt::touch_plain(p, size, true, GANTRY_SITE);                                                                   \
    }                                                                                                                  \
    void __tsan_unaligned_read##size(void* p) {                                                                        \
        rt::touch_plain(p, size, false, GANTRY_SITE);                                                                  \
    }                                                                                                                  \
    void __tsan_unaligned_write##size(void* p) {                                                                       \
        rt::touch_plain(p, size, true, GANTRY_SITE);                                                                   \
    }                                                                                                                  \
    void __tsan_volatile_read##size(void* p) {                                                                         \
        rt::touch_plain(p, size, false, GANTRY_SITE);                                                                  \
    }                                                                                                                  \
    void __tsan_volatile_write##size(void* p) {                                                                        \
        rt::touch_plain(p, size, true, GANTRY_SITE);                                                                   \
    }

#pragma GCC visibility push(default)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"

extern "C" {

void __tsan_init() {}

GANTRY_ATOMIC(8)
GANTRY_ATOMIC(16)
GANTRY_ATOMIC(32)
GANTRY_ATOMIC(64)
GANTRY_ATOMIC(128)

GANTRY_PLAIN(1)
GANTRY_PLAIN(2)
GANTRY_PLAIN(4)
GANTRY_PLAIN(8)
GANTRY_PLAIN(16)

void __tsan_atomic_thread_fence(int o) {
    if (rt::running == nullptr) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return;
    }
    const gantry::check::order wanted = rt::active->order_at(GANTRY_SITE, rt::order_of(o));
    if (wanted == gantry::check::order::relaxed) {
        return;
    }
    rt::entry in;
    rt::active->fence(in.thread(), wanted, GANTRY_SITE);
}

// The compiler's half of a fence; what is weaker than seq_cst lets the compiler put a load before a store.
void __tsan_atomic_signal_fence(int o) {
    if (rt::running == nullptr || rt::order_of(o) != gantry::check::order::seq_cst ||
        rt::active->order_at(GANTRY_SITE, gantry::check::order::light) != gantry::check::order::light) {
        return;
    }
    rt::entry in;
    rt::active->fence(in.thread(), gantry::check::order::light, GANTRY_SITE);
}

void __tsan_read_range(void* p, std::size_t size) {
    rt::touch_plain(p, size, false, GANTRY_SITE);
}

void __tsan_write_range(void* p, std::size_t size) {
    rt::touch_plain(p, size, true, GANTRY_SITE);
}

void __tsan_vptr_update(void** p, void* value) {
    if (*p != value) {
        rt::touch_plain(p, sizeof(void*), true, GANTRY_SITE);
    }
}

void __tsan_vptr_read(void** p) {
    rt::touch_plain(p, sizeof(void*), false, GANTRY_SITE);
}

void __tsan_func_entry(void* caller) {
    if (rt::running != nullptr) {
        // The function that has just been entered keeps a frame pointer, which this one has saved.
        const auto pointer = *static_cast<const std::uintptr_t*>(__builtin_frame_address(0));
        rt::running->calls.push({caller, GANTRY_SITE, pointer});
    }
}

void __tsan_func_exit() {
    if (rt::running != nullptr) {
        rt::running->calls.pop();
    }
}

void* gantry_check_memcpy(void* to, const void* from, std::size_t size, const void* site) {
    rt::touch_plain(from, size, false, site);
    rt::touch_plain(to, size, true, site);
    return std::memcpy(to, from, size);
}

void* gantry_check_memmove(void* to, const void* from, std::size_t size, const void* site) {
    rt::touch_plain(from, size, false, site);
    rt::touch_plain(to, size, true, site);
    return std::memmove(to, from, size);
}

void* gantry_check_memset(void* to, int byte, std::size_t size, const void* site) {
    rt::touch_plain(to, size, true, site);
    return std::memset(to, byte, size);
}

void* __tsan_memcpy(void* to, const void* from, std::size_t size) {
    return gantry_check_memcpy(to, from, size, GANTRY_SITE);
}

void* __tsan_memmove(void* to, const void* from, std::size_t size) {
    return gantry_check_memmove(to, from, size, GANTRY_SITE);
}

void* __tsan_memset(void* to, int byte, std::size_t size) {
    return gantry_check_memset(to, byte, size, GANTRY_SITE);
}

} // extern "C"

#pragma GCC diagnostic pop
#pragma GCC visibility pop
