// SPDX-License-Identifier: MIT
// malloc and operator new: the modelled program's memory comes from the session's heap, everybody else's from the C
// library. The C library's own callers keep its memory: what they hold outlives an execution. What the program takes
// before the first model runs comes from the startup heap.
#include <gantry/check/runtime/detail/host.hpp>
#include <gantry/check/runtime/detail/session.hpp>
#include <gantry/check/runtime/detail/startup_heap.hpp>

#include <link.h>

#include <cerrno>
#include <cstring>
#include <new>

namespace gantry::check::runtime {
namespace {

struct range {
    std::uintptr_t low = 0;
    std::uintptr_t high = 0;
};

int find_libc(dl_phdr_info* info, std::size_t, void* data) {
    auto& found = *static_cast<range*>(data);
    if (std::strstr(info->dlpi_name, "libc.so") == nullptr) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) {
            found.low = info->dlpi_addr + header.p_vaddr;
            found.high = found.low + header.p_memsz;
        }
    }
    return 1;
}

// Whether the call came from inside the C library (stdio, locale, atexit lists).
bool from_libc(const void* site) noexcept {
    static const range libc = [] {
        range found;
        dl_iterate_phdr(find_libc, &found);
        return found;
    }();
    const auto p = reinterpret_cast<std::uintptr_t>(site);
    return p >= libc.low && p < libc.high;
}

bool modelled(const void* site) noexcept {
    if (running == nullptr) {
        return false;
    }
    entry in;
    return !from_libc(site);
}

// The modelled program itself: the executable, which is the first object of the list.
int find_program(dl_phdr_info* info, std::size_t, void* data) {
    auto& found = *static_cast<range*>(data);
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) {
            found.low = info->dlpi_addr + header.p_vaddr;
            found.high = found.low + header.p_memsz;
        }
    }
    return 1;
}

bool from_program(const void* site) noexcept {
    static const range program = [] {
        range found;
        dl_iterate_phdr(find_program, &found);
        return found;
    }();
    const auto p = reinterpret_cast<std::uintptr_t>(site);
    return p >= program.low && p < program.high;
}

// Memory for who is not modelled.
void* host_allocate(std::size_t bytes, std::size_t alignment, const void* site) noexcept {
    if (running == nullptr && from_program(site)) {
        if (void* const p = startup_heap::allocate(bytes, alignment)) {
            return p;
        }
    }
    return alignment <= 16 ? __libc_malloc(bytes) : __libc_memalign(alignment, bytes);
}

void* allocate(std::size_t bytes, std::size_t alignment, allocator how, const void* site) {
    entry in;
    void* const p = active->allocate(in.thread(), bytes, alignment, how, site);
    if (p == nullptr) {
        active->fail(fault::unsupported, "the modelled heap is used up", site);
    }
    return p;
}

const char* name_of(allocator how) noexcept {
    switch (how) {
    case allocator::c:
        return "malloc";
    case allocator::scalar_new:
        return "new";
    case allocator::array_new:
        return "new[]";
    }
    return "";
}

void release(void* p, allocator how, const void* site) {
    if (startup_heap::owns(p)) {
        if (running == nullptr) {
            startup_heap::release(p);
        }
        return; // in a model: the next execution finds it there again
    }
    if (!heap::owns(p)) {
        host_free(p);
        return;
    }
    if (running == nullptr) {
        return; // left over from an execution
    }
    entry in;
    modelled_thread& t = in.thread();
    t.arrivals.clear();
    heap::block* const b = active->memory().block_at(p);
    if (b == nullptr) {
        active->fail(fault::double_free, "something was freed that was never allocated", site);
    }
    if (b->freed) {
        active->fail(fault::double_free,
                     "double free, thread " + std::to_string(t.id) + "; the first was by thread " +
                         std::to_string(b->free_thread),
                     site);
    }
    if (b->how != how) {
        active->fail(fault::mismatched_free,
                     std::string("memory from ") + name_of(b->how) + " is released as if it came from " + name_of(how),
                     site);
    }
    // Freeing conflicts with every access, as a write of the whole block would.
    if (b->size > 0) {
        active->plain(t, heap::start_of(*b), b->size, true, site, true);
    }
    active->memory().release(*b, t.id, t.clock[t.id], site);
}

} // namespace
} // namespace gantry::check::runtime

namespace rt = gantry::check::runtime;
using rt::allocator;

#define GANTRY_SITE __builtin_return_address(0)

#pragma GCC visibility push(default)

extern "C" {

void* malloc(std::size_t bytes) {
    const void* const site = GANTRY_SITE;
    return rt::modelled(site) ? rt::allocate(bytes, 16, allocator::c, site) : rt::host_allocate(bytes, 16, site);
}

void* calloc(std::size_t count, std::size_t each) {
    const void* const site = GANTRY_SITE;
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, each, &bytes)) {
        errno = ENOMEM;
        return nullptr;
    }
    if (rt::modelled(site)) {
        return std::memset(rt::allocate(bytes, 16, allocator::c, site), 0, bytes);
    }
    if (rt::running == nullptr && rt::from_program(site)) {
        void* const p = rt::host_allocate(bytes, 16, site);
        return p == nullptr ? p : std::memset(p, 0, bytes);
    }
    return __libc_calloc(count, each);
}

