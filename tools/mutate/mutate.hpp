// SPDX-License-Identifier: MIT
#pragma once
//
// Joins what models say about weakened orders with the ordering ledger: every order is needed by a model, or says
// UNPROVEN.

#include <tools/tidy/tree.hpp>

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace mutate {

// One order of one line, one step weaker, in one model.
struct weakening {
    std::string file; // without its folders
    std::size_t line = 0;
    std::string step; // "release -> relaxed"
    std::string model;
    bool noticed = false;
};

/** Reads what `model_x --weaken --json` prints. The error names the line that is not understood. */
[[nodiscard]] std::expected<std::vector<weakening>, std::string> read_weakenings(std::string_view lines);

enum class verdict { proven, unproven, survives, proven_though_marked, unreached };

struct row {
    std::string path;
    std::size_t line = 0;
    std::string label;
    verdict is = verdict::unreached;
    std::string detail; // the steps that nobody notices, or the models that notice
};

/** One row for each statement with an order in the library files of the module: of its folder, and not of those below
    it, which have models of their own. */
[[nodiscard]] std::vector<row> judge(const tidy::tree& all, std::string_view module,
                                     const std::vector<weakening>& weakenings);

[[nodiscard]] bool is_wrong(verdict v) noexcept;
[[nodiscard]] std::string_view name_of(verdict v) noexcept;

} // namespace mutate
