// SPDX-License-Identifier: MIT
#include <apps/telem/core/address.hpp>
#include <apps/telem/core/config.hpp>
#include <apps/telem/core/kinds.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>

namespace telem {
namespace {

constexpr std::size_t nodes_max = 1000;

place at(const toml::source_region& region) {
    return {region.begin.line, region.begin.column};
}

std::string_view type_name(const toml::node& value) {
    switch (value.type()) {
    case toml::node_type::table:
        return "a table";
    case toml::node_type::array:
        return "a list";
    case toml::node_type::string:
        return "a string";
    case toml::node_type::integer:
        return "an integer";
    case toml::node_type::floating_point:
        return "a number with a point";
    case toml::node_type::boolean:
        return "a boolean";
    default:
        return "a date or time";
    }
}

// A name as an error may show it: short, printable whatever the file held.
std::string shown(std::string_view name) {
    std::string safe;
    for (const char c : name.substr(0, 64)) {
        safe += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
    return safe + (name.size() > 64 ? "..." : "");
}

struct unit {
    std::string_view name;
    unsigned shift;
};
constexpr std::array<unit, 4> units{{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}}};

// `64MiB`, `64 MiB`, or `67108864`.
std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, broken] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (broken != std::errc()) {
        return std::nullopt;
    }
    std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (rest.empty()) {
        return number;
    }
    if (rest.starts_with(' ')) {
        rest.remove_prefix(1);
    }
    const auto found = std::ranges::find(units, rest, &unit::name);
    if (found == units.end() || number > (UINT64_MAX >> found->shift)) {
        return std::nullopt;
    }
    return number << found->shift;
}

// In the largest unit that shows all of it.
std::string print_size(std::uint64_t bytes) {
    for (const unit& one : units) {
        if (bytes != 0 && bytes % (std::uint64_t{1} << one.shift) == 0) {
            return fmt::format("{}{}", bytes >> one.shift, one.name);
        }
    }
    return fmt::format("{}", bytes);
}

class reader {
public:
    std::expected<config, std::vector<problem>> read(std::string_view text) {
        if (text.size() > config_bytes_max) {
            return std::unexpected(std::vector<problem>{
                {{1, 1}, fmt::format("the file has {} bytes; expected at most {}", text.size(), config_bytes_max)}});
        }
        toml::table root;
        try {
            root = toml::parse(text);
        } catch (const toml::parse_error& broken) {
            return std::unexpected(std::vector<problem>{
                {at(broken.source()), fmt::format("{}; expected TOML", shown_reason(broken.description()))}});
        }
        read_root(root);
        if (made_.nodes.size() <= nodes_max) {
            resolve();
            check_shape();
        }
        if (problems_.empty()) {
            return std::move(made_);
        }
        std::vector<problem> in_order;
        for (auto& [where, what] : problems_) {
            in_order.push_back({{where.first, where.second}, std::move(what)});
        }
        return std::unexpected(std::move(in_order));
    }

private:
    template<class... Args>
    void complain(place where, fmt::format_string<Args...> text, Args&&... args) {
        problems_.emplace(std::pair(where.line, where.column), fmt::format(text, std::forward<Args>(args)...));
    }

    static std::string shown_reason(std::string_view description) {
        std::string line(description.substr(0, 300));
        std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
        return line;
    }

    void read_root(const toml::table& root) {
        for (const auto& [key, value] : root) {
            const std::string_view name = key.str();
            if (name == "flush_every_ms") {
                made_.flush_every_ms = integer_in(name, value, 1, 86'400'000).value_or(made_.flush_every_ms);
            } else if (name == "names_bytes_max") {
                made_.names_bytes_max = size_in(name, value, 1U << 18U, 1e15).value_or(made_.names_bytes_max);
            } else if (std::ranges::find(all_sections(), name) != all_sections().end()) {
                read_section(name, value);
            } else {
                complain(at(key.source()), "unknown key `{}`; expected one of: flush_every_ms, names_bytes_max, {}",
                         shown(name), fmt::join(all_sections(), ", "));
            }
        }
        // The order of the file is the order in which nodes start and are reported.
        std::ranges::sort(made_.nodes, {},
                          [](const node_config& one) { return std::pair(one.at.line, one.at.column); });
        if (made_.nodes.size() > nodes_max) {
            complain({1, 1}, "{} nodes; expected at most {}", made_.nodes.size(), nodes_max);
        } else if (std::ranges::none_of(made_.nodes, [](const node_config& one) {
                       return one.kind == nullptr || one.kind->takes == flow::nothing;
                   })) {
            complain({1, 1}, "no source; expected at least one, such as [source.udp]");
        }
    }

