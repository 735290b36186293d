// SPDX-License-Identifier: MIT
#pragma once
//
// markdown_page: the links, headings and code blocks of one markdown file. Links in code are none.

#include <tools/tidy/source.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

struct markdown_link {
    std::string target; // as written, title and angle brackets removed
    std::size_t line = 0;
};

struct markdown_block {
    std::string_view language; // first word behind the fence; empty when there is none
    std::size_t line = 0;      // of the opening fence
    std::vector<std::string_view> lines;
    bool closed = false;
};

struct markdown_page {
    explicit markdown_page(const source& file);

    std::vector<markdown_link> links;
    std::vector<markdown_block> blocks;
    std::set<std::string, std::less<>> anchors; // of headings, as GitHub spells them, and of HTML id attributes
};

/** True for http:, https:, mailto: and their kind. */
[[nodiscard]] bool is_external(std::string_view target);

} // namespace tidy
