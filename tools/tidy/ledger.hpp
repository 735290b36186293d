// SPDX-License-Identifier: MIT
#pragma once
//
// The ordering ledger as other tools need it: the statements with an order, and what their comments say of it.

#include <tools/tidy/tree.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace tidy {

struct ordered_statement {
    std::size_t first = 0; // lines
    std::size_t last = 0;
    std::string label; // "publish.w, take.r"
    bool unproven = false;
};

/** Every statement of the file that spells an order other than relaxed, from top to bottom; of fences for signals only
    seq_cst counts.
 */
[[nodiscard]] std::vector<ordered_statement> ordered_statements(const tree& all, const source& file);

} // namespace tidy
