// SPDX-License-Identifier: MIT
// Rule ledger: every order says which edge it forms. README.md holds the grammar that is parsed here.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tools/tidy/atomic_calls.hpp>
#include <tools/tidy/ledger.hpp>
#include <tools/tidy/rules.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace tidy {

namespace {

constexpr std::array<std::string_view, 6> relaxed_words = {"revalidated", "owner",      "stale-ok",
                                                           "stats",       "under-lock", "pre-publish"};

// ---- the block that declares the edges -----------------------------------------------------------------------------

struct edge {
    std::string name;
    std::size_t line = 0;
    std::string text;                    // the declaration behind the colon, continuation lines joined
    std::vector<std::string> other_side; // files named by `other side:`
};

struct ledger {
    std::vector<edge> edges;
    std::vector<std::pair<std::string, std::size_t>> seen; // files named by `Ordering ledger: see PATH`
};

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::size_t name_length(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size() && is_name_char(text[length])) {
        ++length;
    }
    return length > 0 && text[0] >= 'a' && text[0] <= 'z' ? length : 0;
}

// A path behind `at`, up to a blank, comma or bracket.
std::string path_at(std::string_view text, std::size_t at) {
    const auto rest = trim(text.substr(at));
    auto path = rest.substr(0, rest.find_first_of(" ,;)"));
    while (path.ends_with('.')) {
        path.remove_suffix(1);
    }
    return std::string(path);
}

void finish(ledger& block, const source& file, reporter& report) {
    if (block.edges.empty()) {
        return;
    }
    auto& last = block.edges.back();
    if (last.text.find("->") == std::string::npos) {
        report(file, last.line,
               fmt::format("edge {} has no `->`; expected `{} : who writes (order) -> who reads (order)`", last.name,
                           last.name));
    }
    constexpr std::string_view key = "other side:";
    for (auto at = last.text.find(key); at != std::string::npos; at = last.text.find(key, at + 1)) {
        last.other_side.push_back(path_at(last.text, at + key.size()));
    }
}

ledger read_ledger(const source& file, reporter& report) {
    ledger block;
    constexpr std::string_view title = "Ordering ledger";
    const auto comments = file.comments();
    for (std::size_t i = 0; i < comments.size(); ++i) {
        auto heading = trim(comments[i].text);
        if (!comments[i].alone || comments[i].block || !heading.starts_with(title)) {
            continue;
        }
        heading = trim(heading.substr(title.size()));
        if (heading.starts_with(": see ")) {
            block.seen.emplace_back(path_at(heading, 6), comments[i].line);
            continue;
        }
        if (!heading.empty() && !heading.starts_with("(") && !heading.starts_with(":")) {
            continue; // prose that begins with these words
        }
        std::size_t indent = 0; // of the first edge; what is indented deeper continues an edge
        bool says_none = false; // `no edges: reason`
        for (++i; i < comments.size() && comments[i].alone && comments[i].line == comments[i - 1].line + 1; ++i) {
            const auto text = comments[i].text;
            const auto depth = text.find_first_not_of(' ');
            if (depth == std::string_view::npos || depth < 2) {
                break;
            }
            const auto content = text.substr(depth);
            if (indent == 0 && content.starts_with("no edges")) {
                indent = depth;
                says_none = true;
                continue;
            }
            const auto length = name_length(content);
            const auto colon = content.find_first_not_of(' ', length);
            const bool names_edge = length > 0 && colon != std::string_view::npos && content[colon] == ':';
            if (names_edge && (indent == 0 || depth <= indent)) {
                finish(block, file, report);
                indent = depth;
                block.edges.push_back({std::string(content.substr(0, length)),
                                       comments[i].line,
                                       std::string(trim(content.substr(colon + 1))),
                                       {}});
            } else if (says_none) {
                continue;
            } else if (indent > 0) {
                block.edges.back().text.append(" ").append(content);
            } else {
                report(file, comments[i].line,
                       fmt::format("ledger line `{}` names no edge; expected `name : writer -> reader`", content));
            }
        }
        finish(block, file, report);
        --i;
    }
    for (std::size_t i = 0; i < block.edges.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (block.edges[i].name == block.edges[j].name) {
                report(file, block.edges[i].line,
                       fmt::format("edge {} is declared twice; expected one line each", block.edges[i].name));
            }
        }
    }
    return block;
}

