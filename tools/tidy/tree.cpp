// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <sys/wait.h>
#include <tools/tidy/text.hpp>
#include <tools/tidy/tree.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

namespace tidy {

namespace {

// What git says on standard output; nothing when git is missing or fails, which it does outside a checkout.
std::optional<std::string> git_output(std::vector<std::string> arguments) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) {
        return std::nullopt;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    arguments.insert(arguments.begin(), "git");
    std::vector<char*> raw;
    raw.reserve(arguments.size() + 1);
    for (auto& argument : arguments) {
        raw.push_back(argument.data());
    }
    raw.push_back(nullptr);
    pid_t child = 0;
    const int spawned = posix_spawnp(&child, "git", &actions, nullptr, raw.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    std::string output;
    std::array<char, 65536> buffer{};
    while (spawned == 0) {
        const ssize_t got = ::read(ends[0], buffer.data(), buffer.size());
        if (got > 0) {
            output.append(buffer.data(), static_cast<std::size_t>(got));
        } else if (got == 0 || errno != EINTR) {
            break;
        }
    }
    close(ends[0]);
    int status = 1;
    if (spawned != 0 || waitpid(child, &status, 0) != child || status != 0) {
        return std::nullopt;
    }
    return output;
}

std::vector<std::string> files_by_walk(const std::filesystem::path& root) {
    std::vector<std::string> paths;
    std::error_code failed;
    auto walk = std::filesystem::recursive_directory_iterator(root, failed);
    for (; !failed && walk != std::filesystem::recursive_directory_iterator(); walk.increment(failed)) {
        const auto name = walk->path().filename().string();
        std::error_code gone;
        if (walk->is_directory(gone)) {
            if (name.starts_with('.') || (name == "build" && walk.depth() == 0)) {
                walk.disable_recursion_pending();
            }
        } else {
            paths.push_back(walk->path().lexically_relative(root).generic_string());
        }
    }
    return paths;
}

} // namespace

std::expected<tree, std::string> tree::read(const std::filesystem::path& root) {
    std::error_code failed;
    if (!std::filesystem::is_directory(root, failed)) {
        return std::unexpected(fmt::format("{}: no such folder; --root expects the top of a checkout", root.string()));
    }
    std::vector<std::string> paths;
    if (const auto listed = git_output({"-C", root.string(), "ls-files", "-co", "--exclude-standard", "-z"})) {
        for (std::size_t at = 0; at < listed->size();) {
            const auto end = std::min(listed->find('\0', at), listed->size());
            paths.push_back(listed->substr(at, end - at));
            at = end + 1;
        }
    } else {
        paths = files_by_walk(root);
    }
    std::ranges::sort(paths);
    const auto repeated = std::ranges::unique(paths);
    paths.erase(repeated.begin(), repeated.end());

    tree all;
    for (auto& path : paths) {
        const auto full = root / path;
        // A file that was deleted but is still tracked is gone; a link's target is judged under its own name.
        if (std::filesystem::symlink_status(full, failed).type() != std::filesystem::file_type::regular) {
            continue;
        }
        std::ifstream in(full, std::ios::binary);
        if (!in) {
            return std::unexpected(fmt::format("{}: cannot read: {}", full.string(), std::strerror(errno)));
        }
        all.add(std::move(path), std::string(std::istreambuf_iterator<char>(in), {}));
    }
    return all;
}

void tree::add(std::string path, std::string text) {
    const auto& added = files_.emplace_back(std::move(path), std::move(text));
    by_path_.emplace(added.path(), &added);
    for (auto folder = folder_of(added.path()); !folder.empty(); folder = folder_of(folder)) {
        folders_.emplace(folder);
    }
}

const source* tree::find(std::string_view path) const {
    const auto found = by_path_.find(path);
    return found == by_path_.end() ? nullptr : found->second;
}

bool tree::has_folder(std::string_view path) const {
    return path.empty() || folders_.contains(path);
}

} // namespace tidy
