// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/check/linearizability/history_page.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <vector>

namespace gantry::check {

namespace {

constexpr std::size_t bars_max = 400;
constexpr std::size_t column_width = 56;
constexpr std::size_t row_height = 44;
constexpr std::size_t left = 90;
constexpr std::size_t top = 30;

std::string escaped(std::string_view text) {
    std::string safe;
    for (const char each : text) {
        switch (each) {
        case '<':
            safe += "&lt;";
            break;
        case '>':
            safe += "&gt;";
            break;
        case '&':
            safe += "&amp;";
            break;
        case '"':
            safe += "&quot;";
            break;
        default:
            safe += each;
        }
    }
    return safe;
}

const char* words_for(verdict is) {
    switch (is) {
    case verdict::holds:
        return "An order explains every result.";
    case verdict::violated:
        return "No order explains every result.";
    case verdict::unknown:
        return "Not known: the search came to its limit.";
    }
    return "";
}

// What is drawn: the part that failed, or everything; of that, what was called closest to the operation that is stuck.
std::vector<std::size_t> chosen(std::span<const page_bar> bars, const history_result& result) {
    std::vector<std::size_t> shown = result.part;
    if (shown.empty()) {
        shown.resize(bars.size());
        std::iota(shown.begin(), shown.end(), std::size_t{0});
    }
    std::ranges::sort(shown, {}, [&](std::size_t i) { return std::pair(bars[i].call, i); });
    if (shown.size() > bars_max) {
        const auto stuck = result.stuck ? std::ranges::find(shown, *result.stuck) : shown.begin();
        const auto at = static_cast<std::size_t>(stuck - shown.begin());
        const std::size_t first = std::min(at - std::min(at, bars_max / 2), shown.size() - bars_max);
        shown = {shown.begin() + static_cast<std::ptrdiff_t>(first),
                 shown.begin() + static_cast<std::ptrdiff_t>(first + bars_max)};
    }
    return shown;
}

} // namespace

std::string history_page(std::span<const page_bar> bars, const history_result& result, std::string_view title) {
    const std::vector<std::size_t> shown = chosen(bars, result);
    // Time is drawn by rank: what matters is the order.
    std::map<std::uint64_t, std::size_t> column;
    std::map<std::uint32_t, std::size_t> row;
    for (const std::size_t i : shown) {
        GANTRY_ASSERT(i < bars.size());
        column.emplace(bars[i].call, 0);
        if (bars[i].end != pending) {
            column.emplace(bars[i].end, 0);
        }
        row.emplace(bars[i].thread, 0);
    }
    std::size_t columns = 0;
    for (auto& [stamp, at] : column) {
        at = columns++;
    }
    std::size_t rows = 0;
    for (auto& [thread, at] : row) {
        at = rows++;
    }
    std::vector<std::size_t> place(bars.size());
    for (std::size_t i = 0; i < result.order.size(); ++i) {
        place.at(result.order[i]) = i + 1;
    }
    const std::size_t width = left + (columns + 1) * column_width;
    const std::size_t height = top + rows * row_height;
    const auto number = [](std::size_t value) {
        return std::to_string(value);
    };

    std::string page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>" + escaped(title) +
                       "</title>\n<style>\n"
                       "body{font:14px sans-serif;margin:24px;color:#222;background:#fff}\n"
                       "div{overflow-x:auto;border:1px solid #ccc}\n"
                       "text{font:12px sans-serif}\n"
                       "rect{stroke:#444;fill:#ddd}\n"
                       ".done rect{fill:#bfe0c3}\n"
                       ".stuck rect{fill:#f2a3a0;stroke:#a00;stroke-width:2}\n"
                       ".pending rect{stroke-dasharray:5 3}\n"
                       "line{stroke:#ddd}\n"
                       "</style></head>\n<body>\n<h1>" +
                       escaped(title) + "</h1>\n<p>" + words_for(result.is) + "</p>\n";
    if (result.stuck) {
        page += "<p>Green with a number: an order that explains this much. Red: <b>" +
                escaped(bars[*result.stuck].label) + "</b> of thread " + number(bars[*result.stuck].thread) +
                " fits nowhere behind it. Grey: not reached. Dashed: never returned.</p>\n";
    }
    if (shown.size() < bars.size()) {
        page += "<p>" + number(shown.size()) + " of " + number(bars.size()) + " operations are drawn.</p>\n";
    }
    page += "<div><svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width) + "\" height=\"" +
            number(height) + "\">\n";
    for (const auto& [thread, at] : row) {
        const std::size_t y = top + at * row_height;
        page += "<line x1=\"0\" x2=\"" + number(width) + "\" y1=\"" + number(y + 32) + "\" y2=\"" + number(y + 32) +
                "\"/><text x=\"8\" y=\"" + number(y + 18) + "\">thread " + number(thread) + "</text>\n";
    }
    for (const std::size_t i : shown) {
        const page_bar& bar = bars[i];
        const std::size_t begin = left + column.at(bar.call) * column_width;
        const std::size_t end = bar.end == pending ? width : left + column.at(bar.end) * column_width;
        const std::size_t y = top + row.at(bar.thread) * row_height;
        std::string kind = result.stuck == i ? "stuck" : place[i] != 0 ? "done" : "open";
        kind += bar.end == pending ? " pending" : "";
        page += "<g class=\"" + kind + "\"><title>" + escaped(bar.label) + ", called at " + std::to_string(bar.call);
        page += bar.end == pending ? std::string(", never returned") : ", returned at " + std::to_string(bar.end);
        page += "</title><rect x=\"" + number(begin) + "\" y=\"" + number(y) + "\" width=\"" +
                number(std::max<std::size_t>(end - begin, 8)) + "\" height=\"26\" rx=\"4\"/><text x=\"" +
                number(begin + 4) + "\" y=\"" + number(y + 17) + "\">" +
                (place[i] != 0 ? number(place[i]) + ": " : std::string()) + escaped(bar.label) + "</text></g>\n";
    }
    page += "</svg></div>\n";
    if (!result.order.empty()) {
        page += "<ol>\n";
        // The end of a long order is what explains the place where it stops.
        const std::size_t skipped = result.order.size() - std::min(result.order.size(), bars_max);
        for (std::size_t i = skipped; i < result.order.size(); ++i) {
            const page_bar& bar = bars[result.order[i]];
            page += "<li value=\"" + number(i + 1) + "\">thread " + number(bar.thread) + ": " + escaped(bar.label) +
                    "</li>\n";
        }
        page += "</ol>\n";
    }
    return page + "</body>\n</html>\n";
}

} // namespace gantry::check