    std::optional<std::uint64_t> integer_in(std::string_view name, const toml::node& value, double least, double most) {
        const auto* number = value.as_integer();
        if (number == nullptr) {
            complain(at(value.source()), "{} is {}; expected an integer from {:.0f} to {:.0f}", name, type_name(value),
                     least, most);
            return std::nullopt;
        }
        const auto got = static_cast<double>(number->get());
        if (got < least || got > most) {
            complain(at(value.source()), "{} is {}; expected an integer from {:.0f} to {:.0f}", name, number->get(),
                     least, most);
            return std::nullopt;
        }
        return static_cast<std::uint64_t>(number->get());
    }

    std::optional<std::uint64_t> size_in(std::string_view name, const toml::node& value, double least, double most) {
        std::optional<std::uint64_t> got;
        std::string given(type_name(value));
        if (const auto* number = value.as_integer()) {
            given = fmt::format("{}", number->get());
            if (number->get() >= 0) {
                got = static_cast<std::uint64_t>(number->get());
            }
        } else if (const auto* text = value.as_string()) {
            given = fmt::format("`{}`", shown(text->get()));
            got = parse_size(text->get());
        }
        if (!got || static_cast<double>(*got) < least || static_cast<double>(*got) > most) {
            complain(
                at(value.source()),
                "{} is {}; expected bytes from {:.0f} to {:.0f}, as an integer or as \"64MiB\" (KiB, MiB, GiB, TiB)",
                name, given, least, most);
            return std::nullopt;
        }
        return got;
    }

    void read_section(std::string_view section, const toml::node& value) {
        const auto* nodes = value.as_table();
        if (nodes == nullptr) {
            complain(at(value.source()), "{0} is {1}; expected tables such as [{0}.NAME]", section, type_name(value));
            return;
        }
        for (const auto& [key, inside] : *nodes) {
            if (const auto* table = inside.as_table()) {
                read_node(section, key, *table);
            } else {
                complain(at(key.source()), "{0}.{1} is {2}; expected a table [{0}.{1}]", section, shown(key.str()),
                         type_name(inside));
            }
        }
    }

    void read_node(std::string_view section, const toml::key& key, const toml::table& table) {
        node_config made;
        made.name = key.str();
        made.at = at(key.source());
        const std::string full = fmt::format("{}.{}", section, shown(made.name));
        if (made.name.empty() || made.name.size() > 64 || !std::ranges::all_of(made.name, [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '-';
            })) {
            complain(made.at, "{}: bad node name; expected 1 to 64 of the characters A-Z a-z 0-9 _ -", full);
        }
        const auto twin = std::ranges::find(made_.nodes, made.name, &node_config::name);
        if (twin != made_.nodes.end()) {
            complain(
                std::max(made.at, twin->at,
                         [](place a, place b) { return std::pair(a.line, a.column) < std::pair(b.line, b.column); }),
                "a second node named `{}`; expected every node to have a name of its own", shown(made.name));
        }

        read_kind(section, full, table, made);
        if (made.kind != nullptr) {
            read_keys(full, table, made);
        }
        made_.nodes.push_back(std::move(made));
    }

    void read_kind(std::string_view section, const std::string& full, const toml::table& table, node_config& made) {
        std::vector<std::string_view> known;
        for (const kind_spec& kind : all_kinds()) {
            if (kind.section == section) {
                known.push_back(kind.name);
            }
        }
        const toml::node* given = table.get("kind");
        if (given == nullptr) {
            complain(made.at, "{}: no `kind`; expected one of: {}", full, fmt::join(known, ", "));
            return;
        }
        const auto* text = given->as_string();
        if (text == nullptr) {
            complain(at(given->source()), "{}: kind is {}; expected one of: {}", full, type_name(*given),
                     fmt::join(known, ", "));
            return;
        }
        made.kind = find_kind(section, text->get());
        if (made.kind == nullptr) {
            complain(at(given->source()), "{}: unknown kind `{}`; expected one of: {}", full, shown(text->get()),
                     fmt::join(known, ", "));
        }
    }