// ---- labels --------------------------------------------------------------------------------------------------------

struct side {
    std::string edge;
    bool writes = false;
    bool reads = false;
    std::size_t line = 0;
};

struct label {
    std::vector<side> sides;
    bool orders = false;   // `order:` was there
    bool relaxed = false;  // `relaxed:` was there
    bool unproven = false; // `UNPROVEN:` was there
    std::vector<std::string> faults;
};

// Comments that belong together: a trailing comment with its continuation lines, or a run of whole-line comments.
struct comment_group {
    std::size_t first = 0;
    std::size_t last = 0;
    bool trailing = false;
    std::vector<std::string_view> lines;
};

std::vector<comment_group> group_comments(const source& file) {
    std::vector<comment_group> groups;
    std::size_t column = 0;
    for (const auto& each : file.comments()) {
        const bool continues =
            !groups.empty() && each.alone && groups.back().last + 1 == each.line && each.column == column;
        if (!continues) {
            groups.push_back({each.line, each.last_line, !each.alone, {}});
        }
        column = each.column;
        groups.back().last = each.last_line;
        for (const auto line : lines_of(each.text)) {
            groups.back().lines.push_back(line);
        }
    }
    return groups;
}

// What may follow a side or a word: an explanation set off by a sign, so that a typing error is not taken for one.
bool ends_part(std::string_view rest) {
    rest = trim(rest);
    return rest.empty() || std::string_view(";(.:").find(rest[0]) != std::string_view::npos || rest.starts_with("- ");
}

void parse_sides(std::string_view text, std::size_t line, label& found) {
    while (true) {
        text = trim(text);
        const auto length = name_length(text);
        const auto rest = text.substr(length);
        side parsed{std::string(text.substr(0, length)), false, false, line};
        std::size_t taken = 0;
        if (rest.starts_with(".rw")) {
            parsed.writes = parsed.reads = true;
            taken = 3;
        } else if (rest.starts_with(".w")) {
            parsed.writes = true;
            taken = 2;
        } else if (rest.starts_with(".r")) {
            parsed.reads = true;
            taken = 2;
        }
        const auto after = rest.substr(taken);
        if (length == 0 || taken == 0 || !(after.starts_with(",") || ends_part(after))) {
            found.faults.push_back(
                fmt::format("`order: {}` is no label; expected `order: edge.w`, `.r` or `.rw`, separated by commas",
                            text.substr(0, 40)));
            return;
        }
        found.sides.push_back(std::move(parsed));
        if (!after.starts_with(",")) {
            return;
        }
        text = after.substr(1);
    }
}

void parse_relaxed(std::string_view text, label& found) {
    text = trim(text);
    const auto length = name_length(text);
    const auto word = text.substr(0, length);
    const auto after = trim(text.substr(length));
    if (std::ranges::find(relaxed_words, word) == relaxed_words.end() || !(ends_part(after) || after[0] == ',')) {
        found.faults.push_back(fmt::format("`relaxed: {}` is no label; expected one of {}", text.substr(0, 40),
                                           fmt::join(relaxed_words, " | ")));
    }
}

label parse_group(const comment_group& group) {
    label found;
    std::string text;
    std::set<std::size_t> starts; // a label may begin at a line's start ...
    for (const auto line : group.lines) {
        starts.insert(text.size());
        text.append(trim(line)).push_back(' ');
    }
    const auto begins_label = [&](std::size_t at) {
        if (starts.contains(at)) {
            return true;
        }
        const auto before = text.find_last_not_of(' ', at == 0 ? 0 : at - 1); // ... or behind one of these signs
        return before != std::string::npos && before < at &&
               std::string_view(";.)").find(text[before]) != std::string_view::npos;
    };
    const std::string_view view = text;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!begins_label(at)) {
            continue;
        }
        if (view.substr(at).starts_with("order: ")) {
            found.orders = true;
            parse_sides(view.substr(at + 7), group.first, found);
        } else if (view.substr(at).starts_with("relaxed: ")) {
            found.relaxed = true;
            parse_relaxed(view.substr(at + 9), found);
        } else if (view.substr(at).starts_with("UNPROVEN:")) {
            found.unproven = true;
            if (trim(view.substr(at + 9)).empty()) {
                found.faults.emplace_back("`UNPROVEN:` without a reason; expected why no model shows this order");
            }
        }
    }
    return found;
}

// ---- statements ----------------------------------------------------------------------------------------------------

