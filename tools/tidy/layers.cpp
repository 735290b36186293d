// SPDX-License-Identifier: MIT
// Rule layers: includes point downwards, and say so in one spelling.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tools/tidy/rules.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <set>

namespace tidy {

namespace {

struct layer {
    std::string_view module;
    std::vector<std::string_view> below;
    bool plain; // public headers need only the standard library and lower gantry headers
};

const std::vector<layer>& layers() {
    static const std::vector<layer> table = {
        {"base", {}, true},
        {"sync", {"base"}, true},
        {"reclaim", {"base", "sync"}, true},
        {"container", {"base", "sync", "reclaim"}, true},
        {"channel", {"base", "sync", "reclaim", "container"}, true},
        {"exec", {"base", "sync", "reclaim", "container", "channel"}, true},
        {"sketch", {"base"}, true},
        {"simd", {"base"}, false},
        {"check", {"base"}, false},
    };
    return table;
}

const layer* layer_of(std::string_view module) {
    const auto found = std::ranges::find(layers(), module, &layer::module);
    return found == layers().end() ? nullptr : &*found;
}

// The C++ headers of g++ 12 and clang 19, and the C ones that C++ wraps.
const std::set<std::string_view>& standard_headers() {
    static const std::set<std::string_view> names = {"algorithm",
                                                     "any",
                                                     "array",
                                                     "atomic",
                                                     "barrier",
                                                     "bit",
                                                     "bitset",
                                                     "cassert",
                                                     "cctype",
                                                     "cerrno",
                                                     "cfenv",
                                                     "cfloat",
                                                     "charconv",
                                                     "chrono",
                                                     "cinttypes",
                                                     "climits",
                                                     "clocale",
                                                     "cmath",
                                                     "compare",
                                                     "complex",
                                                     "concepts",
                                                     "condition_variable",
                                                     "coroutine",
                                                     "csetjmp",
                                                     "csignal",
                                                     "cstdarg",
                                                     "cstddef",
                                                     "cstdint",
                                                     "cstdio",
                                                     "cstdlib",
                                                     "cstring",
                                                     "ctime",
                                                     "cuchar",
                                                     "cwchar",
                                                     "cwctype",
                                                     "deque",
                                                     "exception",
                                                     "execution",
                                                     "expected",
                                                     "filesystem",
                                                     "forward_list",
                                                     "fstream",
                                                     "functional",
                                                     "future",
                                                     "initializer_list",
                                                     "iomanip",
                                                     "ios",
                                                     "iosfwd",
                                                     "iostream",
                                                     "istream",
                                                     "iterator",
                                                     "latch",
                                                     "limits",
                                                     "list",
                                                     "locale",
                                                     "map",
                                                     "memory",
                                                     "memory_resource",
                                                     "mutex",
                                                     "new",
                                                     "numbers",
                                                     "numeric",
                                                     "optional",
                                                     "ostream",
                                                     "queue",
                                                     "random",
                                                     "ranges",
                                                     "ratio",
                                                     "regex",
                                                     "scoped_allocator",
                                                     "semaphore",
                                                     "set",
                                                     "shared_mutex",
                                                     "source_location",
                                                     "span",
                                                     "spanstream",
                                                     "sstream",
                                                     "stack",
                                                     "stacktrace",
                                                     "stdexcept",
                                                     "stop_token",
                                                     "streambuf",
                                                     "string",
                                                     "string_view",
                                                     "syncstream",
                                                     "system_error",
                                                     "thread",
                                                     "tuple",
                                                     "type_traits",
                                                     "typeindex",
                                                     "typeinfo",
                                                     "unordered_map",
                                                     "unordered_set",
                                                     "utility",
                                                     "valarray",
                                                     "variant",
                                                     "vector",
                                                     "version"};
    return names;
}

// What the operating system and the compiler bring.
bool is_system_header(std::string_view path) {
    static const std::set<std::string_view> names = {
        "aio.h",       "alloca.h",   "arm_acle.h", "arm_neon.h",  "cpuid.h",  "cxxabi.h",  "dirent.h",  "dlfcn.h",
        "elf.h",       "endian.h",   "errno.h",    "execinfo.h",  "fcntl.h",  "fnmatch.h", "glob.h",    "ifaddrs.h",
        "immintrin.h", "inttypes.h", "limits.h",   "link.h",      "malloc.h", "math.h",    "netdb.h",   "poll.h",
        "pthread.h",   "pwd.h",      "sched.h",    "semaphore.h", "setjmp.h", "signal.h",  "spawn.h",   "stdarg.h",
        "stddef.h",    "stdint.h",   "stdio.h",    "stdlib.h",    "string.h", "strings.h", "syscall.h", "termios.h",
        "time.h",      "ucontext.h", "unistd.h",   "x86intrin.h"};
    static constexpr std::array folders = {"sys/", "linux/", "netinet/", "arpa/", "net/", "asm/"};
    return names.contains(path) ||
           std::ranges::any_of(folders, [&](std::string_view folder) { return path.starts_with(folder); });
}

bool is_own(std::string_view path) {
    static constexpr std::array roots = {"gantry/", "apps/", "bindings/", "examples/", "tests/", "tools/"};
    return std::ranges::any_of(roots, [&](std::string_view root) { return path.starts_with(root); });
}

std::string_view module_of(std::string_view path) {
    const auto first = path.find('/');
    const auto second = path.find('/', first + 1);
    return second == std::string_view::npos ? std::string_view{} : path.substr(first + 1, second - first - 1);
}

std::string_view top_of(std::string_view path) {
    return path.substr(0, path.find('/'));
}

void check_direction(const source& file, const include& used, reporter& report) {
    const auto from = top_of(file.path());
    const auto to = top_of(used.path);
    const auto target = module_of(used.path);
    const auto wrong = [&](std::string expected) {
        report(file, used.line, fmt::format("includes <{}>; expected {}", used.path, expected));
    };

    if (has_part(used.path, "detail") && !(from == to && file.module() == target)) {
        wrong(fmt::format("only {}/{} itself to include from its detail/", to, target));
    } else if (from == "gantry") {
        const auto* own = layer_of(file.module());
        if (own == nullptr) {
            return; // reported once per module
        }
        if (to != "gantry") {
            wrong("the toolkit to include gantry headers only");
        } else if (target != own->module && std::ranges::find(own->below, target) == own->below.end() &&
                   !(target == "check" && file.is_check())) {
            wrong(fmt::format("{} to include from {}{} only", own->module, fmt::join(own->below, ", "),
                              own->below.empty() ? "itself" : " and itself"));
        }
    } else if (from == "apps") {
        if (to == "apps" && target != file.module()) {
            wrong("no includes between programs: what two of them need belongs to gantry");
        } else if (to != "apps" && to != "gantry") {
            wrong("programs to include gantry headers and their own");
        }
    } else if (from == "bindings" || from == "examples") {
        if (to != "gantry" && to != from) {
            wrong(fmt::format("{} to include gantry headers only", from));
        }
    } else if (from == "tools" && to != "tools" && to != "gantry") {
        wrong("tools to include gantry headers and their own");
    }
}

void check_core_header(const source& file, const include& used, reporter& report) {
    const auto* own = layer_of(file.module());
    const bool plain = file.path().starts_with("gantry/") && own != nullptr && own->plain && file.is_header() &&
                       !file.is_check() && file.path().find("spill") == std::string::npos;
    if (plain && !is_own(used.path) && !standard_headers().contains(used.path) && !is_system_header(used.path)) {
        report(file, used.line,
               fmt::format("core header includes <{}>; expected only the standard library, POSIX and lower gantry "
                           "headers",
                           used.path));
    }
}

} // namespace

void check_layers(const tree& all, reporter& report) {
    std::set<std::string_view> unknown;
    for (const auto& file : all.files()) {
        if (!file.is_cpp()) {
            continue;
        }
        if (file.path().starts_with("gantry/") && !file.module().empty() && layer_of(file.module()) == nullptr &&
            unknown.insert(file.module()).second) {
            report(file, 1,
                   fmt::format("module {} has no layer; expected an entry in the table of tools/tidy/layers.cpp",
                               file.module()));
        }
        for (const auto& used : file.includes()) {
            if (used.quoted) {
                report(file, used.line,
                       fmt::format("includes \"{}\"; expected angle brackets and the path from the root", used.path));
                continue;
            }
            if (has_part(used.path, "..") || has_part(used.path, ".")) {
                report(file, used.line,
                       fmt::format("includes <{}>; expected the path from the root, without dots", used.path));
                continue;
            }
            if (is_own(used.path)) {
                if (all.find(used.path) == nullptr && all.find(std::string(used.path) + ".in") == nullptr) {
                    report(file, used.line,
                           fmt::format("includes <{}>, which does not exist; expected a file of this repository",
                                       used.path));
                } else {
                    check_direction(file, used, report);
                }
            }
            check_core_header(file, used, report);
        }
    }
}

} // namespace tidy