    void read_keys(const std::string& full, const toml::table& table, node_config& made) {
        const kind_spec& kind = *made.kind;
        for (const auto& [key, value] : table) {
            const std::string_view name = key.str();
            if (name == "kind") {
                continue;
            }
            if (name == "to" && kind.gives != flow::nothing) {
                read_to(full, value, made);
                continue;
            }
            const auto spec = std::ranges::find(kind.keys, name, &key_spec::name);
            if (spec == kind.keys.end()) {
                std::vector<std::string_view> known{"kind"};
                if (kind.gives != flow::nothing) {
                    known.push_back("to");
                }
                std::ranges::transform(kind.keys, std::back_inserter(known), &key_spec::name);
                complain(at(key.source()), "{}: unknown key `{}`; expected one of: {}", full, shown(name),
                         fmt::join(known, ", "));
                continue;
            }
            read_value(full, *spec, value, made);
        }
        for (const key_spec& spec : kind.keys) {
            if (table.get(spec.name) != nullptr) {
                continue;
            }
            if (spec.required) {
                complain(made.at, "{}: no `{}`; expected {}", full, spec.name, spec.meaning);
            }
            made.values.insert_or_assign(std::string(spec.name), spec.fallback);
        }
        if (kind.gives != flow::nothing && table.get("to") == nullptr) {
            complain(made.at, "{}: no `to`; expected the names of the nodes that it feeds", full);
        }
    }

    void read_to(const std::string& full, const toml::node& value, node_config& made) {
        const auto* list = value.as_array();
        if (list == nullptr) {
            complain(at(value.source()), "{}: to is {}; expected a list of node names", full, type_name(value));
            return;
        }
        if (list->empty()) {
            complain(at(value.source()), "{}: to is empty; expected the names of the nodes that it feeds", full);
        }
        for (const toml::node& one : *list) {
            auto edge = read_edge(full, one);
            if (!edge) {
                continue;
            }
            if (std::ranges::find(made.to, edge->name, &edge_config::name) != made.to.end()) {
                complain(edge->at, "{}: to names `{}` twice; expected each node once", full, shown(edge->name));
            } else {
                made.to.push_back(*std::move(edge));
            }
        }
    }

    // `"name"`, or `{ node = "name", spill = { ... } }`.
    std::optional<edge_config> read_edge(const std::string& full, const toml::node& one) {
        if (const auto* name = one.as_string()) {
            return edge_config{.name = name->get(), .at = at(one.source()), .target = 0, .spill = {}};
        }
        const auto* table = one.as_table();
        if (table == nullptr) {
            complain(at(one.source()),
                     "{}: to holds {}; expected node names, or tables such as {{ node = \"NAME\", "
                     "spill = {{ dir = \"DIR\" }} }}",
                     full, type_name(one));
            return std::nullopt;
        }
        edge_config made;
        made.at = at(one.source());
        bool named = false;
        for (const auto& [key, value] : *table) {
            if (key.str() == "node") {
                named = true;
                if (const auto* name = value.as_string()) {
                    made.name = name->get();
                    made.at = at(value.source());
                } else {
                    complain(at(value.source()), "{}: to: node is {}; expected the name of a node", full,
                             type_name(value));
                    return std::nullopt;
                }
            } else if (key.str() != "spill") {
                complain(at(key.source()), "{}: to: unknown key `{}`; expected one of: node, spill", full,
                         shown(key.str()));
            }
        }
        if (!named) {
            complain(made.at, "{}: to: no `node`; expected the name of a node", full);
            return std::nullopt;
        }
        if (const toml::node* spill = table->get("spill")) {
            read_spill(fmt::format("{}: to {}: spill", full, shown(made.name)), *spill, made);
        }
        return made;
    }

