// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/text.hpp>
#include <gantry/check/runtime/detail/host.hpp>
#include <gantry/check/runtime/detail/session.hpp>

#include <cxxabi.h>
#include <link.h>

#include <algorithm>
#include <cstring>

std::uint64_t gantry_check_registers[12];

namespace gantry::check::runtime {

modelled_thread* running = nullptr;
session* active = nullptr;

namespace {

value read_memory(std::uint64_t address, std::size_t size) noexcept {
    value v;
    unsigned char bytes[16] = {};
    std::memcpy(bytes, reinterpret_cast<const void*>(address), size);
    std::memcpy(&v.low, bytes, 8);
    std::memcpy(&v.high, bytes + 8, 8);
    return v;
}

void write_memory(std::uint64_t address, std::size_t size, const value& v) noexcept {
    unsigned char bytes[16];
    std::memcpy(bytes, &v.low, 8);
    std::memcpy(bytes + 8, &v.high, 8);
    std::memcpy(reinterpret_cast<void*>(address), bytes, size);
}

struct range {
    char* start;
    char* end;
};

// The executable's writable memory without what is read-only after start-up.
int find_writable(dl_phdr_info* info, std::size_t, void* data) {
    auto& ranges = *static_cast<std::vector<range>*>(data);
    range relro{nullptr, nullptr};
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type == PT_GNU_RELRO) {
            auto* const start = reinterpret_cast<char*>(info->dlpi_addr + header.p_vaddr);
            relro = {start, start + header.p_memsz};
        }
    }
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type != PT_LOAD || (header.p_flags & PF_W) == 0) {
            continue;
        }
        auto* start = reinterpret_cast<char*>(info->dlpi_addr + header.p_vaddr);
        char* const end = start + header.p_memsz;
        if (relro.start != nullptr && relro.start <= start && relro.end > start) {
            // RELRO is rounded down to whole pages when it is protected.
            start = std::min(end, reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(relro.end)) & ~4095UL));
        }
        if (start < end) {
            ranges.push_back({start, end});
        }
    }
    return 1;
}

std::string stack_of(const modelled_thread& t) {
    std::string text;
    for (std::size_t i = std::min(t.calls.depth, t.calls.sites.size()); i-- > 0;) {
        const std::string place = place_of(t.calls.sites[i]);
        // The runtime's own calls, and the library's, have no place.
        if (!place.starts_with("in ") && !place.starts_with(":?")) {
            text += "\n    " + place;
        }
    }
    return text.empty() ? text : "\n  thread " + std::to_string(t.id) + " was called from:" + text;
}

} // namespace

session::session(const model_options& options) : options_(options), steps_max_(steps_max_of(options)) {
    static_cast<void>(
        fiber_at(0)); // from here on the C library knows that there are threads, and the program's memory says so
    std::vector<range> ranges;
    dl_iterate_phdr(find_writable, &ranges);
    for (const range& r : ranges) {
        segments_.push_back({r.start, std::vector<char>(r.start, r.end)});
    }
}

void session::restore_globals() {
    for (const segment& s : segments_) {
        std::memcpy(s.start, s.content.data(), s.content.size());
    }
}

ending session::run(explorer& strategy, void (*body)(void*), void* context) {
    strategy_ = &strategy;
    found_ = fault::none;
    report_.clear();
    earlier_.reset();
    static_cast<void>(context);
    body_ = body;
    stopped_ = false;
    remarks_.clear();
    noted_.clear();
    has_noted_ = false;
    turns_.clear();
    exits_.clear();
    restore_globals();
    heap_.clear();
    shadow_.clear();
    for (auto& t : threads_) {
        t->started = false;
        t->calls.depth = 0;
        t->exits.clear();
        t->held.clear();
        t->arrivals.clear();
        t->time_ns = 0;
        t->tick_ns = 1000;
        t->spurious = 0;
        t->weak_failures = 0;
    }
    if (threads_.empty()) {
        threads_.push_back(std::make_unique<modelled_thread>());
    }
    strategy_->begin();
    modelled_thread& first = *threads_[0];
    first.on = &fiber_at(0);
    first.argument = context;
    first.started = true;
    first.finished = first.joined = first.detached = false;
    refresh_clock(first);
    fiber_adopt(host_);
    fiber_reset(*first.on, enter, &first);
    active = this;
    if (const thread_id next = strategy_->pick(); next != no_thread) {
        now_ = next;
        fiber_switch(host_, *threads_[next]->on);
    }
    active = nullptr;
    running = nullptr;
    return strategy_->end(stopped_);
}

