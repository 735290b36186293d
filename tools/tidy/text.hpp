// SPDX-License-Identifier: MIT
#pragma once
//
// Small text and path helpers that several rules share. Paths are always relative to the root and use '/'.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

/** The lines of a text without their newlines; a final newline does not make an empty last line. */
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);

[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string_view trim_right(std::string_view text);

[[nodiscard]] bool is_word_char(char c);

/** Position of `word` in `text` where no letter, digit or underscore touches it; npos when there is none. */
[[nodiscard]] std::size_t find_word(std::string_view text, std::string_view word, std::size_t from = 0);

[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text);

/** True when the first or last part of a path, or any folder on it, is `name`. */
[[nodiscard]] bool has_part(std::string_view path, std::string_view name);

[[nodiscard]] std::string_view folder_of(std::string_view path);
[[nodiscard]] std::string_view name_of(std::string_view path);
[[nodiscard]] std::string_view stem_of(std::string_view path);
[[nodiscard]] std::string_view extension_of(std::string_view path);

/** `relative` as seen from `folder`, with "." and ".." resolved; nothing when it leaves the root. */
[[nodiscard]] std::optional<std::string> join_path(std::string_view folder, std::string_view relative);

/** Shell pattern with '*' (which stops at no '/') and '?'. */
[[nodiscard]] bool matches_pattern(std::string_view text, std::string_view pattern);

/** The lines without indentation and without blank lines, each between newlines: made for substring search. */
[[nodiscard]] std::string normalised_code(std::span<const std::string_view> lines);

} // namespace tidy
