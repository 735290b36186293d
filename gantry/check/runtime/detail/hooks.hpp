// SPDX-License-Identifier: MIT
#pragma once
//
// hooks: what every function that stands in for one of the C library's begins with.
//
// Use it when the runtime takes over another function; model.map must name it, too.
// Do not use it when the compiler is the caller -> hooks_tsan.cpp.
//
// Threads: one thread. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: n/a. Origin: n/a.

#include <gantry/check/runtime/detail/host.hpp>
#include <gantry/check/runtime/detail/session.hpp>

namespace gantry::check::runtime {

// Whether the call came from the unwinder. What that locks and makes once is its own: it lasts for the life of the
// process and orders nothing in the program.
[[nodiscard]] bool from_unwinder(const void* site) noexcept;

template<class F>
F next(const char* name) noexcept {
    return reinterpret_cast<F>(host_symbol(name));
}

} // namespace gantry::check::runtime

// Where the call comes from.
#define GANTRY_SITE __builtin_return_address(0)

// Outside of a model, and for the unwinder: the C library's function of the same name. Inside: `self` is the thread,
// `site` the call.
#define GANTRY_HOST(function, ...)                                                                                     \
    const void* const site = GANTRY_SITE;                                                                              \
    if (::gantry::check::runtime::running == nullptr || ::gantry::check::runtime::from_unwinder(site)) {               \
        const ::gantry::check::runtime::entry not_the_program;                                                         \
        static const auto host = ::gantry::check::runtime::next<decltype(&function)>(#function);                       \
        return host(__VA_ARGS__);                                                                                      \
    }                                                                                                                  \
    ::gantry::check::runtime::entry in;                                                                                \
    ::gantry::check::runtime::modelled_thread& self = in.thread();                                                     \
    static_cast<void>(site);                                                                                           \
    static_cast<void>(self)