void session::enter(void* thread) {
    modelled_thread& t = *static_cast<modelled_thread*>(thread);
    *reinterpret_cast<std::uint64_t*>(abi::__cxa_get_globals()) = 0; // no exception is being handled yet
    running = &t;
    try {
        if (t.id == 0) {
            active->body_(t.argument);
        } else {
            t.result = t.entry(t.argument);
        }
    } catch (...) {
        running = nullptr;
        active->fail(fault::exception, t.id == 0 ? "an exception left the body" : "an exception left a thread");
    }
    active->exit_thread(t);
}

void session::exit_thread(modelled_thread& t) {
    while (!t.exits.empty()) {
        const thread_exit last = t.exits.back();
        t.exits.pop_back();
        running = &t;
        last.destroy(last.object);
    }
    while (t.id == 0 && !exits_.empty()) {
        const thread_exit last = exits_.back();
        exits_.pop_back();
        running = &t;
        last.destroy(last.object);
    }
    running = nullptr;
    if (!t.held.empty()) {
        fail(fault::lock_misuse, "a thread ended while it held a mutex");
    }
    while (strategy_->finish(t.id) == progress::wait) {
        switch_away(t);
    }
    turns_.push_back(t.id);
    t.finished = true;
    for (;;) {
        switch_away(t);
    }
}

void session::switch_away(modelled_thread& t) {
    const thread_id next = strategy_->pick();
    if (next == t.id) {
        return;
    }
    now_ = next;
    fiber_switch(*t.on, next == no_thread ? host_ : *threads_[next]->on);
}

void session::fail(fault f, std::string what, const void* site) {
    if (found_ == fault::none) {
        found_ = f;
        report_ = std::move(what);
        if (site != nullptr) {
            report_ += "\n  at " + place_of(site);
        }
    }
    turns_.push_back(now_); // it is this thread that has to go on when the execution is followed
    stopped_ = true;
    fiber nowhere;
    fiber_switch(nowhere, host_);
    __builtin_unreachable();
}

void session::refresh_clock(modelled_thread& t) {
    const auto clock = strategy_->clock(t.id);
    t.clock_size = static_cast<std::uint32_t>(clock.size());
    std::ranges::copy(clock, t.clock.begin());
    if (t.id >= t.clock_size) {
        std::fill(t.clock.begin() + t.clock_size, t.clock.begin() + t.id + 1, 0U);
        t.clock_size = t.id + 1U;
    }
}

accessed session::access(modelled_thread& t, const operation& op, std::uint64_t address, std::uint64_t tag,
                         const void* site) {
    if (tag == 0 && heap::owns(address) && !heap_.usable(address, op.size)) {
        plain(t, address, op.size, false, site); // says what is wrong
    }
    for (;;) {
        target where;
        where.address = address | (tag << 56U);
        where.epoch = shadow_.epoch_of(address);
        where.site = site;
        if (tag == 0) {
            where.initial = read_memory(address, op.size);
        }
        const accessed result = strategy_->access(t.id, op, where);
        if (result.state == progress::wait) {
            switch_away(t);
            continue;
        }
        refresh_clock(t);
        turns_.push_back(t.id);
        if (turns_.size() > steps_max_) {
            fail(fault::endless, "an execution of more than " + std::to_string(steps_max_) + " steps", site);
        }
        if (result.wrote) {
            t.arrivals.clear();
        }
        touch now;
        now.site = site;
        now.thread = t.id;
        now.epoch = t.clock[t.id] - 1;
        now.atomic = true;
        now.writes = result.wrote && tag == 0;
        const auto clock = std::span<const std::uint32_t>(t.clock.data(), t.clock_size);
        look_out(t, now);
        // A lock is touched too: making it anew must come after its last use.
        if (const auto before = shadow_.access(address, tag == 0 ? op.size : 1, now, clock)) {
            race(t, address, *before, now);
        }
        if (tag == 0) {
            if (result.wrote && result.newest) {
                write_memory(address, op.size, written(op, result.seen));
            }
            const graph& g = strategy_->current();
            for (std::size_t l = 0; l < g.location_count(); ++l) {
                const location& other = g.location_at(static_cast<location_id>(l));
                const bool overlaps = other.address < address + op.size && address < other.address + other.size;
                if (overlaps && (other.address != address || other.size != op.size) &&
                    other.epoch == shadow_.epoch_of(other.address)) {
                    fail(fault::mixed_size, "the same bytes are accessed atomically in two sizes", site);
                }
            }
        }
        return result;
    }
}

