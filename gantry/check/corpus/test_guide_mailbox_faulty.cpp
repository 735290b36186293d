// SPDX-License-Identifier: MIT
// A stranger's mailbox, as docs/guides/scenarios.md meets it.
#include <gantry/check/corpus/test_corpus.hpp>
#include <gantry/check/scenario/scenario.hpp>

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace gantry::check;

namespace {

// Holds one letter, or none: 0.
class mailbox {
public:
    // False if there is one already.
    bool put(int letter) {
        if (slot_.load(std::memory_order_acquire) != 0) {
            return false;
        }
        slot_.store(letter, std::memory_order_release);
        return true;
    }

    // The letter, or 0.
    int take() { return slot_.exchange(0, std::memory_order_acq_rel); }

private:
    std::atomic<int> slot_{0};
};

// What can be asked: put a letter, or take: 0.
struct asked {
    int letter = 0;
};

std::string text_of(const asked& it) {
    return it.letter == 0 ? "take()" : "put(" + std::to_string(it.letter) + ")";
}

struct mailbox_specification {
    using operation = asked;
    using result = int;

    int slot = 0;

    int apply(const asked& it) {
        if (it.letter == 0) {
            return std::exchange(slot, 0);
        }
        return slot == 0 ? (slot = it.letter, 1) : 0;
    }
    [[nodiscard]] std::size_t hash() const { return static_cast<std::size_t>(slot); }
    [[nodiscard]] bool operator==(const mailbox_specification&) const = default;
};

} // namespace

GANTRY_SCENARIOS(mailboxes, given) {
    const std::vector<asked> operations{{0}, {1}, {2}};
    const auto ask = [](mailbox& box, const asked& it) {
        return it.letter == 0 ? box.take() : int{box.put(it.letter)};
    };
    return scenarios({.model = given}, [] { return mailbox(); }, operations, ask, mailbox_specification());
}

namespace gantry::check::corpus {

certificate faulty_mailboxes(const model_options& given) {
    return gantry_scenarios_mailboxes(given);
}

} // namespace gantry::check::corpus
