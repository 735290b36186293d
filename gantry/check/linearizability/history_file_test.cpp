// SPDX-License-Identifier: MIT
// Histories come back from text as they went; every mistake is named with its line; the page of the format is true; the
// picture shows what matters and runs nothing; gantry-linear's exit status is its verdict.
#include <gantry/check/linearizability/history_file.hpp>
#include <gantry/check/linearizability/history_page.hpp>
#include <gantry/check/linearizability/history_text.hpp>
#include <gantry/check/linearizability/linearizability_test_support.hpp>
#include <gantry/check/linearizability/recorder.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::check {
namespace {

using test::events;
using test::pop;
using test::push;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view header = "{\"format\":\"gantry-history\",\"version\":1,\"object\":\"queue\"}\n";

std::string with_header(std::string_view lines) {
    return std::string(header) + std::string(lines);
}

std::string contents(const std::filesystem::path& name) {
    std::ifstream in(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(history_file, comes_back_as_it_went) {
    for (const std::string_view object : history_objects()) {
        history_file file{.object = std::string(object)};
        if (object == "relaxed-queue") {
            file.k = 3;
        }
        if (object == "queue") {
            file.capacity = 2;
            file.all = {
                {.thread = 7,
                 .what = {.what = verb::try_push, .value = -1},
                 .result = response{1},
                 .call = 1,
                 .end = 9},
                {.thread = 1, .what = pop(), .result = response{}, .call = 2, .end = 3},
                {.thread = 1, .what = pop(), .result = {}, .call = 4, .end = 5},
                {.thread = 1, .what = push(INT64_MIN), .result = {}, .call = 6, .end = pending},
            };
        }
        const auto read = read_history(write_history(file));
        ASSERT_TRUE(read) << read.error().what;
        EXPECT_EQ(*read, file);
    }
}

TEST(history_file, what_is_recorded_is_judged_elsewhere) {
    recorder<request, response> log({.threads = 1});
    log.call(0, pop());
    log.end(0, response{3});
    const std::string text = write_history({.object = "queue", .all = log.take()});
    const auto read = read_history(text);
    ASSERT_TRUE(read);
    const auto result = check_file(*read);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->is, verdict::violated);
}

struct mistake {
    std::string text;
    std::size_t line;
    std::string says;
};

TEST(history_file, mistakes_are_named_with_their_line) {
    const std::vector<mistake> all = {
        {"", 0, "no first line"},
        {"\n\n", 0, "no first line"},
        {"[]", 1, "not a JSON object"},
        {"{", 1, "not a JSON object"},
        {std::string(4000, '['), 1, "not a JSON object"},
        {std::string(5000, ' ') + "{}", 1, "longer than 4096"},
        {"{\"version\":1}", 1, "\"format\" is missing"},
        {"{\"format\":\"x\",\"version\":1}", 1, "\"format\" is not"},
        {"{\"format\":\"gantry-history\",\"version\":2}", 1, "\"version\" is not 1"},
        {"{\"format\":\"gantry-history\",\"version\":1,\"object\":\"heap\"}", 1, "\"object\" is none"},
        {"{\"format\":\"gantry-history\",\"version\":1,\"k\":2}", 1, "\"k\" is at least 1"},
        {"{\"format\":\"gantry-history\",\"version\":1,\"capacity\":2}", 1, "\"capacity\" belongs"},
        {"{\"format\":\"gantry-history\",\"version\":1,\"version\":1}", 1, "twice"},
        {with_header("\n{\"thread\":0,\"op\":\"pop\"}"), 3, "\"call\" is missing"},
        {with_header("{\"thread\":-1,\"op\":\"pop\",\"call\":1}"), 2, "\"thread\" is no whole number"},
        {with_header("{\"thread\":4294967296,\"op\":\"pop\",\"call\":1}"), 2, "\"thread\" is no whole number"},
        {with_header("{\"thread\":0,\"op\":\"peek\",\"call\":1}"), 2, "\"op\" is none"},
        {with_header("{\"thread\":0,\"op\":7,\"call\":1}"), 2, "\"op\" is no string"},
        {with_header("{\"thread\":0,\"op\":\"read\",\"call\":1}"), 2, "a queue has no read"},
        {with_header("{\"thread\":0,\"op\":\"push\",\"call\":1}"), 2, "\"value\" is missing"},
        {with_header("{\"thread\":0,\"op\":\"push\",\"value\":1.5,\"call\":1}"), 2, "\"value\" is no 64-bit integer"},
        {with_header("{\"thread\":0,\"op\":\"push\",\"value\":9223372036854775808,\"call\":1}"), 2, "64-bit integer"},
        {with_header("{\"thread\":0,\"op\":\"pop\",\"value\":1,\"call\":1}"), 2, "pop takes no \"value\""},
        {with_header("{\"thread\":0,\"op\":\"pop\",\"call\":1,\"stop\":2}"), 2, "does not belong here"},
        {with_header("{\"thread\":0,\"op\":\"pop\",\"call\":2,\"end\":2}"), 2, "\"end\" is not greater"},
        {with_header("{\"thread\":0,\"op\":\"pop\",\"call\":1,\"end\":18446744073709551615}"), 2,
         "\"end\" is no whole"},
        {with_header("{\"thread\":0,\"op\":\"pop\",\"call\":1,\"result\":1}"), 2, "no \"end\""},
        {with_header("{\"thread\":0,\"op\":\"pop\",\"call\":1,\"end\":2,\"result\":\"1\"}"), 2, "neither null"},
        {with_header(
             "{\"thread\":0,\"op\":\"pop\",\"call\":3,\"end\":4}\n{\"thread\":0,\"op\":\"pop\",\"call\":1,\"end\":3}"),
         2, "the thread's operation before it"},
    };
    for (const mistake& each : all) {
        const auto read = read_history(each.text);
        ASSERT_FALSE(read) << each.text;
        EXPECT_EQ(read.error().line, each.line) << each.text;
        EXPECT_THAT(read.error().what, HasSubstr(each.says)) << each.text;
    }
}

TEST(history_file, an_object_must_be_named_and_have_the_operations) {
    history_file file{.all = {{.thread = 0, .what = pop(), .result = response{}, .call = 1, .end = 2}}};
    EXPECT_THAT(check_file(file).error().what, HasSubstr("which object"));
    file.object = "set";
    EXPECT_THAT(check_file(file).error().what, HasSubstr("a set has no pop"));
    for (const std::string_view object : {"queue", "stack", "relaxed-queue"}) {
        file.object = object;
        EXPECT_EQ(check_file(file)->is, verdict::holds);
    }
}

// ---------------------------------------------------------------------------------------------------------- the
// picture

TEST(history_page, shows_the_order_and_the_operation_that_is_stuck) {
    test::writer w;
    w.call(0, push(1)).end(0).call(1, push(2)).call(0, pop()).end(1).end(0, 2).call(2, pop());
    const history_result result = check_history(queue_specification{}, w.get());
    std::vector<page_bar> bars;
    for (const auto& each : w.get()) {
        bars.push_back({.thread = each.thread, .call = each.call, .end = each.end, .label = text_of(each)});
    }
    EXPECT_THAT(history_page(bars, result, "<script>alert(1)</script>"), Not(HasSubstr("<script")));
    const std::string page = history_page(bars, result, "queue");
    EXPECT_THAT(page, HasSubstr("<h1>queue</h1>"));
    EXPECT_THAT(page, HasSubstr("No order explains every result."));
    EXPECT_THAT(page, HasSubstr("class=\"stuck\"><title>pop() -&gt; 2"));
    EXPECT_THAT(page, HasSubstr("1: push(1) -&gt; nothing</text>"));
    EXPECT_THAT(page, HasSubstr("thread 2</text>"));
    EXPECT_THAT(page, HasSubstr("never returned"));
}

TEST(history_page, a_long_history_is_cut_around_the_place) {
    events all;
    std::vector<page_bar> bars;
    for (std::uint64_t i = 0; i < 5000; ++i) {
        all.push_back({.thread = 0, .what = pop(), .result = response{}, .call = 2 * i, .end = 2 * i + 1});
    }
    all[3000].result = response{77};
    for (const auto& each : all) {
        bars.push_back({.thread = 0, .call = each.call, .end = each.end, .label = text_of(each)});
    }
    const std::string page = history_page(bars, check_history(queue_specification{}, all), "long");
    EXPECT_THAT(page, HasSubstr("400 of 5000 operations"));
    EXPECT_THAT(page, HasSubstr("pop() -&gt; 77"));
    EXPECT_LT(page.size(), 300'000U);
}

// ------------------------------------------------------------------------------- the program, and the page of the
// format

struct outcome {
    int status;
    std::string out;
};

outcome run(const std::string& arguments) {
    const std::string command = std::string(GANTRY_LINEAR_PROGRAM) + " " + arguments + " 2>&1";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    std::string out;
    char buffer[512];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) {
        out.append(buffer, got);
    }
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

class gantry_linear : public testing::Test {
protected:
    gantry_linear() {
        std::string name = (std::filesystem::temp_directory_path() / "gantry-linear-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    ~gantry_linear() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string write(const std::string& name, const std::string& text) const {
        const auto path = folder_ / name;
        std::ofstream(path, std::ios::binary) << text;
        return path.string();
    }

    std::filesystem::path folder_;
};

// What stands in the first fenced block of that language.
std::string block(const std::string& page, const std::string& language, std::size_t from = 0) {
    const std::string fence = "```" + language + "\n";
    const std::size_t begin = page.find(fence, from);
    if (begin == std::string::npos) {
        return "no block";
    }
    return page.substr(begin + fence.size(), page.find("```", begin + fence.size()) - begin - fence.size());
}

TEST_F(gantry_linear, does_what_the_page_of_the_format_says) {
    const std::string page = contents(std::filesystem::path(GANTRY_SOURCE_DIR) / "docs/formats/history.md");
    const std::string example = block(page, "json");
    const std::string file = write("example", example);
    const auto read = read_history(example);
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(write_history(*read), example);

    const outcome judged = run(file);
    EXPECT_EQ(judged.status, 1);
    EXPECT_EQ(judged.out, block(page, "text", page.find("```json")));
    const outcome sequential = run(file + " --condition sequential");
    EXPECT_EQ(sequential.status, 0);
    EXPECT_THAT(sequential.out, HasSubstr("sequential: yes"));
}

TEST_F(gantry_linear, says_what_is_wrong_in_one_line) {
    EXPECT_EQ(run("--help").status, 0);
    const std::string good = write("good", with_header(""));
    EXPECT_EQ(run(good).status, 0);
    for (const auto& [arguments, says] : std::vector<std::pair<std::string, std::string>>{
             {"", "FILE is required"},
             {good + " more", "not expected: more"},
             {good + " --bogus", "not expected: --bogus"},
             {good + " --states abc", "--states: 'abc' is no whole number from 0"},
             {good + " --states -1", "'-1' is no whole number from 0"},
             {good + " --k 0", "--k: '0' is no whole number from 1"},
             {good + " --capacity 1.5", "--capacity: '1.5' is no whole number"},
             {good + " --seconds nan", "--seconds: 'nan' is no number of seconds"},
             {good + " --seconds -1", "--seconds: '-1' is no number of seconds"},
             {good + " --condition strong", "--condition: 'strong' is none of linearizable quiescent sequential"},
             {good + " --object heap", "--object: 'heap' is none of register counter set"},
             {folder_.string(), "cannot read " + folder_.string()},
             {write("empty", ""), "empty: there is no first line"},
             {good + " --html " + folder_.string(), "cannot write " + folder_.string()}}) {
        const outcome refused = run(arguments);
        EXPECT_EQ(refused.status, 2) << arguments;
        EXPECT_THAT(refused.out, HasSubstr(says)) << arguments;
        EXPECT_TRUE(refused.out.starts_with("gantry-linear: ")) << refused.out;
        EXPECT_EQ(std::ranges::count(refused.out, '\n'), 1) << refused.out;
    }
    const outcome missing = run("/nowhere/at/all");
    EXPECT_EQ(missing.status, 2);
    EXPECT_EQ(missing.out, "gantry-linear: cannot read /nowhere/at/all\n");
    const std::string bad = write("bad", with_header("{\"thread\":0}\n"));
    EXPECT_EQ(run(bad).out, "gantry-linear: " + bad + ":2: \"op\" is missing\n");
    const std::string unnamed = write("unnamed", "{\"format\":\"gantry-history\",\"version\":1}\n");
    EXPECT_EQ(run(unnamed).status, 2);
    EXPECT_THAT(run(unnamed).out, HasSubstr("expected --object"));
    EXPECT_EQ(run(unnamed + " --object map").status, 0);
    EXPECT_EQ(run(unnamed + " --object map --html /nowhere/at/all").status, 2);
}

TEST_F(gantry_linear, unknown_json_and_picture) {
    const std::string file =
        write("history", with_header("{\"thread\":0,\"op\":\"push\",\"value\":1,\"call\":1,\"end\":5}\n"
                                     "{\"thread\":1,\"op\":\"push\",\"value\":2,\"call\":2,\"end\":6}\n"
                                     "{\"thread\":1,\"op\":\"pop\",\"call\":7,\"end\":8,\"result\":3}\n"));
    EXPECT_EQ(run(file + " --states 2").status, 3);
    const std::string picture = (folder_ / "picture.html").string();
    const outcome judged = run(file + " --json --html " + picture);
    EXPECT_EQ(judged.status, 1);
    EXPECT_EQ(judged.out, "{\"operations\":3,\"order\":[0,1],\"part\":[0,1,2],\"parts\":1,\"states\":4,\"stuck\":2,"
                          "\"verdict\":\"violated\"}\n");
    EXPECT_THAT(contents(picture), HasSubstr("pop() -&gt; 3"));
    EXPECT_EQ(run("- < " + file).status, 1);
}

} // namespace
} // namespace gantry::check