    void read_spill(const std::string& full, const toml::node& value, edge_config& edge) {
        const auto* table = value.as_table();
        if (table == nullptr) {
            complain(at(value.source()), "{} is {}; expected a table such as {{ dir = \"DIR\" }}", full,
                     type_name(value));
            return;
        }
        spill_config& made = edge.spill.emplace();
        made.at = at(value.source());
        for (const auto& [key, inside] : *table) {
            const auto spec = std::ranges::find(all_spill_keys(), key.str(), &key_spec::name);
            if (spec == all_spill_keys().end()) {
                std::vector<std::string_view> known;
                std::ranges::transform(all_spill_keys(), std::back_inserter(known), &key_spec::name);
                complain(at(key.source()), "{}: unknown key `{}`; expected one of: {}", full, shown(key.str()),
                         fmt::join(known, ", "));
            } else {
                read_value(full, *spec, inside, made);
            }
        }
        for (const key_spec& spec : all_spill_keys()) {
            if (table->get(spec.name) == nullptr) {
                if (spec.required) {
                    complain(made.at, "{}: no `{}`; expected {}", full, spec.name, spec.meaning);
                }
                made.values.insert_or_assign(std::string(spec.name), spec.fallback);
            }
        }
        if (made.integer("disk") < made.integer("memory")) {
            complain(made.at, "{}: disk ({}) is less than memory ({}); expected at least as much", full,
                     print_size(made.integer("disk")), print_size(made.integer("memory")));
        }
        if (made.text("durability") == "durable" && made.text("when_full") == "drop_oldest") {
            complain(made.at,
                     "{}: durability `durable` keeps what was accepted and when_full `drop_oldest` drops it; expected "
                     "another of one of them",
                     full);
        }
        if (made.text("durability") != "durable" && made.text("sync") != "none") {
            complain(made.at, "{}: sync `{}` is for durability `durable`; expected that, or no sync", full,
                     made.text("sync"));
        }
        if (const std::string& dir = made.text("dir"); !dir.empty()) {
            const auto [twin, is_new] = directories_.emplace(plain_path(dir), full);
            if (!is_new) {
                complain(made.at, "{}: dir `{}` is also that of {}; expected a directory of its own for every spill",
                         full, shown(dir), twin->second);
            }
        }
    }

    // The same for two ways to write the same path, as far as its text tells.
    static std::string plain_path(const std::string& path) {
        std::string plain = std::filesystem::path(path).lexically_normal().string();
        while (plain.size() > 1 && plain.ends_with('/')) {
            plain.pop_back();
        }
        return plain;
    }

    void read_value(const std::string& full, const key_spec& spec, const toml::node& value, keyed_config& made) {
        const place where = at(value.source());
        const std::string key = fmt::format("{}: {}", full, spec.name);
        config_value read = spec.fallback;
        switch (spec.type) {
        case key_type::integer:
            read = integer_in(key, value, spec.least, spec.most).value_or(std::get<std::uint64_t>(spec.fallback));
            break;
        case key_type::real:
            if (const auto got = value.value<double>(); !got) {
                complain(where, "{} is {}; expected a number from {} to {}", key, type_name(value), spec.least,
                         spec.most);
            } else if (!(*got >= spec.least && *got <= spec.most)) {
                complain(where, "{} is {}; expected a number from {} to {}", key, *got, spec.least, spec.most);
            } else {
                read = *got;
            }
            break;
        case key_type::size:
            read = size_in(key, value, spec.least, spec.most).value_or(std::get<std::uint64_t>(spec.fallback));
            break;
        case key_type::text:
        case key_type::path:
        case key_type::choice:
        case key_type::address:
            read_text(key, spec, value, read);
            break;
        case key_type::quantiles:
            read_quantiles(key, value, read);
            break;
        }
        made.values.insert_or_assign(std::string(spec.name), std::move(read));
    }

    void read_text(const std::string& key, const key_spec& spec, const toml::node& value, config_value& read) {
        const place where = at(value.source());
        const auto* text = value.as_string();
        if (text == nullptr) {
            complain(where, "{} is {}; expected a string", key, type_name(value));
            return;
        }
        const std::string& got = text->get();
        if (spec.type == key_type::choice && std::ranges::find(spec.choices, got) == spec.choices.end()) {
            complain(where, "{} is `{}`; expected one of: {}", key, shown(got), fmt::join(spec.choices, ", "));
        } else if (spec.type == key_type::address) {
            if (const auto parsed = parse_address(got); !parsed) {
                complain(where, "{}: {}", key, shown_reason(parsed.error()));
            }
        } else if (spec.type == key_type::text &&
                   (got.empty() || got.size() > static_cast<std::size_t>(spec.most) ||
                    !std::ranges::all_of(got, [](char c) { return c >= 0x20 && c < 0x7f; }))) {
            complain(where, "{} is `{}`; expected 1 to {:.0f} printable ASCII characters", key, shown(got), spec.most);
        } else if (spec.type == key_type::path && (got.empty() || got.size() > static_cast<std::size_t>(spec.most) ||
                                                   std::ranges::any_of(got, [](char c) {
                                                       return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                                                   }))) {
            complain(where, "{} is `{}`; expected a path of 1 to {:.0f} bytes without control characters", key,
                     shown(got), spec.most);
        }
        read = got;
    }

