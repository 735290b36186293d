// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/json.hpp>

#include <nlohmann/json.hpp>

namespace gantry::check {

namespace {

using nlohmann::json;

std::string line_of(const json& j) {
    return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

const char* name_of(search mode) {
    switch (mode) {
    case search::exact:
        return "exact";
    case search::bounded:
        return "bounded";
    case search::random:
        return "random";
    }
    return "";
}

void put(json& into, const code_place& p) {
    into["file"] = p.path;
    into["line"] = p.line;
    into["function"] = p.function;
}

json object_of(const counterexample_step& s) {
    json j{{"thread", s.thread}, {"number", s.number},        {"kind", s.kind},
           {"text", s.text},     {"waits", s.waits},          {"failed", s.failed},
           {"guilty", s.guilty}, {"object", s.object},        {"value", s.value},
           {"order", s.order},   {"changed_to", s.changed_to}};
    if (s.source >= 0) {
        j["source"] = s.source;
        j["stale"] = s.stale;
    }
    if (s.position > 0) {
        j["position"] = s.position;
    }
    put(j, s.place);
    j["stack"] = json::array();
    for (const code_place& p : s.stack) {
        put(j["stack"].emplace_back(json::object()), p);
    }
    return j;
}

json array_of(const std::vector<counterexample_edge>& edges) {
    json all = json::array();
    for (const counterexample_edge& e : edges) {
        all.push_back({{"kind", e.kind}, {"from", e.from}, {"to", e.to}});
    }
    return all;
}

} // namespace

std::string json_of(const std::string& model, const model_options& options, const model_result& r) {
    json j{{"model", model},
           {"found", name_of(r.found)},
           {"search", options.replay.empty() ? name_of(options.mode) : "replay"},
           {"bounds", r.bounds},
           {"unseen", unseen_libraries()},
           {"executions", r.executions},
           {"graphs", r.graphs},
           {"blocked", r.blocked},
           {"repeated", r.repeated},
           {"finished", r.finished},
           {"exhaustive", r.exhaustive},
           {"interrupted", r.interrupted},
           {"workers", r.workers},
           {"seconds", r.seconds},
           {"token", r.token},
           {"summary", r.summary},
           {"report", r.report}};
    j["outcomes"] = json::array();
    for (const auto& [values, times] : r.outcomes) {
        j["outcomes"].push_back({{"values", values}, {"times", times}});
    }
    if (!r.execution.steps.empty()) {
        const counterexample& c = r.execution;
        json& e = j["execution"] = json{{"steps_found", c.steps_found},
                                        {"steps_left", c.steps_left},
                                        {"runs", c.runs},
                                        {"stale_because", c.stale_because}};
        e["steps"] = json::array();
        for (const counterexample_step& s : c.steps) {
            e["steps"].push_back(object_of(s));
        }
        e["edges"] = array_of(c.edges);
        e["objects"] = json::array();
        for (const counterexample_object& o : c.objects) {
            e["objects"].push_back({{"name", o.name}, {"description", o.description}});
        }
    }
    return line_of(j);
}

std::string edges_json_of(const counterexample& c) {
    return line_of(array_of(c.edges));
}

} // namespace gantry::check
