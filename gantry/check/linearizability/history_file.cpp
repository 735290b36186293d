// SPDX-License-Identifier: MIT
#include <gantry/check/linearizability/history_file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace gantry::check {

namespace {

using json = nlohmann::json;

// Bounds what one line may make the parser build.
constexpr std::size_t line_bytes_max = 4096;

constexpr std::array<std::string_view, 7> objects = {"register", "counter", "set",          "map",
                                                     "stack",    "queue",   "relaxed-queue"};

// Calls `with` with the specification that the file names, at its start; false if there is none.
template<class With>
bool with_specification(const history_file& file, const With& with) {
    if (file.object == "register") {
        with(register_specification{});
    } else if (file.object == "counter") {
        with(counter_specification{});
    } else if (file.object == "set") {
        with(set_specification{});
    } else if (file.object == "map") {
        with(map_specification{});
    } else if (file.object == "stack") {
        with(stack_specification{});
    } else if (file.object == "queue") {
        with(queue_specification{.capacity = file.capacity});
    } else if (file.object == "relaxed-queue") {
        with(relaxed_queue_specification{.k = file.k});
    } else {
        return false;
    }
    return true;
}

// One line of the file, and what is wrong with it first.
class line_reader {
public:
    explicit line_reader(std::string_view line) {
        if (line.size() > line_bytes_max) {
            fail("the line is longer than " + std::to_string(line_bytes_max) + " bytes");
            return;
        }
        // The parser keeps the last of two equal keys; we want none of it.
        std::vector<std::string> keys;
        bool twice = false;
        const json::parser_callback_t watch = [&](int depth, json::parse_event_t event, json& parsed) {
            if (event == json::parse_event_t::key && depth == 1) {
                const auto& key = parsed.get_ref<const std::string&>();
                twice = twice || std::ranges::find(keys, key) != keys.end();
                keys.push_back(key);
            }
            return true;
        };
        object_ = json::parse(line, watch, false);
        if (object_.is_discarded() || !object_.is_object()) {
            fail("not a JSON object");
        } else if (twice) {
            fail("a key stands there twice");
        }
    }

    [[nodiscard]] const std::string& wrong() const { return wrong_; }
    [[nodiscard]] bool has(const char* key) const { return wrong_.empty() && object_.contains(key); }

    std::string text(const char* key) {
        if (const json* found = find(key); found != nullptr) {
            if (found->is_string()) {
                return found->get<std::string>();
            }
            fail(std::string("\"") + key + "\" is no string");
        }
        return {};
    }

    std::uint64_t natural(const char* key, std::uint64_t most) {
        if (const json* found = find(key); found != nullptr) {
            if (found->is_number_unsigned() && found->get<std::uint64_t>() <= most) {
                return found->get<std::uint64_t>();
            }
            fail(std::string("\"") + key + "\" is no whole number from 0 to " + std::to_string(most));
        }
        return 0;
    }

    std::int64_t integer(const char* key) {
        if (const json* found = find(key); found != nullptr) {
            if (is_integer(*found)) {
                return found->get<std::int64_t>();
            }
            fail(std::string("\"") + key + "\" is no 64-bit integer");
        }
        return 0;
    }

    response result() {
        const json* found = find("result");
        if (found == nullptr || found->is_null()) {
            return {};
        }
        if (found->is_boolean()) {
            return found->get<bool>() ? 1 : 0;
        }
        if (is_integer(*found)) {
            return found->get<std::int64_t>();
        }
        fail("\"result\" is neither null, true, false nor a 64-bit integer");
        return {};
    }

    void only(std::initializer_list<std::string_view> known) {
        if (!wrong_.empty()) {
            return;
        }
        for (const auto& [key, value] : object_.items()) {
            if (std::ranges::find(known, std::string_view(key)) == known.end()) {
                fail("there is a key that does not belong here; expected only " + joined(known));
                return;
            }
        }
    }

    void fail(std::string what) {
        if (wrong_.empty()) {
            wrong_ = std::move(what);
        }
    }

private:
    [[nodiscard]] const json* find(const char* key) {
        if (!wrong_.empty()) {
            return nullptr;
        }
        const auto found = object_.find(key);
        if (found == object_.end()) {
            fail(std::string("\"") + key + "\" is missing");
            return nullptr;
        }
        return &*found;
    }

    [[nodiscard]] static bool is_integer(const json& value) {
        return value.is_number_unsigned() ? value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max()
                                          : value.is_number_integer();
    }

    [[nodiscard]] static std::string joined(std::initializer_list<std::string_view> names) {
        std::string all;
        for (const std::string_view each : names) {
            all += all.empty() ? "" : ", ";
            all += each;
        }
        return all;
    }

