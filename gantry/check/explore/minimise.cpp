// SPDX-License-Identifier: MIT
#include <gantry/check/explore/minimise.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <tuple>
#include <utility>

namespace gantry::check {

namespace {

using script = std::vector<scripted>;

class shortening {
public:
    shortening(script found, const rerun& run, const minimise_limits& limits)
        : best_(std::move(found)), run_(run), limits_(limits), start_(std::chrono::steady_clock::now()) {}

    minimised result() {
        begin_ordinarily();
        for (bool better = true; better && more();) {
            better = leave_out_any();
            better = leave_out_of_threads() || better;
            better = read_newest() || better;
            better = swap_stretches() || better;
        }
        return {std::move(best_), runs_};
    }

private:
    [[nodiscard]] static std::tuple<std::size_t, std::uint64_t, std::size_t> cost(const script& s) {
        std::uint64_t behind = 0;
        std::size_t changes = 0;
        for (std::size_t i = 0; i < s.size(); ++i) {
            behind += s[i].behind;
            changes += i > 0 && s[i].thread != s[i - 1].thread ? 1U : 0U;
        }
        return {s.size(), behind, changes};
    }

    // `part`: of the limits.
    [[nodiscard]] bool more(double part = 1) const {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
        return static_cast<double>(runs_) < static_cast<double>(limits_.runs_max) * part &&
               spent.count() < limits_.seconds_max * part;
    }

    bool better(script edited) {
        if (!more()) {
            return false;
        }
        ++runs_;
        std::optional<script> taken = run_(std::move(edited), best_.size());
        if (!taken || cost(*taken) >= cost(best_)) {
            return false;
        }
        best_ = std::move(*taken);
        return true;
    }

    // A thread takes so many steps, then another goes as far as it can, then the ordinary rest.
    void begin_ordinarily() {
        better({});
        thread_id threads = 0;
        for (const scripted& s : best_) {
            threads = std::max<thread_id>(threads, static_cast<thread_id>(s.thread + 1U));
        }
        const std::size_t longest = best_.size();
        for (std::size_t steps = 0; steps < best_.size(); ++steps) {
            for (thread_id first = 0; first < threads; ++first) {
                for (thread_id second = 0; second < threads && more(0.5); ++second) {
                    if (first == second) {
                        continue;
                    }
                    // What the first thread of all does comes before the others exist.
                    script s(first == 0 ? steps : longest, scripted{0, 0});
                    if (first != 0) {
                        s.insert(s.end(), steps, scripted{first, 0});
                    }
                    s.insert(s.end(), longest, scripted{second, 0});
                    better(std::move(s));
                }
            }
        }
    }

    // Leaves out parts of what `of` lists, from half of it down to single steps.
    template<class Indices>
    bool leave_out(const Indices& of) {
        bool any = false;
        for (std::size_t part = std::max<std::size_t>(of().size() / 2, 1); part > 0; part /= 2) {
            // From the end: what comes last depends on most.
            for (std::size_t end = of().size(); end > 0 && more();) {
                const auto indices = of();
                end = std::min(end, indices.size());
                const std::size_t begin = end > part ? end - part : 0;
                script s;
                for (std::size_t i = 0, next = begin; i < best_.size(); ++i) {
                    if (next < end && indices[next] == i) {
                        ++next;
                    } else {
                        s.push_back(best_[i]);
                    }
                }
                any = better(std::move(s)) || any;
                end = begin;
            }
        }
        return any;
    }

    bool leave_out_any() {
        return leave_out([this] {
            std::vector<std::size_t> all(best_.size());
            for (std::size_t i = 0; i < all.size(); ++i) {
                all[i] = i;
            }
            return all;
        });
    }

    bool leave_out_of_threads() {
        thread_id threads = 0;
        for (const scripted& s : best_) {
            threads = std::max<thread_id>(threads, static_cast<thread_id>(s.thread + 1U));
        }
        bool any = false;
        for (thread_id t = 0; t < threads; ++t) {
            any = leave_out([this, t] {
                      std::vector<std::size_t> own;
                      for (std::size_t i = 0; i < best_.size(); ++i) {
                          if (best_[i].thread == t) {
                              own.push_back(i);
                          }
                      }
                      return own;
                  }) ||
                  any;
        }
        return any;
    }

    bool read_newest() {
        bool any = false;
        for (std::size_t i = 0; i < best_.size() && more(); ++i) {
            for (std::uint32_t behind = 0; i < best_.size() && behind < best_[i].behind && more(); ++behind) {
                script s = best_;
                s[i].behind = behind;
                if (better(std::move(s))) {
                    any = true;
                    break;
                }
            }
        }
        return any;
    }

    bool swap_stretches() {
        bool any = false;
        for (std::size_t begin = 0; begin < best_.size() && more();) {
            const auto end_of = [this](std::size_t i) {
                std::size_t end = i;
                while (end < best_.size() && best_[end].thread == best_[i].thread) {
                    ++end;
                }
                return end;
            };
            const std::size_t middle = end_of(begin);
            const std::size_t end = middle < best_.size() ? end_of(middle) : middle;
            if (middle < end) {
                script s = best_;
                std::rotate(s.begin() + static_cast<std::ptrdiff_t>(begin),
                            s.begin() + static_cast<std::ptrdiff_t>(middle),
                            s.begin() + static_cast<std::ptrdiff_t>(end));
                any = better(std::move(s)) || any;
            }
            begin = middle;
        }
        return any;
    }

    script best_;
    const rerun& run_;
    const minimise_limits limits_;
    const std::chrono::steady_clock::time_point start_;
    std::uint64_t runs_ = 0;
};

} // namespace

minimised minimise(std::vector<scripted> found, const rerun& run, const minimise_limits& limits) {
    return shortening(std::move(found), run, limits).result();
}

} // namespace gantry::check
