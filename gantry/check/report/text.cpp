// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/symbols.hpp>
#include <gantry/check/report/detail/text.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace gantry::check {

namespace {

std::string shortened(std::string text, std::size_t longest) {
    if (text.size() > longest) {
        text.resize(longest - 3);
        text += "...";
    }
    return text;
}

} // namespace

const char* name_of(order o) noexcept {
    switch (o) {
    case order::relaxed:
        return "relaxed";
    case order::consume:
        return "consume";
    case order::acquire:
        return "acquire";
    case order::release:
        return "release";
    case order::acq_rel:
        return "acq_rel";
    case order::seq_cst:
        return "seq_cst";
    case order::kernel:
        return "kernel";
    case order::light:
        return "light";
    case order::heavy_begin:
        return "heavy";
    case order::heavy_end:
        return "heavy, end";
    }
    return "";
}

std::string text_of(const counterexample& c) {
    struct row {
        std::string number;
        std::string place;
    };

    std::vector<row> rows;
    std::vector<std::size_t> widths;
    std::size_t number_width = 0;
    std::size_t place_width = 0;
    for (const counterexample_step& s : c.steps) {
        while (widths.size() <= s.thread) {
            widths.push_back(("thread " + std::to_string(widths.size())).size());
        }
        const std::string place = s.place.known() ? shortened(text_of(s.place), 48) : "";
        rows.push_back({s.number > 0 ? "#" + std::to_string(s.number) : "", place});
        number_width = std::max(number_width, rows.back().number.size());
        place_width = std::max(place_width, place.size());
        widths[s.thread] = std::max(widths[s.thread], s.text.size());
    }
    std::string text;
    const auto line = [&](const row& r, const auto& cell) {
        std::string whole = "  " + r.number + std::string(number_width - r.number.size() + 1, ' ') + r.place +
                            std::string(place_width - r.place.size(), ' ');
        for (std::size_t t = 0; t < widths.size(); ++t) {
            const std::string content = cell(t);
            whole += " | " + content + std::string(widths[t] - content.size(), ' ');
        }
        text += whole.substr(0, whole.find_last_not_of(' ') + 1) + "\n";
    };
    line({}, [](std::size_t t) { return "thread " + std::to_string(t); });
    // Of a long execution the beginning and the end.
    constexpr std::size_t first_rows = 80;
    constexpr std::size_t last_rows = 40;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i == first_rows && rows.size() > first_rows + last_rows) {
            i = rows.size() - last_rows;
            text += "  ... " + std::to_string(i - first_rows) + " lines left out\n";
        }
        line(rows[i], [&](std::size_t t) { return t == c.steps[i].thread ? c.steps[i].text : std::string(); });
    }
    for (const counterexample_object& o : c.objects) {
        text += "  " + o.name + ": " + o.description + "\n";
    }
    for (const std::string& why : c.stale_because) {
        text += "  " + why + "\n";
    }
    return text;
}

} // namespace gantry::check