// True when the '{' at `open` begins an initialiser rather than a block or a body.
bool opens_initialiser(std::span<const token> tokens, std::size_t open) {
    if (open == 0) {
        return false;
    }
    const auto& before = tokens[open - 1];
    if (before.is("=") || before.is("(") || before.is(",") || before.is("return") || before.is("?")) {
        return true;
    }
    static const std::set<std::string_view> never = {
        "else",  "do",    "try",  "const",   "noexcept", "override", "final",   "struct",  "namespace",
        "class", "union", "enum", "mutable", "extern",   "requires", "concept", "volatile"};
    if (!before.is_identifier() || never.contains(before.text)) {
        return false;
    }
    std::size_t i = open - 1; // back over a qualified name
    while (i >= 2 && tokens[i - 1].is("::") && tokens[i - 2].is_identifier()) {
        i -= 2;
    }
    static constexpr std::array<std::string_view, 7> starters = {"return", "=", "(", ",", ".", "<<", "?"};
    return i > 0 && std::ranges::any_of(starters, [&](std::string_view sign) { return tokens[i - 1].is(sign); }) &&
           !(tokens[i - 1].is(",") && i >= 2 && tokens[i - 2].is(")"));
}

// For each token the number of the statement it is in.
std::vector<std::size_t> number_statements(std::span<const token> tokens) {
    std::vector<std::size_t> numbers(tokens.size());
    std::vector<bool> initialisers;
    std::size_t current = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const auto& t = tokens[i];
        if (t.kind == token_kind::directive) {
            ++current;
        }
        numbers[i] = current;
        if (t.is("{")) {
            initialisers.push_back(opens_initialiser(tokens, i));
            current += initialisers.back() ? 0U : 1U;
        } else if (t.is("}")) {
            const bool initialiser = !initialisers.empty() && initialisers.back();
            if (!initialisers.empty()) {
                initialisers.pop_back();
            }
            current += initialiser ? 0U : 1U;
        } else if (t.is(";") || t.kind == token_kind::directive_end) {
            ++current;
        }
    }
    return numbers;
}

struct statement {
    std::size_t first = 0; // lines
    std::size_t last = 0;
    std::size_t brace = 0; // line of a lone '}' right behind it, where clang-format puts the comment of a short body
    std::vector<const atomic_call*> calls;
    bool may_order = false; // calls something that orders memory in its own way, such as the asymmetric fences
};

bool orders_in_its_own_way(const token& t) {
    static constexpr std::array<std::string_view, 8> words = {"fence", "barrier", "park",  "wait",
                                                              "wake",  "notify",  "futex", "protect"};
    return t.is_identifier() && std::ranges::any_of(words, [&](std::string_view word) {
               return t.text.find(word) != std::string_view::npos;
           });
}

std::map<std::size_t, statement> find_statements(const source& file, std::span<const atomic_call> calls) {
    const auto tokens = file.tokens();
    const auto numbers = number_statements(tokens);
    std::map<std::size_t, statement> statements;
    for (const auto& call : calls) {
        statements[numbers[call.token]].calls.push_back(&call);
    }
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (i + 1 < tokens.size() && tokens[i + 1].is("(") && orders_in_its_own_way(tokens[i])) {
            statements[numbers[i]].may_order = true;
        }
    }
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const auto at = statements.find(numbers[i]);
        if (at == statements.end() || tokens[i].kind == token_kind::directive_end) {
            continue;
        }
        auto& each = at->second;
        each.first = each.first == 0 ? tokens[i].line : each.first;
        each.last = tokens[i].line;
        const bool closes = i + 1 < tokens.size() && tokens[i + 1].is("}") && tokens[i + 1].line == each.last + 1;
        each.brace = closes ? tokens[i + 1].line : 0;
    }
    return statements;
}

bool belongs_to(const comment_group& group, const statement& code) {
    if (group.trailing) {
        return (code.first <= group.first && group.first <= code.last) || group.first == code.brace;
    }
    return (code.first <= group.first && group.first <= code.last) || group.last + 1 == code.first;
}

// ---- one file ------------------------------------------------------------------------------------------------------

struct file_ledger {
    const source* file = nullptr;
    ledger declared;
    std::vector<side> used;
};

bool can_write(order each) {
    return each == order::release || each == order::acq_rel || each == order::seq_cst;
}
bool can_read(order each) {
    return each == order::acquire || each == order::consume || each == order::acq_rel || each == order::seq_cst;
}