void session::arrive(modelled_thread& t, const void* site) {
    const std::uint64_t* const registers = gantry_check_registers;
    auto hash = reinterpret_cast<std::uint64_t>(site);
    const auto mix = [&](std::uint64_t word) {
        hash = (hash ^ word) * 0x9E37'79B9'7F4A'7C15U;
        hash ^= hash >> 29U;
    };
    for (std::size_t i = 0; i < 12; ++i) {
        mix(registers[i]);
    }
    const auto* const top = reinterpret_cast<const std::uint64_t*>(t.on->stack_low + t.on->stack_size);
    for (const auto* word = reinterpret_cast<const std::uint64_t*>(registers[11]); word < top; ++word) {
        mix(*word);
    }
    const std::uint32_t events = t.clock[t.id];
    for (const arrival& a : t.arrivals) {
        if (a.hash == hash && a.events < events) {
            while (strategy_->spin(t.id, events - a.events) == progress::wait) {
                switch_away(t);
            }
            t.arrivals.clear();
            break;
        }
    }
    t.arrivals.push_back({hash, events});
}

std::uint32_t session::choose(modelled_thread& t, std::uint32_t options, const void* site) {
    std::uint32_t chosen = 0;
    while (strategy_->choose(t.id, options, site, chosen) == progress::wait) {
        switch_away(t);
    }
    turns_.push_back(t.id);
    t.arrivals.clear();
    refresh_clock(t);
    return chosen;
}

void session::fence(modelled_thread& t, order o, const void* site) {
    while (strategy_->fence(t.id, o, site) == progress::wait) {
        switch_away(t);
    }
    turns_.push_back(t.id);
    refresh_clock(t);
}

void session::plain(modelled_thread& t, std::uint64_t address, std::size_t size, bool writes, const void* site,
                    bool frees) {
    if (heap::owns(address) && !heap_.usable(address, size)) {
        const heap::block* b = heap_.block_around(address);
        std::string what = b == nullptr ? "an access to memory that was never allocated"
                           : b->freed   ? "use after free"
                                        : "an access outside of its block";
        what += ": " + std::to_string(size) + " bytes, thread " + std::to_string(t.id) + " at " + place_of(site);
        if (b != nullptr) {
            what += "\n  the block of " + std::to_string(b->size) + " bytes was allocated by thread " +
                    std::to_string(b->owner) + " at " + place_of(b->site);
            if (b->freed) {
                what += "\n  and freed by thread " + std::to_string(b->free_thread) + " at " + place_of(b->free_site);
            }
        }
        if (b != nullptr && b->freed) {
            remarks_.push_back({b->free_thread, b->free_epoch, "frees the block", b->free_site});
        }
        remark_on(t, "uses the block", site);
        fail(b != nullptr && b->freed ? fault::use_after_free : fault::out_of_bounds, what);
    }
    if (writes && address - reinterpret_cast<std::uint64_t>(t.on->stack_low) >= t.on->stack_size) {
        t.arrivals.clear(); // what it writes to its own stack is compared
    }
    touch now;
    now.site = site;
    now.thread = t.id;
    now.epoch = t.clock[t.id];
    now.writes = writes;
    now.frees = frees;
    look_out(t, now);
    if (const auto before =
            shadow_.access(address, size, now, std::span<const std::uint32_t>(t.clock.data(), t.clock_size))) {
        race(t, address, *before, now);
    }
}

void session::remark_on(const modelled_thread& t, std::string text, const void* site) {
    remarks_.push_back({t.id, t.clock[t.id], std::move(text), site});
}

void session::look_out(const modelled_thread& t, const touch& now) {
    if (watched_ && now.thread == watched_->thread && now.epoch == watched_->epoch && now.site == watched_->site) {
        watched_stack_ = stack_of(t);
    }
}

