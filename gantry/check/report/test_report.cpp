// SPDX-License-Identifier: MIT
// What is said about a failure must be true and complete: names, places, callers, reasons, the page, the JSON lines; a
// wrong command line is refused with one clear line; a token leads a debugger to the place.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

struct outcome {
    int code = -1;
    std::string out; // standard output, or standard error where that was asked for
};

outcome run(const std::string& command) {
    outcome result;
    FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) {
        ADD_FAILURE() << "cannot run " << command;
        return result;
    }
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
        result.out += static_cast<char>(c);
    }
    const int status = pclose(pipe);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

std::string program() {
    return std::string("'") + GANTRY_FAULTY_MODELS + "' ";
}

outcome models(const std::string& arguments) {
    return run(program() + arguments);
}

outcome errors(const std::string& arguments) {
    return run(program() + arguments + " 2>&1 >/dev/null");
}

// A failing model's JSON line.
json failure(const std::string& arguments) {
    const outcome o = models("--json " + arguments);
    EXPECT_EQ(o.code, 1) << o.out;
    json j = json::parse(o.out, nullptr, false);
    if (j.is_discarded() || !j.contains("execution")) {
        ADD_FAILURE() << o.out;
        return {};
    }
    return j;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// The lines of the models' source that a comment marks.
unsigned line_of(const std::string& path, const std::string& mark) {
    std::ifstream file(path);
    unsigned number = 1;
    for (std::string text; std::getline(file, text); ++number) {
        if (text.ends_with("// " + mark)) {
            return number;
        }
    }
    return 0;
}

std::vector<json> guilty_steps(const json& j) {
    std::vector<json> found;
    for (const json& s : j["execution"]["steps"]) {
        if (s["guilty"]) {
            found.push_back(s);
        }
    }
    return found;
}

class report : public testing::Test {
protected:
    void SetUp() override {
        if (GANTRY_LIBDW == 0) {
            GTEST_SKIP() << "built without libdw: nothing has a name";
        }
    }
};

// Both sides of a race with their lines, functions and callers, and the edge that is missing between them.
TEST_F(report, a_race_names_both_sides_and_their_callers) {
    const json j = failure("race_in_nested_calls");
    EXPECT_EQ(j["found"], "race");
    const std::vector<json> sides = guilty_steps(j);
    ASSERT_EQ(sides.size(), 2U);
    const std::string path = sides[0]["file"];
    EXPECT_EQ(sides[0]["line"], line_of(path, "the write"));
    EXPECT_EQ(sides[1]["line"], line_of(path, "the read"));
    EXPECT_EQ(sides[0]["function"], "write_inner");
    EXPECT_EQ(sides[1]["function"], "read_inner");
    ASSERT_GE(sides[0]["stack"].size(), 2U) << sides[0];
    EXPECT_EQ(sides[0]["stack"][0]["function"], "write_outer");
    EXPECT_EQ(sides[0]["stack"][1]["function"], "race_in_nested_calls, lambda");
    ASSERT_GE(sides[1]["stack"].size(), 1U);
    EXPECT_EQ(sides[1]["stack"][0]["function"], "race_in_nested_calls");
    const std::string text = j["report"];
    EXPECT_TRUE(has(text, "plain write of c.data")) << text;
    EXPECT_TRUE(has(text, "would synchronise if the write were release")) << text;
    EXPECT_TRUE(has(text, "thread 0 was called from:\n    test_faulty_models.cpp")) << text;
    EXPECT_TRUE(has(text, "thread 1 was called from:\n    test_faulty_models.cpp")) << text;
    bool missing = false;
    for (const json& e : j["execution"]["edges"]) {
        missing = missing || e["kind"] == "missing";
    }
    EXPECT_TRUE(missing);
}

// Locals with their members, elements of static arrays, thread_locals, static locals, blocks of memory.
TEST_F(report, objects_are_called_what_the_source_calls_them) {
    const json j = failure("names");
    const std::string text = j["report"];
    for (const char* part : {"writes slots[2] = 2", "writes own = 1", "own: 4 bytes, thread_local of thread 1",
                             "writes flag = 4", "slots[2]: 4 bytes, static", "writes block ",
                             "allocated by thread 0 at test_faulty_models.cpp", "writes last = block "}) {
        EXPECT_TRUE(has(text, part)) << part << "\n" << text;
    }
    EXPECT_TRUE(has(failure("stale_read")["report"], "ready: 4 bytes, a local of stale_read, thread 0"));
}

TEST_F(report, comparisons_show_their_values) {
    json j = failure("compared");
    EXPECT_EQ(j["found"], "assertion");
    EXPECT_TRUE(has(j["summary"], "does not hold: flag.load(std::memory_order_relaxed) == 4\n  left: 3, right: 4"));
    EXPECT_TRUE(has(failure("compared_strings")["summary"], "left: \"<b>&\", right: \"x\""));
    EXPECT_TRUE(has(failure("nasty_names")["summary"], "left: <box>&\"'7, right: <box>&\"'5"));
    EXPECT_TRUE(std::string(failure("outright")["summary"]).starts_with("this is not to be reached\n"));
}

// Each stale read comes with its reason.
TEST_F(report, a_stale_read_is_explained) {
    const json j = failure("stale_read");
    const json& e = j["execution"];
    ASSERT_EQ(e["stale_because"].size(), 1U) << j["report"];
    EXPECT_TRUE(has(e["stale_because"][0], "the write would have to be release and the read acquire"))
        << e["stale_because"];
    bool seen = false;
    for (const json& s : e["steps"]) {
        if (s.contains("stale") && s["stale"] == 1) {
            seen = true;
            EXPECT_EQ(s["object"], "data");
            EXPECT_EQ(s["source"], 0);
        }
    }
    EXPECT_TRUE(seen);
    EXPECT_TRUE(has(failure("store_buffering")["report"], "the two are not seq_cst, nor are seq_cst fences between"));
}

TEST_F(report, a_deadlock_says_who_waits_for_what) {
    const std::string text = failure("opposite_locks")["report"];
    EXPECT_TRUE(has(text, "thread 0 waits for the lock left")) << text;
    EXPECT_TRUE(has(text, "thread 1 waits for the lock right")) << text;
}

// What random walks find becomes about as small as what the exact search finds.
TEST_F(report, what_is_found_at_random_is_minimised) {
    for (const char* name : {"race_in_nested_calls", "stale_read", "store_buffering", "opposite_locks"}) {
        const json exact = failure(name);
        for (const char* seed : {"1", "2", "3"}) {
            const json random = failure(std::string(name) + " --random --seed " + seed);
            EXPECT_LE(random["execution"]["steps_left"], exact["execution"]["steps_left"].get<int>() + 1) << name;
            EXPECT_LE(random["execution"]["steps_left"], random["execution"]["steps_found"]);
        }
    }
    const json kept = failure("store_buffering --random --minimise 0");
    EXPECT_EQ(kept["execution"]["runs"], 0);
    EXPECT_EQ(kept["execution"]["steps_left"], kept["execution"]["steps_found"]);
}

TEST_F(report, a_token_leads_to_the_same_report) {
    for (const char* name : {"race_in_nested_calls", "store_buffering", "opposite_locks", "compared"}) {
        const json first = failure(name);
        const json again = failure(std::string(name) + " --replay " + first["token"].get<std::string>());
        EXPECT_EQ(first["summary"], again["summary"]);
        EXPECT_EQ(first["execution"]["steps"], again["execution"]["steps"]);
        EXPECT_EQ(again["search"], "replay");
    }
}

// An object a line, also where nothing is found.
TEST_F(report, json_has_a_line_for_each_model) {
    const outcome o = models("--json sound compared");
    EXPECT_EQ(o.code, 1);
    std::istringstream lines(o.out);
    std::vector<json> all;
    for (std::string line; std::getline(lines, line);) {
        all.push_back(json::parse(line));
    }
    ASSERT_EQ(all.size(), 2U);
    for (const json& j : all) {
        for (const char* key : {"model", "found", "search", "bounds", "executions", "graphs", "blocked", "finished",
                                "exhaustive", "workers", "seconds", "token", "report", "outcomes"}) {
            EXPECT_TRUE(j.contains(key)) << key;
        }
    }
    EXPECT_EQ(all[1]["found"], "none");
    EXPECT_EQ(all[1]["exhaustive"], true);
    EXPECT_FALSE(all[1].contains("execution"));
    const json& steps = all[0]["execution"]["steps"];
    for (const json& s : steps) {
        for (const char* key :
             {"thread", "number", "kind", "object", "value", "order", "file", "line", "function", "stack", "text"}) {
            EXPECT_TRUE(s.contains(key)) << key << " " << s;
        }
    }
    for (const json& e : all[0]["execution"]["edges"]) {
        EXPECT_LT(e["from"], steps.size());
        EXPECT_LT(e["to"], steps.size());
    }
}

class pages : public report {
protected:
    static std::string page_of(const std::string& model) {
        const auto file = std::filesystem::temp_directory_path() / ("gantry-" + model + ".html");
        EXPECT_EQ(models(model + " --html '" + file.string() + "' >/dev/null").code, 1);
        std::ostringstream text;
        text << std::ifstream(file).rdbuf();
        std::filesystem::remove(file);
        return text.str();
    }
};

// One file that loads nothing, with the line of source of each step and every arrow.
TEST_F(pages, shows_the_execution_and_loads_nothing) {
    const std::string page = page_of("race_in_nested_calls");
    EXPECT_TRUE(page.starts_with("<!doctype html>"));
    EXPECT_TRUE(page.ends_with("</html>\n"));
    EXPECT_TRUE(has(page_of("stale_read"), "\"kind\":\"missed\""));
    for (const char* part : {"thread 0</div>", "thread 1</div>", "c.data = 42; // the write", "\"kind\":\"missing\"",
                             "\"kind\":\"reads-from\"", "--replay ", "write_outer", "undefined behaviour"}) {
        EXPECT_TRUE(has(page, part)) << part;
    }
    for (const char* loaded : {"src=\"", "href=", "url(http", "@import", "https:"}) {
        EXPECT_FALSE(has(page, loaded)) << loaded;
    }
}

TEST_F(pages, escapes_what_the_program_is_called_and_says) {
    const std::string page = page_of("nasty_names");
    EXPECT_TRUE(has(page, "&lt;box&gt;&amp;&quot;&#39;7"));
    EXPECT_FALSE(has(page, "<box>"));
    EXPECT_TRUE(has(page, "operator&amp;&amp;")) << page;
    EXPECT_FALSE(has(page, "operator&&"));
    EXPECT_TRUE(has(page_of("compared_strings"), "&quot;&lt;b&gt;&amp;&quot;"));
}

// Of several models each has its own.
TEST_F(pages, are_called_after_their_models_when_there_are_several) {
    const auto folder = std::filesystem::temp_directory_path() / "gantry-pages";
    std::filesystem::create_directory(folder);
    const outcome o = models("sound outright compared --html '" + (folder / "p.html").string() + "'");
    EXPECT_EQ(o.code, 1);
    EXPECT_TRUE(has(o.out, "page: " + (folder / "p-outright.html").string())) << o.out;
    EXPECT_TRUE(std::filesystem::exists(folder / "p-outright.html"));
    EXPECT_TRUE(std::filesystem::exists(folder / "p-compared.html"));
    EXPECT_FALSE(std::filesystem::exists(folder / "p-sound.html"));
    EXPECT_FALSE(std::filesystem::exists(folder / "p.html"));
    std::filesystem::remove_all(folder);
}

// Each wrong command line: exit status 2 and a line that says what is wrong.
TEST(command_line, is_refused_in_one_line) {
    const struct {
        const char* arguments;
        const char* says;
    } wrong[] = {
        {"compared --replay '!!'", "--replay !!: not a token"},
        {"compared --replay 8", "--replay 8: not a token"},
        {"compared --replay zzzzzzzz", "does not belong to compared"},
        {"--replay AAAA", "name it before --replay"},
        {"compared sound --replay AAAA", "name it before --replay"},
        {"no_such_model", "no model is called no_such_model"},
        {"compared --html /no/such/folder/x.html", "--html /no/such/folder/x.html: No such file or directory"},
        {"compared --executions -5", "--executions"},
        {"compared --executions many", "--executions"},
        {"compared --seconds -1", "--seconds"},
        {"compared --minimise -1", "--minimise"},
        {"compared --seed 1.5", "--seed"},
        {"compared --no-such-flag", "--no-such-flag"},
    };
    for (const auto& w : wrong) {
        const outcome o = errors(w.arguments);
        EXPECT_EQ(o.code, 2) << w.arguments << "\n" << o.out;
        EXPECT_TRUE(has(o.out, w.says)) << w.arguments << "\n" << o.out;
    }
}

// A breakpoint at a side of the race stops there, and gdb knows how it got there.
TEST_F(report, a_debugger_stops_where_the_token_leads) {
    if (std::string(GANTRY_GDB).empty()) {
        GTEST_SKIP() << "there is no gdb";
    }
    const json j = failure("race_in_nested_calls");
    const outcome o = run(std::string(GANTRY_GDB) + " -nx -batch -ex 'set debuginfod enabled off' -ex 'break " +
                          "test_faulty_models.cpp:" + std::to_string(line_of(guilty_steps(j)[0]["file"], "the write")) +
                          "' -ex run -ex bt --args " + program() + "race_in_nested_calls --replay " +
                          j["token"].get<std::string>() + " 2>&1");
    EXPECT_TRUE(has(o.out, "Breakpoint 1, ")) << o.out;
    EXPECT_TRUE(has(o.out, "#0  ")) << o.out;
    EXPECT_TRUE(has(o.out, "write_inner")) << o.out;
    EXPECT_TRUE(has(o.out, "write_outer")) << o.out;
}

} // namespace