void* realloc(void* p, std::size_t bytes) {
    const void* const site = GANTRY_SITE;
    if (rt::startup_heap::owns(p)) {
        const std::size_t old = rt::startup_heap::size_of(p);
        void* const fresh = malloc(bytes);
        if (fresh != nullptr) {
            std::memcpy(fresh, p, old < bytes ? old : bytes);
            free(p);
        }
        return fresh;
    }
    if (p == nullptr && !rt::modelled(site)) {
        return rt::host_allocate(bytes, 16, site);
    }
    if (p != nullptr && !rt::heap::owns(p)) {
        return __libc_realloc(p, bytes);
    }
    if (p == nullptr) {
        return rt::allocate(bytes, 16, allocator::c, site);
    }
    if (rt::running == nullptr) {
        return nullptr;
    }
    std::size_t old = 0;
    {
        rt::entry in;
        const auto* const b = rt::active->memory().block_at(p);
        old = b != nullptr ? b->size : 0;
    }
    void* const fresh = rt::allocate(bytes, 16, allocator::c, site);
    std::memcpy(fresh, p, old < bytes ? old : bytes);
    rt::release(p, allocator::c, site);
    return fresh;
}

void free(void* p) {
    if (p != nullptr) {
        rt::release(p, allocator::c, GANTRY_SITE);
    }
}

void* memalign(std::size_t alignment, std::size_t bytes) {
    const void* const site = GANTRY_SITE;
    return rt::modelled(site) ? rt::allocate(bytes, alignment, allocator::c, site)
                              : rt::host_allocate(bytes, alignment, site);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
    const void* const site = GANTRY_SITE;
    return rt::modelled(site) ? rt::allocate(bytes, alignment, allocator::c, site)
                              : rt::host_allocate(bytes, alignment, site);
}

int posix_memalign(void** p, std::size_t alignment, std::size_t bytes) {
    const void* const site = GANTRY_SITE;
    *p = rt::modelled(site) ? rt::allocate(bytes, alignment, allocator::c, site)
                            : rt::host_allocate(bytes, alignment, site);
    return *p != nullptr ? 0 : ENOMEM;
}

} // extern "C"

#define GANTRY_NEW(bytes, alignment, how)                                                                              \
    const void* const site = GANTRY_SITE;                                                                              \
    void* const p =                                                                                                    \
        rt::modelled(site) ? rt::allocate(bytes, alignment, how, site) : rt::host_allocate(bytes, alignment, site)

#define GANTRY_DELETE(how)                                                                                             \
    if (p != nullptr) {                                                                                                \
        rt::release(p, how, GANTRY_SITE);                                                                              \
    }

namespace {

constexpr std::size_t plain_alignment = 16;

void* or_throw(void* p) {
    if (p == nullptr) {
        throw std::bad_alloc();
    }
    return p;
}

} // namespace

void* operator new(std::size_t n) {
    GANTRY_NEW(n, plain_alignment, allocator::scalar_new);
    return or_throw(p);
}

void* operator new[](std::size_t n) {
    GANTRY_NEW(n, plain_alignment, allocator::array_new);
    return or_throw(p);
}

void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
    GANTRY_NEW(n, plain_alignment, allocator::scalar_new);
    return p;
}

void* operator new[](std::size_t n, const std::nothrow_t&) noexcept {
    GANTRY_NEW(n, plain_alignment, allocator::array_new);
    return p;
}

void* operator new(std::size_t n, std::align_val_t a) {
    GANTRY_NEW(n, static_cast<std::size_t>(a), allocator::scalar_new);
    return or_throw(p);
}

void* operator new[](std::size_t n, std::align_val_t a) {
    GANTRY_NEW(n, static_cast<std::size_t>(a), allocator::array_new);
    return or_throw(p);
}

void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
    GANTRY_NEW(n, static_cast<std::size_t>(a), allocator::scalar_new);
    return p;
}

void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
    GANTRY_NEW(n, static_cast<std::size_t>(a), allocator::array_new);
    return p;
}

void operator delete(void* p) noexcept {
    GANTRY_DELETE(allocator::scalar_new)
}

void operator delete[](void* p) noexcept {
    GANTRY_DELETE(allocator::array_new)
}

void operator delete(void* p, std::size_t) noexcept {
    GANTRY_DELETE(allocator::scalar_new)
}

void operator delete[](void* p, std::size_t) noexcept {
    GANTRY_DELETE(allocator::array_new)
}

void operator delete(void* p, const std::nothrow_t&) noexcept {
    GANTRY_DELETE(allocator::scalar_new)
}

void operator delete[](void* p, const std::nothrow_t&) noexcept {
    GANTRY_DELETE(allocator::array_new)
}

void operator delete(void* p, std::align_val_t) noexcept {
    GANTRY_DELETE(allocator::scalar_new)
}

void operator delete[](void* p, std::align_val_t) noexcept {
    GANTRY_DELETE(allocator::array_new)
}

void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    GANTRY_DELETE(allocator::scalar_new)
}

void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
    GANTRY_DELETE(allocator::array_new)
}

#pragma GCC visibility pop
