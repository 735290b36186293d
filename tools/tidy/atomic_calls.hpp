// SPDX-License-Identifier: MIT
#pragma once
//
// Finds atomic operations in tokens: the common ground of the rules `atomics` and `ledger`.
//
// A call counts as atomic when an order is spelled in it, when its receiver was declared atomic in the file or in a
// header that the file includes, or when its name belongs to atomics alone (compare_exchange_weak, fetch_or, ...).

#include <tools/tidy/tree.hpp>

#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace tidy {

enum class order {
    relaxed,
    consume,
    acquire,
    release,
    acq_rel,
    seq_cst,
    passed_in, // a parameter: its value is not known here
};

struct atomic_call {
    std::string_view name;     // load, compare_exchange_weak, atomic_thread_fence ...
    std::string_view receiver; // empty when it has none
    std::size_t line = 0;
    std::size_t token = 0; // index of the name
    std::size_t arguments = 0;
    std::vector<order> orders;
    bool fence = false;
};

/** How a name was declared: the thing itself, a pointer to it, or a container of such things. */
enum class shape { itself, pointer, container };

struct atomic_name {
    shape kind = shape::itself;
    bool flag = false;           // std::atomic_flag
    std::size_t declared_at = 0; // token index
};

using atomic_names = std::map<std::string_view, atomic_name>;

/** Names that the file itself declares as atomics. */
[[nodiscard]] atomic_names declared_atomics(const source& file);

/** The same for the file and the headers of this repository that it includes directly. */
[[nodiscard]] atomic_names visible_atomics(const tree& all, const source& file);

[[nodiscard]] std::vector<atomic_call> find_atomic_calls(const source& file, const atomic_names& names);

/** Index of the bracket that closes the one at `open` ("(", "[" or "{"); tokens.size() when there is none. */
[[nodiscard]] std::size_t closing_bracket(std::span<const token> tokens, std::size_t open);

} // namespace tidy
