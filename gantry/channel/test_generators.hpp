// SPDX-License-Identifier: MIT
#pragma once
//
// For the tests of channels: smallcheck and RapidCheck make every reason, and so every result of a push or a pop.

#include <gantry/channel/result.hpp>
#include <gantry/check/property/rapidcheck.hpp>

#include <array>

template<>
struct gantry::check::smallcheck::enumerators<gantry::channel::errc> {
    static constexpr std::array values{gantry::channel::errc::empty, gantry::channel::errc::full,
                                       gantry::channel::errc::closed, gantry::channel::errc::timeout};
};
