// SPDX-License-Identifier: MIT
#pragma once
//
// What the tests of the rules share: small trees made of strings, findings as "path:line" so that a test names the
// exact line that must be reported.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tools/tidy/rules.hpp>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace tidy {

struct named_text {
    std::string path;
    std::string text;
};

/** "path:line" of all findings of one rule, in order; the messages are printed when an expectation fails. */
[[nodiscard]] inline std::vector<std::string> places(std::string rule, std::initializer_list<named_text> files) {
    tree all;
    for (const auto& file : files) {
        all.add(file.path, file.text);
    }
    std::vector<std::string> found;
    for (const auto& each : run(all, std::vector{std::move(rule)})) {
        found.push_back(fmt::format("{}:{}", each.path, each.line));
    }
    return found;
}

/** The messages of all findings of one rule, in order. */
[[nodiscard]] inline std::vector<std::string> messages(std::string rule, std::initializer_list<named_text> files) {
    tree all;
    for (const auto& file : files) {
        all.add(file.path, file.text);
    }
    std::vector<std::string> found;
    for (const auto& each : run(all, std::vector{std::move(rule)})) {
        found.push_back(each.message);
    }
    return found;
}

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

} // namespace tidy
