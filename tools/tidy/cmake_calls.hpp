// SPDX-License-Identifier: MIT
#pragma once
//
// What the CMake files of the repository say, as far as text shows it: files listed, headers installed, targets made.

#include <tools/tidy/tree.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

struct cmake_word {
    std::string_view text;
    std::size_t line = 0;
    bool quoted = false;
};

struct cmake_call {
    std::string_view name;
    std::size_t line = 0;
    std::vector<cmake_word> arguments;
};

[[nodiscard]] std::vector<cmake_call> parse_cmake(std::string_view text);

/** A path that a CMake file names, patterns included. */
struct listed_file {
    std::string path; // from the root
    std::string_view from;
    std::size_t line = 0;
    bool header_set = false; // under HEADERS: installed with the package
};

/** All arguments of all calls that look like files. */
[[nodiscard]] std::vector<listed_file> listed_files(const tree& all);

/** Programs that land in bin/: programs, examples, and the bench_, test_, stress_ and fuzz_ binaries of modules. */
[[nodiscard]] std::set<std::string> program_names(const tree& all);

} // namespace tidy
