// SPDX-License-Identifier: MIT
// A stranger's mailbox, as docs/guides/scenarios.md meets it.
#include <gantry/check/corpus/test_corpus.hpp>
#include <gantry/check/scenario/scenario.hpp>

#include <atomic>
#include <cstddef>
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

// An operation is the letter to put, or 0: take.
struct mailbox_specification {
    using operation = int;
    using result = int;

    int slot = 0;

    int apply(const int& letter) {
        if (letter == 0) {
            return std::exchange(slot, 0);
        }
        return slot == 0 ? (slot = letter, 1) : 0;
    }
    [[nodiscard]] std::size_t hash() const { return static_cast<std::size_t>(slot); }
    [[nodiscard]] bool operator==(const mailbox_specification&) const = default;
};

} // namespace

GANTRY_SCENARIOS(mailboxes, given) {
    return scenarios(
        {.threads_max = 2, .operations_max = 2, .model = given}, [] { return mailbox(); }, std::vector<int>{0, 1, 2},
        [](mailbox& box, int letter) { return letter == 0 ? box.take() : int{box.put(letter)}; },
        mailbox_specification());
}

namespace gantry::check::corpus {

certificate faulty_mailboxes(const model_options& given) {
    return gantry_scenarios_mailboxes(given);
}

} // namespace gantry::check::corpus
