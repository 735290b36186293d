// SPDX-License-Identifier: MIT
// Rule atomics: no order is left to the default, and nothing stands in for an atomic.
#include <fmt/format.h>
#include <tools/tidy/atomic_calls.hpp>
#include <tools/tidy/rules.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace tidy {

namespace {

void check_call(const source& file, const atomic_call& call, reporter& report) {
    const bool exchange = call.name.starts_with("compare_exchange_");
    // Position of the first order among the arguments.
    std::size_t before = 1;
    if (call.fence || call.name == "load" || call.name == "test_and_set" || call.name == "clear" ||
        call.name == "test") {
        before = 0;
    } else if (exchange) {
        before = 2;
    } else if (call.name.ends_with("_explicit")) {
        return; // does not compile without
    }
    if (exchange && call.arguments == before + 1) {
        report(file, call.line, fmt::format("{} with one order; expected the order of failure spelled too", call.name));
    } else if (call.arguments < before + (exchange ? 2 : 1)) {
        const auto shown =
            call.receiver.empty() ? std::string(call.name) : fmt::format("{}.{}", call.receiver, call.name);
        report(file, call.line,
               fmt::format("{} with the default order; expected {} spelled", shown, exchange ? "both orders" : "it"));
    }
    if (std::ranges::find(call.orders, order::consume) != call.orders.end()) {
        report(file, call.line, "memory_order_consume; expected acquire");
    }
}

// std::atomic_load(&x) and its kind: the order is hidden, and the ledger cannot see them.
void check_free_functions(const source& file, reporter& report) {
    static const std::set<std::string_view> names = {"atomic_load",
                                                     "atomic_store",
                                                     "atomic_exchange",
                                                     "atomic_fetch_add",
                                                     "atomic_fetch_sub",
                                                     "atomic_fetch_and",
                                                     "atomic_fetch_or",
                                                     "atomic_fetch_xor",
                                                     "atomic_wait",
                                                     "atomic_compare_exchange_weak",
                                                     "atomic_compare_exchange_strong"};
    const auto tokens = file.tokens();
    for (std::size_t i = 2; i + 1 < tokens.size(); ++i) {
        if (names.contains(tokens[i].text) && tokens[i].is_identifier() && tokens[i - 1].is("::") &&
            tokens[i - 2].is("std") && tokens[i + 1].is("(")) {
            report(file, tokens[i].line,
                   fmt::format("std::{} with the default order; expected the member function with its order",
                               tokens[i].text));
        }
    }
}

bool is_assignment(const token& t) {
    static constexpr std::array<std::string_view, 6> signs = {"=", "+=", "-=", "|=", "&=", "^="};
    return std::ranges::any_of(signs, [&](std::string_view sign) { return t.is(sign); });
}

bool is_step(const token& t) {
    return t.is("++") || t.is("--");
}

// Names that the file also declares as something else: `int done = 0;`, `bool done;`. Those are left alone, since
// scopes are not known here.
std::set<std::string_view> ambiguous_names(std::span<const token> tokens, const atomic_names& names) {
    std::set<std::string_view> ambiguous;
    for (std::size_t i = 1; i + 1 < tokens.size(); ++i) {
        const auto known = names.find(tokens[i].text);
        if (known == names.end() || known->second.declared_at == i || !tokens[i].is_identifier()) {
            continue;
        }
        const auto& before = tokens[i - 1];
        const bool type_before = (before.is_identifier() && !before.is("return") && !before.is("co_return") &&
                                  !before.is("else") && !before.is("co_yield") && !before.is("co_await")) ||
                                 before.is(">") || before.is("&") || before.is("*");
        const auto& after = tokens[i + 1];
        if (type_before && (after.is("=") || after.is(";") || after.is("{") || after.is(",") || after.is(")") ||
                            after.is(":") || after.is("["))) {
            ambiguous.insert(tokens[i].text);
        }
    }
    return ambiguous;
}

void check_operators(const source& file, const atomic_names& names, reporter& report) {
    const auto tokens = file.tokens();
    const auto ambiguous = ambiguous_names(tokens, names);
    for (std::size_t i = 1; i + 1 < tokens.size(); ++i) {
        if (!tokens[i].is_identifier()) {
            continue;
        }
        const auto known = names.find(tokens[i].text);
        if (known == names.end() || known->second.kind != shape::itself || known->second.declared_at == i ||
            ambiguous.contains(tokens[i].text)) {
            continue;
        }
        const auto& before = tokens[i - 1];
        const auto& after = tokens[i + 1];
        // A member of some other object may have the name by chance; `this->` cannot.
        if ((before.is(".") || before.is("->")) && !(i >= 2 && tokens[i - 2].is("this"))) {
            continue;
        }
        if (before.is("::")) {
            continue;
        }
        if (is_step(before) || is_step(after)) {
            report(file, tokens[i].line,
                   fmt::format("operator {} on atomic {}; expected fetch_add or fetch_sub with its order",
                               is_step(before) ? before.text : after.text, tokens[i].text));
        } else if (is_assignment(after) && !before.is("&") && !before.is("[") && !(before.is(",") && after.is("="))) {
            report(file, tokens[i].line,
                   fmt::format("operator {} on atomic {}; expected a call with its order", after.text, tokens[i].text));
        } else if ((before.is("!") || before.is("&&") || before.is("||") ||
                    (before.is("(") && i >= 2 && (tokens[i - 2].is("if") || tokens[i - 2].is("while")))) &&
                   (after.is(")") || after.is("&&") || after.is("||"))) {
            report(file, tokens[i].line,
                   fmt::format("atomic {} read without a call; expected load with its order", tokens[i].text));
        }
    }
}

// A comment `volatile: reason` on the line, on the line above, or for the whole file above its first include.
bool says_why(const source& file, std::size_t line) {
    const std::size_t top = file.includes().empty() ? 0 : file.includes()[0].line;
    return std::ranges::any_of(file.comments(), [&](const comment& each) {
        const bool near = each.line <= line && line <= each.last_line + 1;
        return (near || each.last_line < top) && each.text.find("volatile: ") != std::string_view::npos;
    });
}

// `volatile std::sig_atomic_t`, in either order: what the language asks for in signal handlers.
bool is_signal_flag(std::span<const token> tokens, std::size_t at) {
    const auto end = std::min(at + 4, tokens.size());
    const auto begin = at >= 1 ? at - 1 : at;
    return std::ranges::any_of(tokens.subspan(begin, end - begin), [](const token& t) { return t.is("sig_atomic_t"); });
}

void check_words(const source& file, reporter& report) {
    const auto tokens = file.tokens();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (!tokens[i].is_identifier()) {
            continue;
        }
        const bool assembly = i > 0 && (tokens[i - 1].is("asm") || tokens[i - 1].is("__asm__"));
        if ((tokens[i].is("volatile") || tokens[i].is("__volatile__")) && !assembly && !is_signal_flag(tokens, i) &&
            !says_why(file, tokens[i].line)) {
            report(file, tokens[i].line,
                   "volatile; expected std::atomic, or a comment `volatile: reason` here, above, or at the top of the "
                   "file");
        }
        const bool scoped =
            i >= 2 && tokens[i].is("consume") && tokens[i - 1].is("::") && tokens[i - 2].is("memory_order");
        if (tokens[i].is("memory_order_consume") || scoped) {
            report(file, tokens[i].line, "memory_order_consume; expected acquire");
        }
    }
}

} // namespace

void check_atomics(const tree& all, reporter& report) {
    for (const auto& file : all.files()) {
        if (!file.is_cpp()) {
            continue;
        }
        const auto names = visible_atomics(all, file);
        for (const auto& call : find_atomic_calls(file, names)) {
            check_call(file, call, report);
        }
        check_free_functions(file, report);
        check_operators(file, declared_atomics(file), report);
        check_words(file, report);
    }
}

} // namespace tidy