void check_statement(const source& file, const statement& code, const label& found, reporter& report) {
    bool writes = false;
    bool reads = false;
    bool only_writes = false;
    bool only_reads = false;
    bool relaxed = false;
    bool unknown = false;
    std::size_t ordered_line = 0;
    std::size_t relaxed_line = 0;
    for (const auto* call : code.calls) {
        for (const auto each : call->orders) {
            unknown = unknown || each == order::passed_in;
            writes = writes || can_write(each);
            reads = reads || can_read(each);
            only_writes = only_writes || each == order::release;
            only_reads = only_reads || each == order::acquire;
            if (each == order::relaxed) {
                relaxed = true;
                relaxed_line = call->line;
            } else if (each != order::passed_in && ordered_line == 0) {
                ordered_line = call->line;
            }
        }
    }
    if (ordered_line != 0 && !found.orders && !found.unproven) {
        report(file, ordered_line,
               "order without its edge; expected a comment `order: edge.w` (or .r, .rw) here or above");
    }
    if (relaxed && !found.relaxed && !found.unproven) {
        report(file, relaxed_line,
               fmt::format("relaxed access without its reason; expected a comment `relaxed: {}` here or above",
                           fmt::join(relaxed_words, " | ")));
    }
    if (unknown && !found.orders && !found.relaxed && !found.unproven) {
        report(file, code.calls.front()->line,
               "order passed in from outside without a label; expected `order: edge.side` or `relaxed: word`");
    }
    if (code.may_order || unknown) {
        return;
    }
    const bool says_write = std::ranges::any_of(found.sides, &side::writes);
    const bool says_read = std::ranges::any_of(found.sides, &side::reads);
    if (says_write && !writes) {
        report(file, found.sides.front().line,
               "write side of an edge on a statement that releases nothing; expected release or stronger there");
    }
    if (says_read && !reads) {
        report(file, found.sides.front().line,
               "read side of an edge on a statement that acquires nothing; expected acquire or stronger there");
    }
    if (found.orders && found.faults.empty()) {
        if (only_writes && !says_write) {
            report(file, ordered_line, "release without a write side; expected `order: edge.w`");
        }
        if (only_reads && !says_read) {
            report(file, ordered_line, "acquire without a read side; expected `order: edge.r`");
        }
    }
    if (found.relaxed && !relaxed && !code.calls.empty()) {
        report(file, code.calls.front()->line,
               "label `relaxed:` on a statement without a relaxed access; expected none");
    }
}

file_ledger read_file(const tree& all, const source& file, reporter& report) {
    file_ledger result{&file, read_ledger(file, report), {}};
    const auto calls = find_atomic_calls(file, visible_atomics(all, file));
    const auto statements = find_statements(file, calls);
    const auto groups = group_comments(file);

    std::vector<label> labels;
    labels.reserve(groups.size());
    for (const auto& group : groups) {
        labels.push_back(parse_group(group));
    }
    std::vector<bool> attached(groups.size(), false);
    for (const auto& [number, code] : statements) {
        label combined;
        for (std::size_t g = 0; g < groups.size(); ++g) {
            auto& each = labels[g];
            if (!(each.orders || each.relaxed || each.unproven) || !belongs_to(groups[g], code)) {
                continue;
            }
            attached[g] = attached[g] || !code.calls.empty() || code.may_order;
            combined.orders = combined.orders || each.orders;
            combined.relaxed = combined.relaxed || each.relaxed;
            combined.unproven = combined.unproven || each.unproven;
            combined.sides.insert(combined.sides.end(), each.sides.begin(), each.sides.end());
            combined.faults.insert(combined.faults.end(), each.faults.begin(), each.faults.end());
        }
        if (!code.calls.empty()) {
            check_statement(file, code, combined, report);
        }
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
        if (attached[g]) {
            for (const auto& fault : labels[g].faults) {
                report(file, groups[g].first, fault);
            }
            result.used.insert(result.used.end(), labels[g].sides.begin(), labels[g].sides.end());
        } else if ((labels[g].orders || labels[g].relaxed) && labels[g].faults.empty()) {
            report(file, groups[g].first,
                   "label without an atomic access; expected one on this statement, or on the line below");
        }
    }
    return result;
}

} // namespace

