// SPDX-License-Identifier: MIT
#include <tools/tidy/atomic_calls.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace tidy {

namespace {

using tokens_view = std::span<const token>;

bool is_open(const token& t) {
    return t.is("(") || t.is("[") || t.is("{");
}
bool is_close(const token& t) {
    return t.is(")") || t.is("]") || t.is("}");
}

std::size_t opening_bracket(tokens_view tokens, std::size_t close) {
    std::size_t depth = 0;
    for (std::size_t i = close + 1; i-- > 0;) {
        if (is_close(tokens[i])) {
            ++depth;
        } else if (is_open(tokens[i]) && --depth == 0) {
            return i;
        }
    }
    return tokens.size();
}

// Index of the '>' that closes the '<' at `open`; tokens.size() when this is no template argument list.
std::size_t closing_angle(tokens_view tokens, std::size_t open) {
    std::size_t depth = 0;
    for (std::size_t i = open; i < tokens.size(); ++i) {
        if (tokens[i].is("<")) {
            ++depth;
        } else if (tokens[i].is(">") && --depth == 0) {
            return i;
        } else if (tokens[i].is("(") || tokens[i].is("[")) {
            i = closing_bracket(tokens, i);
        } else if (tokens[i].is(";") || tokens[i].is("{") || tokens[i].is("}") || tokens[i].is("&&")) {
            break;
        }
    }
    return tokens.size();
}

bool is_atomic_alias(std::string_view name) {
    static const std::set<std::string_view> names = {
        "atomic_bool",    "atomic_char",      "atomic_schar",    "atomic_uchar",    "atomic_short",
        "atomic_ushort",  "atomic_int",       "atomic_uint",     "atomic_long",     "atomic_ulong",
        "atomic_llong",   "atomic_ullong",    "atomic_int8_t",   "atomic_int16_t",  "atomic_int32_t",
        "atomic_int64_t", "atomic_uint8_t",   "atomic_uint16_t", "atomic_uint32_t", "atomic_uint64_t",
        "atomic_size_t",  "atomic_ptrdiff_t", "atomic_intptr_t", "atomic_uintptr_t"};
    return names.contains(name);
}

struct atomic_type {
    std::size_t end = 0; // index after the type
    bool flag = false;
};

// The atomic type that starts at `at` (without its std::), if one does.
bool atomic_type_at(tokens_view tokens, std::size_t at, const std::set<std::string_view>& aliases, atomic_type& found) {
    const auto& t = tokens[at];
    if (!t.is_identifier() || (at > 0 && (tokens[at - 1].is(".") || tokens[at - 1].is("->")))) {
        return false;
    }
    if ((t.is("atomic") || t.is("atomic_ref")) && at + 1 < tokens.size() && tokens[at + 1].is("<")) {
        const auto close = closing_angle(tokens, at + 1);
        found = {close + 1, false};
        return close < tokens.size();
    }
    if (t.is("atomic_flag") || is_atomic_alias(t.text) || aliases.contains(t.text)) {
        found = {at + 1, t.is("atomic_flag")};
        return true;
    }
    return false;
}

// `using word = std::atomic<...>;`
std::set<std::string_view> find_aliases(tokens_view tokens) {
    std::set<std::string_view> aliases;
    for (std::size_t i = 0; i + 3 < tokens.size(); ++i) {
        if (!tokens[i].is("using") || !tokens[i + 1].is_identifier() || !tokens[i + 2].is("=")) {
            continue;
        }
        std::size_t type = i + 3;
        while (type + 1 < tokens.size() && (tokens[type].is("std") || tokens[type].is("::"))) {
            ++type;
        }
        atomic_type found;
        if (atomic_type_at(tokens, type, aliases, found) && found.end < tokens.size() && tokens[found.end].is(";")) {
            aliases.insert(tokens[i + 1].text);
        }
    }
    return aliases;
}

bool ends_declarator(const token& t) {
    static constexpr std::array<std::string_view, 8> signs = {";", "{", "=", ",", ")", "(", "[", ":"};
    return std::ranges::any_of(signs, [&](std::string_view sign) { return t.is(sign); });
}

// `auto name = std::make_unique<std::atomic<int>>(...)`: the name, seen from the atomic type inside.
void declare_made(tokens_view tokens, std::size_t type, atomic_names& names) {
    std::size_t i = type;
    while (i > 0 && (tokens[i - 1].is("::") || tokens[i - 1].is("std") || tokens[i - 1].is("<") ||
                     tokens[i - 1].text.starts_with("make_"))) {
        --i;
    }
    if (i >= 2 && tokens[i - 1].is("=") && tokens[i - 2].is_identifier()) {
        names.emplace(tokens[i - 2].text, atomic_name{shape::pointer, false, i - 2});
    }
}

// The names declared behind an atomic type that ends before `at`.
void declare(tokens_view tokens, std::size_t type, std::size_t at, bool flag, atomic_names& names) {
    shape kind = shape::itself;
    while (at < tokens.size()) {
        if (tokens[at].is(">")) {
            kind = shape::container;
            ++at;
        } else if (tokens[at].is("[") && at + 1 < tokens.size() && tokens[at + 1].is("]")) {
            kind = shape::container;
            at += 2;
        } else if (tokens[at].is(",") && kind == shape::itself) {
            // The next template argument of an enclosing type, such as array<atomic<int>, 4>; else a parameter.
            std::size_t depth = 0;
            std::size_t end = at;
            for (; end < tokens.size() && end < at + 24; ++end) {
                if (tokens[end].is("<")) {
                    ++depth;
                } else if (tokens[end].is(">") && depth-- == 0) {
                    break;
                } else if (tokens[end].is(";") || tokens[end].is("{") || tokens[end].is(")")) {
                    return;
                }
            }
            if (end >= tokens.size() || !tokens[end].is(">")) {
                return;
            }
            at = end;
        } else if (tokens[at].is("*")) {
            kind = kind == shape::container ? kind : shape::pointer;
            ++at;
        } else if (tokens[at].is("&") || tokens[at].is("&&") || tokens[at].is("const")) {
            ++at;
        } else {
            break;
        }
    }
    if (at < tokens.size() && tokens[at].is("(") && kind == shape::container) {
        declare_made(tokens, type, names);
        return;
    }
    while (at + 1 < tokens.size() && tokens[at].is_identifier()) {
        if (tokens[at + 1].is("::") && at + 2 < tokens.size()) {
            at += 2;
            continue;
        }
        if (!ends_declarator(tokens[at + 1])) {
            return;
        }
        const bool array = tokens[at + 1].is("[");
        names.emplace(tokens[at].text, atomic_name{array ? shape::container : kind, flag, at});
        // `std::atomic<int> a{0}, b{0};`: go on only when nothing but more declarators follows.
        std::size_t next = at + 1;
        while (next < tokens.size() && (tokens[next].is("{") || tokens[next].is("["))) {
            next = closing_bracket(tokens, next) + 1;
        }
        if (next + 2 >= tokens.size() || !tokens[next].is(",") || !tokens[next + 1].is_identifier() ||
            !(tokens[next + 2].is(";") || tokens[next + 2].is("{") || tokens[next + 2].is(","))) {
            return;
        }
        at = next + 1;
    }
}

bool is_member_operation(std::string_view name) {
    static const std::set<std::string_view> names = {"load",
                                                     "store",
                                                     "exchange",
                                                     "fetch_add",
                                                     "fetch_sub",
                                                     "fetch_and",
                                                     "fetch_or",
                                                     "fetch_xor",
                                                     "fetch_max",
                                                     "fetch_min",
                                                     "wait",
                                                     "test",
                                                     "test_and_set",
                                                     "clear",
                                                     "compare_exchange_weak",
                                                     "compare_exchange_strong"};
    return names.contains(name);
}

// Nothing but an atomic has a member of this name.
bool is_atomic_only(std::string_view name) {
    return name.starts_with("compare_exchange_") || name == "test_and_set" ||
           (name.starts_with("fetch_") && is_member_operation(name));
}

bool order_named(std::string_view word, order& found) {
    if (word.starts_with("memory_order_")) {
        word.remove_prefix(13);
    }
    static const std::map<std::string_view, order> names = {{"relaxed", order::relaxed}, {"consume", order::consume},
                                                            {"acquire", order::acquire}, {"release", order::release},
                                                            {"acq_rel", order::acq_rel}, {"seq_cst", order::seq_cst}};
    const auto at = names.find(word);
    if (at == names.end()) {
        return false;
    }
    found = at->second;
    return true;
}

// The orders spelled in one argument: std::memory_order_acquire, memory_order::acquire, acquire, a parameter `order`,
// or a conditional expression of these.
void orders_in(tokens_view argument, std::vector<order>& orders) {
    order found{};
    const bool one_name = std::ranges::all_of(argument, [](const token& t) { return t.is_identifier() || t.is("::"); });
    for (std::size_t i = 0; i < argument.size(); ++i) {
        if (!argument[i].is_identifier()) {
            continue;
        }
        const auto word = argument[i].text;
        const bool scoped = i >= 2 && argument[i - 1].is("::") && argument[i - 2].is("memory_order");
        if ((word.starts_with("memory_order_") || scoped || one_name) && order_named(word, found)) {
            orders.push_back(found);
        } else if (one_name && i + 1 == argument.size() && word.find("order") != std::string_view::npos) {
            orders.push_back(order::passed_in);
        }
    }
}

std::vector<tokens_view> arguments_of(tokens_view tokens, std::size_t open, std::size_t close) {
    std::vector<tokens_view> arguments;
    std::size_t begin = open + 1;
    std::size_t depth = 0;
    for (std::size_t i = begin; i < close; ++i) {
        if (is_open(tokens[i])) {
            ++depth;
        } else if (is_close(tokens[i])) {
            --depth;
        } else if (depth == 0 && tokens[i].is("<") && closing_angle(tokens, i) < close) {
            i = closing_angle(tokens, i);
        } else if (depth == 0 && tokens[i].is(",")) {
            arguments.push_back(tokens.subspan(begin, i - begin));
            begin = i + 1;
        }
    }
    if (begin < close) {
        arguments.push_back(tokens.subspan(begin, close - begin));
    }
    return arguments;
}

struct receiver {
    std::string_view name;
    bool reached_into = false; // through [], * or ->
};

// The name before the '.' or '->' at `dot`: a, a[i], a(), (*a), std::atomic_ref<int>(x) -> "atomic_ref".
receiver receiver_before(tokens_view tokens, std::size_t dot) {
    receiver found{{}, tokens[dot].is("->")};
    std::size_t i = dot;
    while (i-- > 0) {
        if (tokens[i].is("]")) {
            found.reached_into = true;
        } else if (tokens[i].is(">")) {
            std::size_t depth = 0;
            for (std::size_t j = i + 1; j-- > 0;) {
                depth += tokens[j].is(">") ? 1U : 0U;
                if (tokens[j].is("<") && --depth == 0) {
                    i = j;
                    break;
                }
            }
            continue;
        } else if (!tokens[i].is(")") && !tokens[i].is("}")) {
            found.name = tokens[i].is_identifier() ? tokens[i].text : std::string_view{};
            return found;
        }
        if (is_close(tokens[i])) {
            const auto open = opening_bracket(tokens, i);
            if (open >= tokens.size()) {
                return found;
            }
            const bool called = open > 0 && (tokens[open - 1].is_identifier() || tokens[open - 1].is(">"));
            if (tokens[i].is(")") && !called) { // (*a).load()
                found.reached_into = true;
                found.name = tokens[i - 1].is_identifier() ? tokens[i - 1].text : std::string_view{};
                return found;
            }
            i = open;
        }
    }
    return found;
}

} // namespace