    json object_;
    std::string wrong_;
};

void read_header(line_reader& in, history_file& file) {
    in.only({"format", "version", "object", "capacity", "k"});
    if (in.text("format") != "gantry-history") {
        in.fail("\"format\" is not \"gantry-history\"");
    }
    if (in.natural("version", pending - 1) != 1) {
        in.fail("\"version\" is not 1");
    }
    if (in.has("object")) {
        file.object = in.text("object");
        if (std::ranges::find(objects, file.object) == objects.end()) {
            in.fail("\"object\" is none that is known");
        }
    }
    if (in.has("capacity")) {
        file.capacity = in.natural("capacity", pending - 1);
        if (file.object != "queue") {
            in.fail("\"capacity\" belongs to the object \"queue\" only");
        }
    }
    if (in.has("k")) {
        file.k = in.natural("k", pending - 1);
        if (file.object != "relaxed-queue" || file.k == 0) {
            in.fail("\"k\" is at least 1 and belongs to the object \"relaxed-queue\" only");
        }
    }
}

void read_operation(line_reader& in, const history_file& file, record<request, response>& one) {
    in.only({"thread", "op", "key", "value", "expected", "result", "call", "end"});
    one.thread = static_cast<std::uint32_t>(in.natural("thread", std::numeric_limits<std::uint32_t>::max()));
    const std::string name = in.text("op");
    const auto known = std::ranges::find(detail::verbs, name, &detail::verb_words::name);
    if (known == detail::verbs.end()) {
        in.fail("\"op\" is none that is known");
        return;
    }
    one.what.what = known->what;
    with_specification(file, [&](const auto& start) {
        if (!start.knows(known->what)) {
            in.fail("a " + file.object + " has no " + name);
        }
    });
    const auto argument = [&](const char* key, bool wanted, std::int64_t& into) {
        if (wanted) {
            into = in.integer(key);
        } else if (in.has(key)) {
            in.fail(name + " takes no \"" + key + "\"");
        }
    };
    argument("key", known->key, one.what.key);
    argument("value", known->value, one.what.value);
    argument("expected", known->expected, one.what.expected);
    one.call = in.natural("call", pending - 2);
    if (in.has("end")) {
        one.end = in.natural("end", pending - 1);
        if (one.end <= one.call) {
            in.fail("\"end\" is not greater than \"call\"");
        }
        if (in.has("result")) {
            one.result = in.result();
        }
    } else if (in.has("result")) {
        in.fail("there is a \"result\", but no \"end\"");
    }
}

// The line of an operation that is called before another of its thread ended; 0 if there is none.
std::size_t overlapping(const history<request, response>& all, const std::vector<std::size_t>& lines) {
    std::vector<std::size_t> by_thread(all.size());
    std::iota(by_thread.begin(), by_thread.end(), std::size_t{0});
    std::ranges::sort(by_thread, {}, [&](std::size_t i) { return std::pair(all[i].thread, all[i].call); });
    for (std::size_t i = 1; i < by_thread.size(); ++i) {
        const auto& before = all[by_thread[i - 1]];
        const auto& after = all[by_thread[i]];
        if (before.thread == after.thread && before.end >= after.call) {
            return lines[by_thread[i]];
        }
    }
    return 0;
}

} // namespace

std::span<const std::string_view> history_objects() noexcept {
    return objects;
}

std::expected<history_file, history_error> read_history(std::string_view text) {
    history_file file;
    std::vector<std::size_t> lines;
    bool header = true;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t length = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, length);
        text.remove_prefix(std::min(length + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
            continue;
        }
        line_reader in(line);
        if (header) {
            read_header(in, file);
            header = false;
        } else {
            record<request, response> one;
            read_operation(in, file, one);
            file.all.push_back(one);
            lines.push_back(number);
        }
        if (!in.wrong().empty()) {
            return std::unexpected(history_error{.line = number, .what = in.wrong()});
        }
    }
    if (header) {
        return std::unexpected(history_error{.line = 0, .what = "there is no first line that names the format"});
    }
    if (const std::size_t line = overlapping(file.all, lines); line != 0) {
        return std::unexpected(history_error{
            .line = line, .what = "\"call\" is not greater than the \"end\" of the thread's operation before it"});
    }
    return file;
}

std::string write_history(const history_file& file) {
    std::string text = R"({"format":"gantry-history","version":1)";
    if (!file.object.empty()) {
        text += ",\"object\":\"" + file.object + '"';
    }
    if (file.object == "queue" && file.capacity != 0) {
        text += ",\"capacity\":" + std::to_string(file.capacity);
    }
    if (file.object == "relaxed-queue") {
        text += ",\"k\":" + std::to_string(file.k);
    }
    text += "}\n";
    for (const auto& each : file.all) {
        const detail::verb_words& known = detail::words_of(each.what.what);
        text += "{\"thread\":" + std::to_string(each.thread) + ",\"op\":\"";
        text += known.name;
        text += '"';
        if (known.key) {
            text += ",\"key\":" + std::to_string(each.what.key);
        }
        if (known.value) {
            text += ",\"value\":" + std::to_string(each.what.value);
        }
        if (known.expected) {
            text += ",\"expected\":" + std::to_string(each.what.expected);
        }
        text += ",\"call\":" + std::to_string(each.call);
        if (!each.is_pending()) {
            text += ",\"end\":" + std::to_string(each.end);
            if (each.result) {
                text += ",\"result\":" + (*each.result ? std::to_string(**each.result) : std::string("null"));
            }
        }
        text += "}\n";
    }
    return text;
}

std::expected<history_result, history_error> check_file(const history_file& file, const history_options& options) {
    std::optional<std::expected<history_result, history_error>> outcome;
    const bool known = with_specification(file, [&](const auto& start) {
        for (std::size_t i = 0; i < file.all.size(); ++i) {
            if (const verb what = file.all[i].what.what; !start.knows(what)) {
                std::string wrong = "a " + file.object + " has no ";
                wrong += detail::words_of(what).name;
                outcome = std::unexpected(history_error{.line = i + 2, .what = std::move(wrong)});
                return;
            }
        }
        outcome = check_history(start, file.all, options);
    });
    if (!known) {
        return std::unexpected(history_error{.line = 0, .what = "nobody says which object it is"});
    }
    return std::move(*outcome);
}

} // namespace gantry::check