    void read_quantiles(const std::string& key, const toml::node& value, config_value& read) {
        const auto wrong = [&](const toml::node& which) {
            complain(at(which.source()), "{}: expected a list of 1 to 100 numbers from 0 to 1, rising", key);
        };
        const auto* list = value.as_array();
        if (list == nullptr || list->empty() || list->size() > 100) {
            wrong(value);
            return;
        }
        std::vector<double> got;
        for (const toml::node& one : *list) {
            const auto number = one.value<double>();
            if (!number || !(*number >= 0 && *number <= 1) || (!got.empty() && *number <= got.back())) {
                wrong(one);
                return;
            }
            got.push_back(*number);
        }
        read = std::move(got);
    }

    // Turns the names behind `to` into indexes, and checks what each arrow carries.
    void resolve() {
        std::map<std::string_view, std::size_t> index;
        for (std::size_t i = 0; i < made_.nodes.size(); ++i) {
            index.emplace(made_.nodes[i].name, i);
        }
        fed_.assign(made_.nodes.size(), false);
        for (node_config& from : made_.nodes) {
            for (edge_config& edge : from.to) {
                const auto found = index.find(edge.name);
                if (found == index.end()) {
                    complain(edge.at, "{} feeds `{}`, which does not exist; expected the name of a node", from.name,
                             shown(edge.name));
                    continue;
                }
                edge.target = found->second;
                fed_[edge.target] = true;
                const kind_spec* to = made_.nodes[edge.target].kind;
                if (from.kind == nullptr || to == nullptr) {
                    continue; // an unknown kind was already reported
                }
                if (to->takes == flow::nothing) {
                    complain(edge.at, "{} feeds `{}`, a source; expected a filter, an aggregate or a sink", from.name,
                             edge.name);
                } else if ((static_cast<unsigned>(from.kind->gives) & static_cast<unsigned>(to->takes)) == 0) {
                    complain(edge.at, "{} is an aggregate and feeds `{}`, a {}; expected a sink", from.name, edge.name,
                             to->section);
                }
            }
        }
        for (std::size_t i = 0; i < made_.nodes.size(); ++i) {
            const node_config& one = made_.nodes[i];
            if (one.kind != nullptr && one.kind->takes != flow::nothing && !fed_[i]) {
                complain(one.at, "nothing feeds {} `{}`; expected its name behind `to` of another node",
                         one.kind->section, shown(one.name));
            }
        }
    }

    // Depth-first over the arrows; an arrow back to a node on the way closes a cycle.
    void check_shape() {
        enum class mark : std::uint8_t { unseen, on_the_way, done };
        std::vector<mark> marks(made_.nodes.size(), mark::unseen);
        struct step {
            std::size_t node;
            std::size_t next_edge;
        };
        for (std::size_t start = 0; start < made_.nodes.size(); ++start) {
            if (marks[start] != mark::unseen) {
                continue;
            }
            std::vector<step> way{{start, 0}};
            marks[start] = mark::on_the_way;
            while (!way.empty()) {
                step& here = way.back();
                const node_config& from = made_.nodes[here.node];
                if (here.next_edge == from.to.size()) {
                    marks[here.node] = mark::done;
                    way.pop_back();
                    continue;
                }
                const edge_config& edge = from.to[here.next_edge++];
                if (made_.nodes[edge.target].name != edge.name) {
                    continue; // dangling, already reported
                }
                if (marks[edge.target] == mark::unseen) {
                    marks[edge.target] = mark::on_the_way;
                    way.push_back({edge.target, 0});
                } else if (marks[edge.target] == mark::on_the_way) {
                    std::string names;
                    const auto first = std::ranges::find(way, edge.target, &step::node);
                    for (auto one = first; one != way.end(); ++one) {
                        names += shown(made_.nodes[one->node].name) + " -> ";
                    }
                    complain(edge.at, "a cycle: {}{}; expected arrows that never lead back", names, shown(edge.name));
                }
            }
        }
    }

