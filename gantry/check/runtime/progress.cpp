// SPDX-License-Identifier: MIT
#include <gantry/check/runtime/detail/progress.hpp>

#include <array>
#include <cstdio>

namespace gantry::check::runtime {

namespace {

// 90 s, 12 min, 3 h.
std::string span_of(double seconds) {
    std::array<char, 32> text{};
    if (seconds < 120) {
        std::snprintf(text.data(), text.size(), "%.0f s", seconds);
    } else if (seconds < 7200) {
        std::snprintf(text.data(), text.size(), "%.0f min", seconds / 60);
    } else {
        std::snprintf(text.data(), text.size(), "%.3g h", seconds / 3600);
    }
    return text.data();
}

} // namespace

void progress_line::show(const tally& so_far, double share, double seconds) {
    if (seconds < 1 || seconds - shown_ < 0.25) {
        return;
    }
    shown_ = seconds;
    std::array<char, 200> text{};
    std::snprintf(text.data(), text.size(), "%s: %llu executions, %llu graphs, %.0f/s", name_.c_str(),
                  static_cast<unsigned long long>(so_far.executions), static_cast<unsigned long long>(so_far.graphs),
                  static_cast<double>(so_far.executions) / seconds);
    std::string line = text.data();
    if (share > 0) {
        std::snprintf(text.data(), text.size(), ", about %.3g %% done, %s to go", 100 * share,
                      span_of(seconds / share - seconds).c_str());
        line += text.data();
    }
    const std::size_t width = line.size();
    line.resize(std::max(width, width_), ' ');
    width_ = width;
    std::fprintf(stderr, "\r%s", line.c_str());
    std::fflush(stderr);
}

progress_line::~progress_line() {
    if (width_ > 0) {
        std::fprintf(stderr, "\r%s\r", std::string(width_, ' ').c_str());
        std::fflush(stderr);
    }
}

} // namespace gantry::check::runtime
