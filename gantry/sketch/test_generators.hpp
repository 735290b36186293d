// SPDX-License-Identifier: MIT
#pragma once
//
// For the tests of sketches: RapidCheck makes any options that are sound.

#include <gantry/check/property/rapidcheck.hpp>
#include <gantry/sketch/ckms.hpp>

#include <array>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

template<>
struct gantry::check::smallcheck::enumerators<gantry::sketch::ckms_mode> {
    static constexpr std::array values{gantry::sketch::ckms_mode::uniform, gantry::sketch::ckms_mode::low_biased,
                                       gantry::sketch::ckms_mode::high_biased, gantry::sketch::ckms_mode::targeted};
};

template<>
struct rc::Arbitrary<gantry::sketch::ckms_target> {
    static Gen<gantry::sketch::ckms_target> arbitrary() {
        return gen::map(gen::pair(gen::inRange(0, 1001), gen::inRange(1, 501)), [](const std::pair<int, int>& drawn) {
            return gantry::sketch::ckms_target{.quantile = drawn.first / 1000.0, .epsilon = drawn.second / 1000.0};
        });
    }
};

template<>
struct rc::Arbitrary<gantry::sketch::ckms_options> {
    static Gen<gantry::sketch::ckms_options> arbitrary() {
        using namespace gantry::sketch;
        const auto targets = gen::mapcat(gen::inRange<std::size_t>(1, 6), [](std::size_t size) {
            return gen::container<std::vector<ckms_target>>(size, gen::arbitrary<ckms_target>());
        });
        return gen::map(gen::tuple(gen::arbitrary<ckms_mode>(), gen::inRange(1, 501), targets,
                                   gen::element<std::size_t>(0, 0, 16, 100)),
                        [](std::tuple<ckms_mode, int, std::vector<ckms_target>, std::size_t> drawn) {
                            auto& [mode, thousandths, aims, tuples_max] = drawn;
                            const bool targeted = mode == ckms_mode::targeted;
                            return ckms_options{.mode = mode,
                                                .epsilon = thousandths / 1000.0,
                                                .targets = targeted ? std::move(aims) : std::vector<ckms_target>(),
                                                .tuples_max = tuples_max};
                        });
    }
};