std::vector<ordered_statement> ordered_statements(const tree& all, const source& file) {
    const auto calls = find_atomic_calls(file, visible_atomics(all, file));
    const auto groups = group_comments(file);
    std::vector<ordered_statement> found;
    for (const auto& [number, code] : find_statements(file, calls)) {
        // A fence for signals orders the compiler only, and counts where it may be the light half of an asymmetric
        // fence.
        const bool orders = std::ranges::any_of(code.calls, [](const atomic_call* call) {
            const bool light = call->name == "atomic_signal_fence";
            return std::ranges::any_of(call->orders, [light](order each) {
                return light ? each == order::seq_cst : each != order::relaxed && each != order::passed_in;
            });
        });
        if (!orders) {
            continue;
        }
        ordered_statement each{code.first, code.last, {}, false};
        for (const auto& group : groups) {
            if (!belongs_to(group, code)) {
                continue;
            }
            const label read = parse_group(group);
            each.unproven = each.unproven || read.unproven;
            for (const side& s : read.sides) {
                each.label += (each.label.empty() ? "" : ", ") + s.edge +
                              (s.writes && s.reads ? ".rw"
                               : s.writes          ? ".w"
                                                   : ".r");
            }
        }
        found.push_back(std::move(each));
    }
    return found;
}

void check_ledger(const tree& all, reporter& report) {
    std::map<std::string, file_ledger, std::less<>> files;
    for (const auto& file : all.files()) {
        if (file.is_library()) {
            files.emplace(file.path(), read_file(all, file, report));
        }
    }

    // Whether `user` may use the edges that `declarer` declares: a file its own and those of its twin (x.hpp and x.cpp
    // are one component), a borrower those of the file it names, and anyone a single edge that is lent to it.
    const auto shares = [](const file_ledger& user, const file_ledger& declarer) {
        const auto& path = declarer.file->path();
        return (folder_of(user.file->path()) == folder_of(path) && stem_of(user.file->path()) == stem_of(path)) ||
               std::ranges::any_of(user.declared.seen, [&](const auto& named) { return named.first == path; });
    };
    const auto is_lent = [](const edge& each, const file_ledger& user) {
        return std::ranges::find(each.other_side, user.file->path()) != each.other_side.end();
    };
    const auto is_declared = [&](const file_ledger& user, const std::string& name) {
        return std::ranges::any_of(files, [&](const auto& entry) {
            return std::ranges::any_of(entry.second.declared.edges, [&](const edge& each) {
                return each.name == name && (shares(user, entry.second) || is_lent(each, user));
            });
        });
    };
    for (const auto& [path, user] : files) {
        for (const auto& [seen, line] : user.declared.seen) {
            if (!files.contains(seen)) {
                report(path, line,
                       fmt::format("ledger refers to {}, which is no library file; expected its path from "
                                   "the root",
                                   seen));
            }
        }
        for (const auto& each : user.used) {
            if (!is_declared(user, each.edge)) {
                report(path, each.line,
                       fmt::format("edge {} is not declared; expected a line `{} : writer -> reader` in the file's "
                                   "Ordering ledger",
                                   each.edge, each.edge));
            }
        }
        for (const auto& declared : user.declared.edges) {
            bool written = false;
            bool read = false;
            for (const auto& [other_path, other] : files) {
                if (!shares(other, user) && !is_lent(declared, other)) {
                    continue;
                }
                for (const auto& each : other.used) {
                    written = written || (each.edge == declared.name && each.writes);
                    read = read || (each.edge == declared.name && each.reads);
                }
            }
            bool by_caller = false; // one side is in the code of whoever uses this
            for (const auto& other : declared.other_side) {
                if (other == "caller") {
                    by_caller = true;
                } else if (!files.contains(other)) {
                    report(path, declared.line,
                           fmt::format("other side of edge {}: {} is no library file; expected its path from the root",
                                       declared.name, other));
                }
            }
            if (!written && !read) {
                report(path, declared.line,
                       fmt::format("edge {} is declared but never used; expected `order: {}.w` and `order: {}.r`",
                                   declared.name, declared.name, declared.name));
            } else if (!by_caller && (!written || !read)) {
                report(path, declared.line,
                       fmt::format("edge {} has no {} side; expected `order: {}.{}`", declared.name,
                                   written ? "read" : "write", declared.name, written ? "r" : "w"));
            }
        }
    }
}

} // namespace tidy