std::string session::describe(const touch& t) {
    return (t.frees ? "release of the block"
                    : std::string(t.atomic ? "atomic " : "plain ") + (t.writes ? "write" : "read")) +
           " by thread " + std::to_string(t.thread) + " at " + place_of(t.site);
}

void session::race(modelled_thread& t, std::uint64_t address, const touch& before, const touch& now) {
    const bool frees = now.frees || before.frees;
    std::string what = (frees ? "use of memory that another thread releases: " : "data race: ") + describe(now) +
                       "\n  against: " + describe(before) +
                       missing_edge(strategy_->current(), before.thread, before.epoch, t.id, now.epoch);
    if (heap::owns(address)) {
        if (const heap::block* b = heap_.block_around(address); b != nullptr) {
            what += "\n  in a block of " + std::to_string(b->size) + " bytes, allocated by thread " +
                    std::to_string(b->owner) + " at " + place_of(b->site);
        }
    }
    earlier_ = before;
    for (const touch* side : {&before, &now}) {
        if (!side->atomic || side == &now) {
            remarks_.push_back({side->thread, side->epoch,
                                side->frees    ? "releases the block"
                                : side->atomic ? "is the second access"
                                : side->writes ? "plain write"
                                               : "plain read",
                                side->site});
        }
    }
    what += stack_of(t);
    fail(frees ? fault::use_after_free : fault::race, what);
}

modelled_thread& session::create(modelled_thread& t, void* (*entry_point)(void*), void* argument, const void* site) {
    thread_id child = no_thread;
    while (strategy_->create(t.id, site, child) == progress::wait) {
        switch_away(t);
    }
    refresh_clock(t);
    turns_.push_back(t.id);
    t.arrivals.clear();
    if (child >= threads_max) {
        fail(fault::unsupported, "more than 63 threads", site);
    }
    while (threads_.size() <= child) {
        threads_.push_back(std::make_unique<modelled_thread>());
        threads_.back()->id = static_cast<thread_id>(threads_.size() - 1);
    }
    modelled_thread& c = *threads_[child];
    c.on = &fiber_at(child);
    c.entry = entry_point;
    c.argument = argument;
    c.result = nullptr;
    c.started = true;
    c.finished = c.joined = c.detached = false;
    refresh_clock(c);
    fiber_reset(*c.on, enter, &c);
    return c;
}

void session::join(modelled_thread& t, modelled_thread& child, const void* site) {
    if (child.joined || child.detached || &child == &t) {
        fail(fault::lock_misuse, "join of a thread that cannot be joined", site);
    }
    while (strategy_->join(t.id, child.id, site) == progress::wait) {
        switch_away(t);
    }
    child.joined = true;
    turns_.push_back(t.id);
    t.arrivals.clear();
    refresh_clock(t);
}

modelled_thread* session::overflowed(std::uint64_t address) noexcept {
    for (const auto& t : threads_) {
        if (t->started) {
            const auto low = reinterpret_cast<std::uint64_t>(t->on->stack_low);
            if (address < low && address >= low - guard_bytes) {
                return t.get();
            }
        }
    }
    return nullptr;
}

modelled_thread* session::thread_of(pthread_t handle) noexcept {
    for (const auto& t : threads_) {
        if (t->started && t->on->handle == handle) {
            return t.get();
        }
    }
    return nullptr;
}

void session::note(std::vector<std::int64_t> values) {
    noted_ = std::move(values);
    has_noted_ = true;
}

void session::check_leaks() {
    if (const heap::block* b = heap_.first_leak(); b != nullptr && found_ == fault::none) {
        found_ = fault::leak;
        report_ = "leak: " + std::to_string(b->size) + " bytes, allocated by thread " + std::to_string(b->owner) +
                  " at " + place_of(b->site);
    }
}

void session::report_deadlock() {
    found_ = fault::deadlock;
    report_ = "deadlock: no thread can go on";
    const graph& g = strategy_->current();
    for (const auto& t : threads_) {
        if (!t->started || t->finished) {
            continue;
        }
        report_ += "\n  thread " + std::to_string(t->id) + " waits";
        const auto events = g.thread(t->id);
        if (!events.empty()) {
            report_ += ", last seen at " + place_of(g.at(events.back()).site);
        }
    }
}

} // namespace gantry::check::runtime