    config made_;
    // In the order of the file; those of one place in the order in which they were found.
    std::multimap<std::pair<std::uint32_t, std::uint32_t>, std::string> problems_;
    std::vector<bool> fed_;
    std::map<std::string, std::string> directories_; // of spills, and which
};

std::string toml_text(std::string_view text) {
    std::ostringstream out;
    out << toml::value<std::string>(std::string(text));
    return out.str();
}

std::string as_toml(double number) {
    const std::string text = fmt::format("{}", number);
    // TOML tells integers and floats apart.
    return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string as_toml(const config_value& value) {
    if (const auto* integer = std::get_if<std::uint64_t>(&value)) {
        return fmt::format("{}", *integer);
    }
    if (const auto* real = std::get_if<double>(&value)) {
        return as_toml(*real);
    }
    if (const auto* text = std::get_if<std::string>(&value)) {
        return toml_text(*text);
    }
    std::vector<std::string> parts;
    for (const double one : std::get<std::vector<double>>(value)) {
        parts.push_back(as_toml(one));
    }
    return fmt::format("[{}]", fmt::join(parts, ", "));
}

std::string as_toml_edge(const edge_config& edge) {
    if (!edge.spill) {
        return toml_text(edge.name);
    }
    std::vector<std::string> keys;
    for (const key_spec& key : all_spill_keys()) {
        const config_value& value = edge.spill->values.find(key.name)->second;
        keys.push_back(fmt::format("{} = {}", key.name,
                                   key.type == key_type::size ? toml_text(print_size(std::get<std::uint64_t>(value)))
                                                              : as_toml(value)));
    }
    return fmt::format("{{ node = {}, spill = {{ {} }} }}", toml_text(edge.name), fmt::join(keys, ", "));
}

} // namespace

std::uint64_t keyed_config::integer(std::string_view key) const {
    return std::get<std::uint64_t>(values.find(key)->second);
}

double keyed_config::real(std::string_view key) const {
    return std::get<double>(values.find(key)->second);
}

const std::string& keyed_config::text(std::string_view key) const {
    return std::get<std::string>(values.find(key)->second);
}

const std::vector<double>& keyed_config::reals(std::string_view key) const {
    return std::get<std::vector<double>>(values.find(key)->second);
}

std::expected<config, std::vector<problem>> read_config(std::string_view toml) {
    return reader().read(toml);
}

std::string print_config(const config& shown) {
    std::string text = fmt::format("# How often the sources send a pulse, upon which aggregates report.\n"
                                   "flush_every_ms = {}\n"
                                   "# Memory for metric names; when it is full, points with new names are refused.\n"
                                   "names_bytes_max = {}\n",
                                   shown.flush_every_ms, shown.names_bytes_max);
    for (const node_config& one : shown.nodes) {
        text += fmt::format("\n# {}\n[{}.{}]\nkind = {}\n", one.kind->meaning, one.kind->section, one.name,
                            toml_text(one.kind->name));
        for (const key_spec& key : one.kind->keys) {
            text += fmt::format("{} = {} # {}\n", key.name, as_toml(one.values.find(key.name)->second), key.meaning);
        }
        if (one.kind->gives != flow::nothing) {
            std::vector<std::string> names;
            std::ranges::transform(one.to, std::back_inserter(names), as_toml_edge);
            text += fmt::format("to = [{}]\n", fmt::join(names, ", "));
        }
    }
    return text;
}

config default_config() {
    static constexpr std::string_view text = R"([source.udp]
kind = "udp"
listen = "127.0.0.1:1990"
to = ["low", "high"]

[filter.low]
kind = "low"
limit = 100
to = ["ckms"]

[filter.high]
kind = "high"
limit = 100
to = ["cma"]

[aggregate.ckms]
kind = "ckms"
to = ["console"]

[aggregate.cma]
kind = "moving_average"
to = ["console"]

[sink.console]
kind = "console"
)";
    return *read_config(text);
}

} // namespace telem
