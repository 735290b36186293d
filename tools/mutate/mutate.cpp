// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>
#include <tools/mutate/mutate.hpp>
#include <tools/tidy/ledger.hpp>
#include <tools/tidy/text.hpp>

#include <map>
#include <set>

namespace mutate {

namespace {

// The folder whose model program is to reach the file: the innermost, but for detail/.
std::string_view component_of(std::string_view path) {
    const auto up = [&] {
        path = path.substr(0, path.rfind('/'));
    };
    up();
    if (path.ends_with("/detail")) {
        up();
    }
    return path.substr(path.rfind('/') + 1);
}

} // namespace

std::expected<std::vector<weakening>, std::string> read_weakenings(std::string_view lines) {
    std::vector<weakening> all;
    for (const auto line : tidy::lines_of(lines)) {
        if (tidy::trim(line).empty()) {
            continue;
        }
        const auto object = nlohmann::json::parse(line, nullptr, false);
        if (!object.is_object() || !object.contains("place") || !object.contains("noticed")) {
            return std::unexpected("no weakening: " + std::string(line));
        }
        const auto place = object.value("place", "");
        const auto colon = place.find(':');
        if (colon == std::string::npos) {
            continue; // code without a line is nobody's of ours
        }
        all.push_back({place.substr(0, colon),
                       static_cast<std::size_t>(std::strtoull(place.c_str() + colon + 1, nullptr, 10)),
                       object.value("from", "") + " -> " + object.value("to", ""), object.value("model", ""),
                       object.value("noticed", "") != "none"});
    }
    return all;
}

std::vector<row> judge(const tidy::tree& all, std::string_view module, const std::vector<weakening>& weakenings) {
    std::vector<row> rows;
    for (const auto& file : all.files()) {
        if (!file.is_library() || component_of(file.path()) != module) {
            continue;
        }
        const std::string name = file.path().substr(file.path().rfind('/') + 1);
        for (const auto& code : tidy::ordered_statements(all, file)) {
            std::map<std::string, bool> steps; // whether somebody notices
            std::set<std::string> models;
            for (const weakening& w : weakenings) {
                if (w.file == name && code.first <= w.line && w.line <= code.last) {
                    bool& noticed = steps[w.step];
                    noticed = noticed || w.noticed;
                    if (w.noticed) {
                        models.insert(w.model);
                    }
                }
            }
            row r{file.path(), code.first, code.label, verdict::unreached, ""};
            bool survives = false;
            for (const auto& [step, noticed] : steps) {
                survives = survives || !noticed;
                r.detail += noticed ? "" : (r.detail.empty() ? "" : ", ") + step;
            }
            if (!steps.empty()) {
                r.is = survives ? verdict::survives : verdict::proven;
            }
            if (r.is == verdict::proven) {
                for (const std::string& model : models) {
                    r.detail += (r.detail.empty() ? "" : ", ") + model;
                }
            }
            if (code.unproven) {
                r.is = r.is == verdict::proven ? verdict::proven_though_marked : verdict::unproven;
            }
            rows.push_back(std::move(r));
        }
    }
    return rows;
}

bool is_wrong(verdict v) noexcept {
    return v != verdict::proven && v != verdict::unproven;
}

std::string_view name_of(verdict v) noexcept {
    switch (v) {
    case verdict::proven:
        return "proven";
    case verdict::unproven:
        return "UNPROVEN";
    case verdict::survives:
        return "SURVIVES";
    case verdict::proven_though_marked:
        return "PROVEN, though marked UNPROVEN";
    case verdict::unreached:
        return "UNREACHED";
    }
    return "";
}

} // namespace mutate
