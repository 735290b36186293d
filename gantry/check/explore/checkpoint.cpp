// SPDX-License-Identifier: MIT
#include <gantry/check/explore/checkpoint.hpp>

#define XXH_INLINE_ALL
#include <nlohmann/json.hpp>

#include <xxhash.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace gantry::check {

namespace {

using nlohmann::json;

constexpr int version = 1;

std::string hash_of(std::string_view text) {
    const XXH64_hash_t hash = XXH3_64bits(text.data(), text.size());
    std::string digits(16, '0');
    for (std::size_t i = 0; i < 16; ++i) {
        digits[i] = "0123456789abcdef"[(hash >> (60U - 4U * i)) & 15U];
    }
    return digits;
}

// The line up to the next line feed, which must be there.
std::string_view next_line(std::string_view& rest) {
    const auto end = rest.find('\n');
    const std::string_view line = end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

std::unexpected<std::string> refused(std::string why) {
    return std::unexpected("not a checkpoint: " + std::move(why));
}

} // namespace

std::string text_of(const checkpoint& c) {
    json outcomes = json::array();
    for (const auto& [values, times] : c.outcomes) {
        outcomes.push_back(json{{"values", values}, {"times", times}});
    }
    json names = json::array();
    for (const auto& n : c.names) {
        names.push_back(json::array({n.parent, n.index}));
    }
    std::string text = json{{"gantry-check checkpoint", version},
                            {"program", c.program},
                            {"base", c.base},
                            {"model", c.model},
                            {"bounds", c.bounds},
                            {"executions", c.executions},
                            {"graphs", c.graphs},
                            {"blocked", c.blocked},
                            {"seconds", c.seconds},
                            {"outcomes", std::move(outcomes)},
                            {"names", std::move(names)}}
                           .dump(-1, ' ', false, json::error_handler_t::replace) +
                       "\n";
    for (const std::string& piece : c.pieces) {
        text += piece + "\n";
    }
    text += json{{"pieces", c.pieces.size()}, {"xxh3", hash_of(text)}}.dump() + "\n";
    return text;
}

std::expected<checkpoint, std::string> checkpoint_from(std::string_view text) {
    std::string_view rest = text;
    const json head = json::parse(next_line(rest), nullptr, false);
    if (!head.is_object() || !head.contains("gantry-check checkpoint")) {
        return refused("its first line does not say so");
    }
    if (head["gantry-check checkpoint"] != version) {
        return refused("its version is " + head["gantry-check checkpoint"].dump() + ", expected " +
                       std::to_string(version));
    }
    // The last line speaks of all that comes before it.
    const auto last = text.size() < 2 ? std::string_view::npos : text.rfind('\n', text.size() - 2);
    if (last == std::string_view::npos || text.back() != '\n') {
        return refused("it is cut off");
    }
    const std::string_view before = text.substr(0, last + 1);
    const json foot = json::parse(text.substr(last + 1), nullptr, false);
    if (!foot.is_object() || !foot.contains("pieces") || !foot["pieces"].is_number_unsigned() ||
        !foot.contains("xxh3") || !foot["xxh3"].is_string()) {
        return refused("it is cut off");
    }
    if (foot["xxh3"] != hash_of(before)) {
        return refused("its checksum is wrong, it was changed or damaged");
    }
    checkpoint c;
    try {
        c.program = head.at("program").get<std::string>();
        c.base = head.at("base").get<std::uint64_t>();
        c.model = head.at("model").get<std::string>();
        c.bounds = head.at("bounds").get<std::string>();
        c.executions = head.at("executions").get<std::uint64_t>();
        c.graphs = head.at("graphs").get<std::uint64_t>();
        c.blocked = head.at("blocked").get<std::uint64_t>();
        c.seconds = head.at("seconds").get<double>();
        for (const json& each : head.at("outcomes")) {
            c.outcomes[each.at("values").get<std::vector<std::int64_t>>()] = each.at("times").get<std::uint64_t>();
        }
        for (const json& each : head.at("names")) {
            c.names.push_back({each.at(0).get<thread_id>(), each.at(1).get<std::uint32_t>()});
        }
    } catch (const json::exception& e) {
        return refused(e.what());
    }
    if (c.names.size() > thread_names::max) {
        return refused("it names too many threads");
    }
    for (rest.remove_suffix(text.size() - before.size()); !rest.empty();) {
        c.pieces.emplace_back(next_line(rest));
    }
    if (c.pieces.size() != foot["pieces"].get<std::uint64_t>()) {
        return refused("it is cut off");
    }
    return c;
}

storage_result<void> save(const checkpoint& c, storage_directory& where, std::string_view name) {
    const std::string text = text_of(c);
    const std::string beside = std::string(name) + ".new";
    if (auto gone = where.remove(beside); !gone && gone.error().code != ENOENT) {
        return std::unexpected(gone.error());
    }
    auto file = where.create(beside);
    if (!file) {
        return std::unexpected(file.error());
    }
    if (auto done = (*file)->write_at(0, std::as_bytes(std::span(text))); !done) {
        return done;
    }
    if (auto done = (*file)->sync(); !done) {
        return done;
    }
    if (auto done = where.rename(beside, name); !done) {
        return done;
    }
    return where.sync();
}

std::expected<checkpoint, std::string> load_checkpoint(storage_directory& where, std::string_view name) {
    const auto file = where.open(name, storage_access::read);
    if (!file) {
        return std::unexpected(file.error().message());
    }
    const auto size = (*file)->size();
    if (!size) {
        return std::unexpected(size.error().message());
    }
    std::string text(*size, '\0');
    const auto got = (*file)->read_at(0, std::as_writable_bytes(std::span(text)));
    if (!got) {
        return std::unexpected(got.error().message());
    }
    text.resize(*got);
    auto c = checkpoint_from(text);
    if (!c) {
        return std::unexpected((*file)->path() + ": " + c.error());
    }
    return c;
}

} // namespace gantry::check
