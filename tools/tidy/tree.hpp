// SPDX-License-Identifier: MIT
#pragma once
//
// tree: all files of a repository in memory. Rules see nothing else, so that a test is a tree made of strings.

#include <tools/tidy/source.hpp>

#include <deque>
#include <expected>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace tidy {

class tree {
public:
    /** Reads what git tracks or would track; outside a checkout, every file but those in build/ and hidden folders.
     *  The error is one line for the user. */
    [[nodiscard]] static std::expected<tree, std::string> read(const std::filesystem::path& root);

    /** Adds a file that is not there yet. */
    void add(std::string path, std::string text);

    [[nodiscard]] const std::deque<source>& files() const { return files_; }
    [[nodiscard]] const source* find(std::string_view path) const;
    [[nodiscard]] bool has_folder(std::string_view path) const;
    /** All folders that hold something, parents before children. */
    [[nodiscard]] const std::set<std::string, std::less<>>& folders() const { return folders_; }

private:
    std::deque<source> files_;
    std::map<std::string_view, const source*> by_path_;
    std::set<std::string, std::less<>> folders_;
};

} // namespace tidy
