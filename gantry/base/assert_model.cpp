// SPDX-License-Identifier: MIT
// Whoever meets a handler, by a failed assertion or by replacing it, sees what its installer wrote before. Explored to
// the end: one installer, one assertion, one replacement.
#include <gantry/base/assert.hpp>
#include <gantry/check/model.hpp>

#include <source_location>
#include <thread>

namespace {

int carried = 0;

void handle_alone(const gantry::assertion& failed) {
    throw failed.where.line();
}

void handle_with_data(const gantry::assertion& failed) {
    GANTRY_CHECK(carried == 1);
    throw failed.where.line();
}

GANTRY_MODEL(assert_handler_carries_its_data) {
    gantry::set_assert_handler(handle_alone);
    std::thread installer([] {
        carried = 1;
        gantry::set_assert_handler(handle_with_data);
    });
    try {
        gantry::assertion_failed("never", std::source_location::current());
    } catch (std::uint_least32_t) {
        if (gantry::set_assert_handler(handle_alone) == handle_with_data) {
            GANTRY_CHECK(carried == 1);
        }
    }
    installer.join();
}

} // namespace
