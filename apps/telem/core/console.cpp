// SPDX-License-Identifier: MIT
#include <apps/telem/core/kinds.hpp>
#include <apps/telem/core/text.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace telem {
namespace {

std::string json_string(std::string_view text) {
    return nlohmann::json(text).dump();
}

// Prints what reaches it, and writes it out at every pulse.
class console final : public node {
public:
    console(const surroundings& around, bool json)
        : names_(&around.names), output_(&around.console), fail_(around.fail), json_(json) {}

    void on_points(std::span<const metric> points, outbox&) override {
        for (const metric& point : points) {
            const std::string_view name = names_->text(point.name);
            if (json_) {
                fmt::format_to(std::back_inserter(text_), R"({{"event":"point","name":{},"value":{}}})",
                               json_string(name), point.value);
            } else {
                text_.append(name);
                text_ += ' ';
                append_decimal(text_, point.value);
            }
            end_line();
        }
    }

    void on_rows(const report& figures, outbox&) override {
        for (const row& figure : figures.rows.entries()) {
            if (json_) {
                add_json(*figures.meaning, figures.time, figure);
            } else {
                add_text(*figures.meaning, figure);
            }
            end_line();
        }
    }

    void on_pulse(const pulse&, outbox&) override { write(); }

    bool settled() const override { return text_.empty() && !failed_; }
    bool broken() const override { return failed_; }

    std::vector<figure> figures() const override {
        return {{"lines_written", written_.get()}, {"lines_lost", lost_.get()}};
    }

private:
    void add_text(const schema& meaning, const row& figure) {
        text_ += '[';
        text_ += meaning.label;
        text_ += "] ";
        text_ += names_->text(figure.name);
        text_ += ' ';
        if (!meaning.columns.empty()) {
            text_ += meaning.columns[figure.column];
            text_ += ':';
        }
        append_decimal(text_, figure.value);
    }

    void add_json(const schema& meaning, std::chrono::milliseconds time, const row& figure) {
        fmt::format_to(std::back_inserter(text_), R"({{"event":"figure","time_ms":{},"node":{},"label":{},"name":{},)",
                       time.count(), json_string(meaning.node), json_string(meaning.label),
                       json_string(names_->text(figure.name)));
        if (!meaning.columns.empty()) {
            fmt::format_to(std::back_inserter(text_), R"("{}":{},)", meaning.column_key,
                           meaning.columns[figure.column]);
        }
        text_ += R"("value":)";
        append_decimal(text_, figure.value);
        fmt::format_to(std::back_inserter(text_), R"(,"count":{}}})", figure.count);
    }

    void end_line() {
        text_ += '\n';
        ++lines_;
        if (text_.size() >= 65536) {
            write();
        }
    }

    void write() {
        if (text_.empty()) {
            return;
        }
        if (!failed_) {
            if (const auto wrote = output_->write(text_); !wrote) {
                failed_ = true;
                fail_(fmt::format("cannot write to standard output: {}", wrote.error()));
            }
        }
        (failed_ ? lost_ : written_).add(lines_);
        lines_ = 0;
        text_.clear();
    }

    name_table* const names_;
    output* const output_;
    const std::function<void(std::string)> fail_;
    const bool json_;
    bool failed_ = false;
    std::string text_;
    std::uint64_t lines_ = 0;
    counter written_;
    counter lost_;
};

} // namespace

std::unique_ptr<node> make_console(const node_config& config, const surroundings& around) {
    return std::make_unique<console>(around, config.text("format") == "json");
}

} // namespace telem