std::size_t closing_bracket(std::span<const token> tokens, std::size_t open) {
    std::size_t depth = 0;
    for (std::size_t i = open; i < tokens.size(); ++i) {
        if (is_open(tokens[i])) {
            ++depth;
        } else if (is_close(tokens[i]) && --depth == 0) {
            return i;
        }
    }
    return tokens.size();
}

atomic_names declared_atomics(const source& file) {
    atomic_names names;
    const auto tokens = file.tokens();
    const auto aliases = find_aliases(tokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        atomic_type type;
        if (atomic_type_at(tokens, i, aliases, type)) {
            declare(tokens, i, type.end, type.flag, names);
        }
    }
    return names;
}

atomic_names visible_atomics(const tree& all, const source& file) {
    auto names = declared_atomics(file);
    for (const auto& used : file.includes()) {
        if (const auto* header = all.find(used.path); header != nullptr && header->is_cpp()) {
            names.merge(declared_atomics(*header));
        }
    }
    return names;
}

std::vector<atomic_call> find_atomic_calls(const source& file, const atomic_names& names) {
    std::vector<atomic_call> calls;
    const auto tokens = file.tokens();
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        if (!tokens[i].is_identifier() || !tokens[i + 1].is("(")) {
            continue;
        }
        const auto close = closing_bracket(tokens, i + 1);
        if (close >= tokens.size()) {
            continue;
        }
        const auto arguments = arguments_of(tokens, i + 1, close);
        atomic_call call{tokens[i].text, {}, tokens[i].line, i, arguments.size(), {}, false};
        for (const auto argument : arguments) {
            orders_in(argument, call.orders);
        }
        if (call.name == "atomic_thread_fence" || call.name == "atomic_signal_fence" ||
            (call.name.starts_with("atomic_") && call.name.ends_with("_explicit"))) {
            call.fence = call.name.ends_with("fence");
            calls.push_back(std::move(call));
            continue;
        }
        if (!is_member_operation(call.name) || i == 0 || !(tokens[i - 1].is(".") || tokens[i - 1].is("->"))) {
            continue;
        }
        const auto found = receiver_before(tokens, i - 1);
        call.receiver = found.name;
        const auto known = names.find(found.name);
        bool atomic = known != names.end() || found.name == "atomic_ref";
        if (known != names.end() && known->second.kind != shape::itself && !found.reached_into) {
            atomic = false; // the container's or pointer's own member
        }
        if (known != names.end() && (call.name == "clear" || call.name == "test") && !known->second.flag) {
            atomic = false;
        }
        const bool spelled = std::ranges::any_of(call.orders, [](order each) { return each != order::passed_in; });
        if (atomic || spelled || is_atomic_only(call.name)) {
            calls.push_back(std::move(call));
        }
    }
    return calls;
}

} // namespace tidy
