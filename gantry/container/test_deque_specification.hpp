// SPDX-License-Identifier: MIT
#pragma once
//
// deque_specification: the sequential work-stealing deque that the real one promises to behave like.
//
// Use it when a model or a stress test judges a history. Do not use it when writing library code.
//
// Threads: values. Progress: allocates. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: values. Origin: n/a.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gantry::container::test {

enum class deque_act : std::uint8_t { push, pop, steal };

struct deque_request {
    deque_act what = deque_act::pop;
    std::int64_t value = 0;
};

// What came out, or whether a steal was lost.
struct deque_answer {
    std::optional<std::int64_t> value{};
    bool lost = false;

    [[nodiscard]] bool operator==(const deque_answer&) const = default;
};

inline std::string text_of(const deque_request& it) {
    switch (it.what) {
    case deque_act::push:
        return "push(" + std::to_string(it.value) + ")";
    case deque_act::pop:
        return "pop()";
    case deque_act::steal:
        return "steal()";
    }
    return "";
}

inline std::string text_of(const deque_answer& it) {
    return it.value ? std::to_string(*it.value) : it.lost ? "lost" : "nothing";
}

// A steal that lost may happen whenever; a steal that says nothing needs an empty deque.
struct deque_specification {
    using operation = deque_request;
    using result = deque_answer;

    std::vector<std::int64_t> values{}; // the oldest first

    template<class Emit>
    void next(const deque_request& asked, const deque_answer* seen, Emit emit) const {
        if (asked.what == deque_act::steal && (seen == nullptr || seen->lost)) {
            emit(*this);
            if (seen != nullptr)
                return;
        }
        deque_specification after = *this;
        deque_answer answer;
        if (asked.what == deque_act::push) {
            after.values.push_back(asked.value);
        } else if (!values.empty()) {
            const auto at = asked.what == deque_act::pop ? after.values.end() - 1 : after.values.begin();
            answer.value = *at;
            after.values.erase(at);
        }
        if (seen == nullptr || *seen == answer)
            emit(after);
    }

    [[nodiscard]] std::size_t hash() const {
        std::size_t hash = values.size();
        for (const std::int64_t each : values)
            hash = hash * 31 + static_cast<std::size_t>(each);
        return hash;
    }
    [[nodiscard]] bool operator==(const deque_specification&) const = default;
};

} // namespace gantry::container::test
