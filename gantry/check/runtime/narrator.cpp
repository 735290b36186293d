// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/symbols.hpp>
#include <gantry/check/runtime/detail/narrator.hpp>

#include <unwind.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace gantry::check::runtime {

namespace {

constexpr std::uint64_t address_mask = 0x00FF'FFFF'FFFF'FFFFU;

std::string hex(std::uint64_t n) {
    std::array<char, 24> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "0x%llx", static_cast<unsigned long long>(n));
    return buffer.data();
}

} // namespace

std::vector<const void*> calls_to_here() {
    std::vector<const void*> all;
    // Of a recursion without end the innermost calls.
    static constexpr std::size_t calls_max = 64;
    _Unwind_Backtrace(
        [](_Unwind_Context* context, void* data) {
            const auto address = reinterpret_cast<const void*>(_Unwind_GetIP(context));
            if (address != nullptr && !of_the_runtime(address)) {
                static_cast<std::vector<const void*>*>(data)->push_back(address);
            }
            return static_cast<std::vector<const void*>*>(data)->size() < calls_max ? _URC_NO_REASON
                                                                                    : _URC_END_OF_STACK;
        },
        &all);
    return all;
}

void narrator::stepped(const modelled_thread& t) {
    const auto events = session_.strategy().current().thread(t.id);
    if (!events.empty()) {
        // A read-modify-write is two events.
        stacks_[events.back()] = calls_to_here();
        if (const event& e = session_.strategy().current().at(events.back());
            e.kind == event_kind::write && e.exclusive) {
            stacks_[e.source] = stacks_[events.back()];
        }
    }
}

void narrator::waits(const modelled_thread& t) {
    waits_[t.id] = calls_to_here();
}

std::span<const void* const> narrator::where_waits(const modelled_thread& t) const {
    const auto found = waits_.find(t.id);
    return found == waits_.end() ? std::span<const void* const>() : std::span<const void* const>(found->second);
}

void narrator::met(std::uint64_t tagged_address, std::uint32_t epoch) {
    const auto [found, fresh] = objects_.try_emplace({tagged_address, epoch});
    if (fresh) {
        found->second = describe(tagged_address & address_mask);
    }
}

std::string narrator::block_called(const heap::block& b) const {
    auto at = std::ranges::find(blocks_, &b);
    if (at == blocks_.end()) {
        at = blocks_.insert(at, &b);
    }
    return "block " + std::to_string(at - blocks_.begin() + 1);
}

counterexample_object narrator::describe(std::uint64_t address) const {
    if (heap::owns(address)) {
        const heap::block* const b = session_.memory().block_around(address);
        if (b == nullptr) {
            return {"", "at " + hex(address)};
        }
        const std::uint64_t offset = address - heap::start_of(*b);
        return {block_called(*b) + (offset == 0 ? "" : "+" + std::to_string(offset)), ""};
    }
    for (const auto& t : session_.threads()) {
        const auto low = reinterpret_cast<std::uint64_t>(t->on == nullptr ? nullptr : t->on->stack_low);
        const std::string thread = "thread " + std::to_string(t->id);
        if (t->on != nullptr && address - low < t->on->stack_size) {
            for (std::size_t i = std::min(t->calls.depth, t->calls.frames.size()); i-- > 0;) {
                const call_stack::frame& f = t->calls.frames[i];
                if (const auto v = local_at({f.inside, f.pointer}, address)) {
                    return {v->name,
                            "a local of " + (v->function.empty() ? "a function" : v->function) + ", " + thread};
                }
            }
            return {"", "on the stack of " + thread + ", at " + hex(address)};
        }
        const auto tls = reinterpret_cast<std::uint64_t>(t->on == nullptr ? nullptr : t->on->tls);
        if (tls != 0 && address - tls < executable_tls().memory_size) {
            const auto v = thread_local_at(address - tls);
            return {v ? v->name : "", "thread_local of " + thread};
        }
    }
    if (const auto v = global_at(address)) {
        return {v->name, "static"};
    }
    return {"", "at " + hex(address)};
}

std::string narrator::name_of(std::uint64_t address) const {
    const counterexample_object o = describe(address);
    return o.name.empty() ? "memory " + o.description : o.name;
}

counterexample_object narrator::object_of(const location& l) const {
    const auto found = objects_.find({l.address, l.epoch});
    counterexample_object o = found != objects_.end() ? found->second : describe(l.address & address_mask);
    std::string kind = "internal";
    switch (static_cast<location_tag>(l.address >> 56U)) {
    case location_tag::atomic:
        kind = std::to_string(l.size) + (l.size == 1 ? " byte" : " bytes");
        break;
    case location_tag::lock:
        kind = "lock";
        break;
    case location_tag::queue:
        kind = "those that wait there";
        break;
    }
    o.description = o.description.empty() ? kind : kind + ", " + o.description;
    return o;
}

std::span<const void* const> narrator::stack_of(event_id e) const {
    const auto found = stacks_.find(e);
    return found == stacks_.end() ? std::span<const void* const>() : std::span<const void* const>(found->second);
}

std::string narrator::meaning_of(std::uint64_t word) const {
    if (word == 0) {
        return "";
    }
    if (heap::owns(word)) {
        const heap::block* const b = session_.memory().block_around(word);
        const std::uint64_t offset = b == nullptr ? 0 : word - heap::start_of(*b);
        if (b == nullptr || offset > b->size) {
            return "";
        }
        return block_called(*b) + (offset == 0 ? "" : "+" + std::to_string(offset));
    }
    for (const auto& [where, o] : objects_) {
        if (where.first == word && !o.name.empty()) {
            return "&" + o.name;
        }
    }
    return "";
}

std::vector<counterexample_object> narrator::others() const {
    std::vector<counterexample_object> all;
    for (const heap::block* const b : blocks_) {
        std::string text = std::to_string(b->size) + (b->size == 1 ? " byte" : " bytes") + ", allocated by thread " +
                           std::to_string(b->owner) + " at " + place_of(b->site);
        if (b->freed) {
            text += ", freed by thread " + std::to_string(b->free_thread) + " at " + place_of(b->free_site);
        }
        all.push_back({block_called(*b), text + ", at " + hex(heap::start_of(*b))});
    }
    return all;
}

std::optional<std::pair<thread_id, std::uint32_t>> narrator::guilty() const {
    const auto& first = session_.earlier();
    if (!first || !first->atomic) {
        return std::nullopt;
    }
    return std::pair{first->thread, first->epoch};
}

} // namespace gantry::check::runtime
