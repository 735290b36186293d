// SPDX-License-Identifier: MIT
#pragma once
//
// model_history: what the threads of a model asked of an object and got, judged in every execution of the model.
//
// Use it when an object is linearizable and its model is to say so: instead of an assertion for each outcome that may
// be. Do not use it when threads are real -> recorder.hpp; when all small tables of operations are wanted ->
// scenario.hpp.
//
//     model_history<queue_specification> log;
//     std::thread other([&] { log({.what = verb::push, .value = 1}, [&] { queue.push(1); }); });
//     log({.what = verb::pop}, [&] { return queue.try_pop(); });
//     other.join();
//     GANTRY_CHECK_LINEARIZABLE(queue_specification{}, log);
//
// An operation precedes another if its end happens before the other's call. So a log adds nothing to the execution, no
// event and no order, and the object is held to what the program can know: two threads that do not synchronise see
// nothing of each other's time.
//
// Threads: operations by any thread of the model. Judged by one; what other threads have not ended by then is pending.
// Progress: allocates. Ordering: n/a.
// Cost: an operation, about 200 ns; a verdict, some microseconds: outside of what is modelled.
// Failure: a history without explanation fails the execution: the report has the operations, what each had to follow,
// and the longest order. So does a verdict that is unknown at a limit. What an operation throws passes; it stays
// pending. Lifetime: outlives the threads that use it. Origin: linearizability by happens-before as in Batty, Dodds,
// Gotsman, "Library abstraction for C/C++ concurrency" (POPL 2013); that the history takes no event of its own is ours.

#include <gantry/check/linearizability/history.hpp>
#include <gantry/check/linearizability/history_text.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/model.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace gantry::check {

template<specification Spec>
class model_history {
public:
    using operation = typename Spec::operation;
    using result = typename Spec::result;

    model_history() = default;
    model_history(const model_history&) = delete;
    model_history& operator=(const model_history&) = delete;
    ~model_history() {
        for (entry* each = first_; each != nullptr;) {
            delete std::exchange(each, each->next);
        }
    }

    // Does it, notes what it returned (a result{} if it returns nothing) and returns that.
    template<class Do>
    const result& operator()(operation what, Do&& act) {
        auto* const mine = new entry;
        mine->noted.what = std::move(what);
        mine->called = here();
        mine->noted.thread = mine->called.thread;
        mine->noted.call = mine->called.number;
        // Entries are their thread's memory; the chain of all of them is nobody's, and no part of the program.
        aside([&] {
            (last_ == nullptr ? first_ : last_->next) = mine;
            last_ = mine;
        });
        if constexpr (std::is_void_v<std::invoke_result_t<Do>>) {
            std::forward<Do>(act)();
            mine->noted.result.emplace();
        } else {
            mine->noted.result.emplace(std::forward<Do>(act)());
        }
        mine->ended = here();
        mine->noted.end = mine->ended.number;
        return *mine->noted.result;
    }

    // Calls use(all, precedes), aside, with the history so far in the order of the calls. Stamps count as the execution
    // was run; what came first in every run of it, precedes(a, b) says.
    template<class Use>
    void look(Use use) const {
        aside([&] {
            history<operation, result> all;
            std::vector<const entry*> entries;
            for (const entry* each = first_; each != nullptr; each = each->next) {
                all.push_back(each->noted);
                entries.push_back(each);
            }
            use(std::as_const(all), [&](std::size_t a, std::size_t b) {
                return !all[a].is_pending() && happens_before(entries[a]->ended, entries[b]->called);
            });
        });
    }

    // What a report says if no order explains the history so far; empty if one does.
    [[nodiscard]] std::string fault(const Spec& start, const history_options& options = {}) const {
        std::string text;
        look([&](const history<operation, result>& all, const auto& precedes) {
            const history_result found = check_history(start, all, precedes, options);
            if (found.is != verdict::holds) {
                text = told(all, precedes, options.what, found);
            }
        });
        return text;
    }

private:
    struct entry {
        record<operation, result> noted;
        moment called{};
        moment ended{};
        entry* next = nullptr;
    };

    template<class Precedes>
    [[nodiscard]] static std::string told(const history<operation, result>& all, const Precedes& precedes,
                                          condition what, const history_result& found) {
        const auto name = [](std::size_t i) {
            return " #" + std::to_string(i + 1);
        };
        std::string text =
            std::string(name_of(what)) + (found.is == verdict::unknown ? ", not known at the limit" : "");
        for (std::size_t i = 0; i < all.size(); ++i) {
            text += "\n " + name(i) + " thread " + std::to_string(all[i].thread) + ": " + text_of(all[i]);
            // Of the other threads' operations that it follows, the last ones.
            const char* before = ", after";
            for (std::size_t j = 0; j < all.size(); ++j) {
                bool last = all[j].thread != all[i].thread && precedes(j, i);
                for (std::size_t k = 0; last && k < all.size(); ++k) {
                    last = !precedes(j, k) || !precedes(k, i);
                }
                if (last) {
                    text += std::exchange(before, "") + name(j);
                }
            }
        }
        text += "\n  an order explains " + std::to_string(found.order.size()) + " of " + std::to_string(all.size()) +
                (found.order.empty() ? "" : ":");
        for (const std::size_t i : found.order) {
            text += name(i);
        }
        return found.stuck ? text + ", but then not" + name(*found.stuck) : text;
    }

    entry* first_ = nullptr;
    entry* last_ = nullptr;
};

} // namespace gantry::check

// Fails the execution if no order of the operations explains what they returned. The log is a model_history of a
// specification like `start`.
#define GANTRY_CHECK_LINEARIZABLE(start, log) GANTRY_CHECK_HISTORY(start, log, linearizable)

// The same for another condition of check_history(): sequential, quiescent.
#define GANTRY_CHECK_HISTORY(start, log, kind)                                                                         \
    do {                                                                                                               \
        const auto gantry_fault = (log).fault(start, {.what = ::gantry::check::condition::kind});                      \
        if (!gantry_fault.empty()) {                                                                                   \
            ::gantry::check::fail(gantry_fault.c_str(), __FILE__, __LINE__);                                           \
        }                                                                                                              \
    } while (false)
