// SPDX-License-Identifier: MIT
#include <gantry/channel/detail/wait_record.hpp>
#include <gantry/channel/waits.hpp>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <mutex>

namespace gantry::channel {
namespace detail {
namespace {

struct registry {
    std::mutex mutex;
    wait_record* first = nullptr; // guarded by mutex
};

registry& all() {
    static registry& forever = *new registry; // threads may wait while the program ends
    return forever;
}

} // namespace

wait_record::wait_record(std::span<const wait_arm> arms) noexcept
    : arms_(arms), begin_(std::chrono::steady_clock::now()), thread_(::gettid()), handle_(::pthread_self()) {
    const std::scoped_lock lock(all().mutex);
    after_ = all().first;
    if (after_ != nullptr)
        after_->before_ = this;
    all().first = this;
}

wait_record::~wait_record() {
    const std::scoped_lock lock(all().mutex);
    (before_ != nullptr ? before_->after_ : all().first) = after_;
    if (after_ != nullptr)
        after_->before_ = before_;
}

std::vector<wait> wait_record::list() {
    std::vector<wait> found;
    const auto now = std::chrono::steady_clock::now();
    const std::scoped_lock lock(all().mutex);
    for (const wait_record* each = all().first; each != nullptr; each = each->after_) {
        std::array<char, 16> name{};
        static_cast<void>(::pthread_getname_np(each->handle_, name.data(), name.size()));
        wait one{.thread = each->thread_, .name = name.data(), .since = now - each->begin_, .arms = {}};
        for (const wait_arm& arm : each->arms_)
            one.arms.push_back(
                {.channel = arm.core, .kind = arm.core->kind_name(), .pushes = arm.on == detail::side::push});
        found.push_back(std::move(one));
    }
    return found;
}

} // namespace detail

std::vector<wait> waits() {
    auto found = detail::wait_record::list();
    std::ranges::sort(found, std::ranges::greater(), &wait::since);
    return found;
}

std::string wait_report() {
    std::string text;
    for (const wait& each : waits()) {
        std::array<char, 128> part{};
        static_cast<void>(std::snprintf(part.data(), part.size(), "thread %lld (%s) has waited %.3f s to ",
                                        static_cast<long long>(each.thread), each.name.c_str(),
                                        std::chrono::duration<double>(each.since).count()));
        text += part.data();
        const char* separator = "";
        for (const wait::arm& arm : each.arms) {
            static_cast<void>(std::snprintf(part.data(), part.size(), "%s%s %s %p", separator,
                                            arm.pushes ? "push to" : "pop from", arm.kind.c_str(), arm.channel));
            text += part.data();
            separator = " or ";
        }
        text += '\n';
    }
    return text;
}

} // namespace gantry::channel
