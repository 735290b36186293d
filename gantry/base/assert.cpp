// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace gantry {
namespace {

constinit std::atomic<assert_handler> installed{nullptr};

} // namespace

assert_handler set_assert_handler(assert_handler handler) noexcept {
    return installed.exchange(handler, std::memory_order_acq_rel); // order: install.rw
}

void assertion_failed(const char* expression, std::source_location where) {
    if (const assert_handler handler = installed.load(std::memory_order_acquire)) { // order: install.r
        handler({expression, where});
    } else {
        std::fprintf(stderr, "gantry: assertion failed: %s (%s:%u, %s)\n", expression, where.file_name(),
                     static_cast<unsigned>(where.line()), where.function_name());
    }
    std::abort();
}

} // namespace gantry
