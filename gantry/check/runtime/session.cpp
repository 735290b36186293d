// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/edges.hpp>
#include <gantry/check/report/detail/symbols.hpp>
#include <gantry/check/runtime/detail/host.hpp>
#include <gantry/check/runtime/detail/keys.hpp>
#include <gantry/check/runtime/detail/libraries.hpp>
#include <gantry/check/runtime/detail/narrator.hpp>
#include <gantry/check/runtime/detail/session.hpp>
#include <gantry/check/runtime/detail/startup_heap.hpp>

#include <linux/membarrier.h>

#include <cxxabi.h>
#include <link.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

std::uint64_t gantry_check_registers[gantry_check_register_count];

namespace gantry::check::runtime {

modelled_thread* running = nullptr;
session* active = nullptr;

namespace {

session* innermost = nullptr;

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

// More plain writes in one round of a loop than this are taken for progress.
constexpr std::size_t overwritten_max = 64;

// Whether memory that was written since the first `from` of those writes holds again what it held then.
bool as_it_was(const std::vector<overwritten_memory>& all, std::size_t from) {
    for (std::size_t i = from; i < all.size(); ++i) {
        const auto& w = all[i];
        const bool again =
            std::any_of(all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(i),
                        [&](const overwritten_memory& o) { return o.address == w.address && o.size == w.size; });
        if (!again && read_memory(w.address, w.size).low != w.content) {
            return false;
        }
    }
    return true;
}

struct range {
    char* start;
    char* end;
};

// The writable memory of the executable, and of libraries that announce what they do, without what is read-only after
// start-up.
int find_writable(dl_phdr_info* info, std::size_t, void* data) {
    auto& ranges = *static_cast<std::vector<range>*>(data);
    if (info->dlpi_name[0] != '\0' && !announces(*info)) {
        return 0;
    }
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
    return 0;
}

int count_loads(dl_phdr_info* info, std::size_t, void* data) {
    *static_cast<std::uint64_t*>(data) = info->dlpi_adds + info->dlpi_subs;
    return 1;
}

// Looked up again only when something was loaded or unloaded.
const std::vector<range>& writable_memory() {
    static std::vector<range> ranges;
    static std::uint64_t loads_then = 0;
    std::uint64_t loads = 0;
    dl_iterate_phdr(count_loads, &loads);
    if (loads != loads_then) {
        loads_then = loads;
        ranges.clear();
        dl_iterate_phdr(find_writable, &ranges);
    }
    return ranges;
}

// Frame after frame, up to the thread's first, which catches everything.
[[noreturn]] void unwind_all(_Unwind_Exception& nothing) {
    nothing = {};
    _Unwind_ForcedUnwind(
        &nothing,
        [](int, _Unwind_Action, _Unwind_Exception_Class, _Unwind_Exception*, _Unwind_Context*, void*) {
            return _URC_NO_REASON;
        },
        nullptr);
    host_fatal("a thread's stack cannot be unwound");
}

// Who called what is at the beginning of the list.
std::string stack_text(thread_id t, std::span<const void* const> stack) {
    std::string text;
    bool first = true;
    for (const void* const site : stack) {
        for (const code_place& p : places_of(site)) {
            if (own(p) && !std::exchange(first, false) && !p.function.empty()) {
                text += "\n    " + text_of(p);
            }
        }
    }
    return text.empty() ? text : "\n  thread " + std::to_string(t) + " was called from:" + text;
}

} // namespace

session::session(const model_options& options)
    : options_(options), steps_max_(steps_max_of(options)), outer_(innermost) {
    // What another session's last execution left behind is no start.
    if (outer_ != nullptr) {
        outer_->restore_globals();
    }
    innermost = this;
    static_cast<void>(
        fiber_at(0)); // from here on the C library knows that there are threads, and the program's memory says so
    for (const range& r : writable_memory()) {
        segments_.push_back({r.start, std::vector<char>(r.start, r.end)});
    }
    startup_heap::close();
    const auto startup = startup_heap::used();
    startup_content_.assign(startup.begin(), startup.end());
}

session::~session() {
    restore_globals();
    innermost = outer_;
}

void session::restore_globals() {
    for (const segment& s : segments_) {
        std::memcpy(s.start, s.content.data(), s.content.size());
    }
    if (startup_touched_) {
        std::memcpy(startup_heap::used().data(), startup_content_.data(), startup_content_.size());
        startup_touched_ = false;
    }
}

ending session::run(explorer& strategy, void (*body)(void*), void* context) {
    strategy_ = &strategy;
    found_ = fault::none;
    report_.clear();
    earlier_.reset();
    stuck_ = false;
    static_cast<void>(context);
    body_ = body;
    stopped_ = false;
    looks_ = {};
    fault_site_ = nullptr;
    on_turn_ = nullptr;
    watched_stack_.clear();
    remarks_.clear();
    noted_.clear();
    has_noted_ = false;
    turns_.clear();
    exits_.clear();
    stamps_.clear();
    stamp_clocks_.clear();
    registrations_.clear();
    restore_globals();
    heap_.clear();
    shadow_.clear();
    clear_keys();
    for (auto& t : threads_) {
        t->started = false;
        t->calls.depth = 0;
        t->exits.clear();
        t->held.clear();
        t->looks.clear();
        t->spin = {};
        t->values.clear();
        t->keys = 0;
        t->early_joins = 0;
        t->ending = false;
        t->impatient = false;
        t->arrivals.clear();
        t->time_ns = 0;
        t->looked_ns = 0;
        t->tick_ns = first_tick_ns;
        t->spurious = 0;
        t->weak_failures = 0;
        t->reused = 0;
        t->waits_at = 0;
        t->waits_for = nullptr;
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
    const ending end = strategy_->end(stopped_);
    const bool gives_up = std::ranges::any_of(threads_, [](const auto& t) { return t->started && t->impatient; });
    return end == ending::deadlock && gives_up ? ending::blocked : end;
}

void session::enter(void* thread) {
    modelled_thread& t = *static_cast<modelled_thread*>(thread);
    *reinterpret_cast<std::uint64_t*>(abi::__cxa_get_globals()) = 0; // no exception is being handled yet
    running = &t;
    active->on_turn_ = &t;
    try {
        if (t.id == 0) {
            active->begin_membarrier(t);
            active->body_(t.argument);
        } else if (t.c11_entry != nullptr) {
            t.result = reinterpret_cast<void*>(static_cast<std::intptr_t>(t.c11_entry(t.argument)));
        } else {
            t.result = t.entry(t.argument);
        }
    } catch (...) {
        running = nullptr;
        if (t.ending) {
            active->exit_thread(t);
        }
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
    end_values(t);
    running = nullptr;
    if (!t.held.empty()) {
        fail(fault::lock_misuse, "a thread ended while it held a lock");
    }
    end_spin(t, false);
    while (strategy_->finish(t.id) == progress::wait) {
        switch_away(t);
    }
    stepped(t);
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
    on_turn_ = &t;
}

void session::fail(fault f, std::string what, const void* site) {
    if (found_ == fault::none) {
        found_ = f;
        if (remarks_.empty() && on_turn_ != nullptr) {
            remark_on(*on_turn_, what.substr(0, what.find('\n')), site);
        }
        report_ = std::move(what);
        fault_site_ = site;
        if (site != nullptr) {
            report_ += "\n  at " + place_of(site);
        }
        if (narrator_ != nullptr && on_turn_ != nullptr) {
            report_ += stack_text(on_turn_->id, calls_to_here());
        }
    }
    turns_.push_back(now_); // it is this thread that has to go on when the execution is followed
    stopped_ = true;
    fiber nowhere;
    fiber_switch(nowhere, host_);
    __builtin_unreachable();
}

void session::refresh_clock(modelled_thread& t) {
    ++events_done_;
    const auto clock = strategy_->clock(t.id);
    t.clock_size = static_cast<std::uint32_t>(clock.size());
    std::ranges::copy(clock, t.clock.begin());
    if (t.id >= t.clock_size) {
        std::fill(t.clock.begin() + t.clock_size, t.clock.begin() + t.id + 1, 0U);
        t.clock_size = t.id + 1U;
    }
}

void session::stepped(modelled_thread& t) {
    turns_.push_back(t.id);
    if (narrator_ != nullptr) {
        narrator_->stepped(t);
    }
}

void session::fail_stuck(thread_id t, const void* site) {
    fail(fault::endless, "thread " + std::to_string(t) + " goes on and on without an atomic access, a lock or a wait",
         site);
}

value session::look(modelled_thread& t, std::uint64_t address, std::size_t size, const void* site) {
    looks_ = {&t, site};
    const value seen = read_memory(address, size);
    looks_ = {};
    return seen;
}

accessed session::access(modelled_thread& t, const operation& op, std::uint64_t address, std::uint64_t tag,
                         const void* site) {
    startup_touched_ = startup_touched_ || startup_heap::owns(address);
    end_spin(t, op.kind == operation_kind::enqueue);
    if (tag == 0) {
        check_alive(t, address, op.size, site);
    }
    for (;;) {
        target where;
        where.address = address | (tag << 56U);
        where.epoch = shadow_.epoch_of(address);
        where.site = site;
        if (narrator_ != nullptr) {
            narrator_->met(where.address, where.epoch);
        }
        if (tag == 0) {
            where.initial = look(t, address, op.size, site);
        }
        const accessed result = strategy_->access(t.id, op, where);
        if (result.state == progress::wait) {
            t.waits_at = where.address;
            if (narrator_ != nullptr) {
                narrator_->waits(t);
            }
            switch_away(t);
            continue;
        }
        t.waits_at = 0;
        refresh_clock(t);
        stepped(t);
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
        look_out(now);
        // A lock is touched too: making it anew must come after its last use. Waking those that wait at an address does
        // not touch what is there: by then it may be something else.
        if (op.kind != operation_kind::dequeue) {
            if (const auto before = shadow_.access(address, tag == 0 ? op.size : 1, now, clock)) {
                race(t, address, *before, now);
            }
        }
        if (tag == 0) {
            check_initialised(t, op, address, result.seen, site);
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
    for (std::size_t i = 0; i < gantry_check_register_count; ++i) {
        mix(registers[i]);
    }
    mix(t.looked_ns); // a loop until a deadline is one that ends
    const auto* const top = reinterpret_cast<const std::uint64_t*>(t.on->stack_low + t.on->stack_size);
    for (const auto* word = reinterpret_cast<const std::uint64_t*>(registers[11]); word < top; ++word) {
        mix(*word);
    }
    const std::uint32_t events = t.clock[t.id];
    for (const arrival& a : t.arrivals) {
        if (a.hash == hash && a.events < events && as_it_was(t.overwritten, a.overwritten)) {
            while (strategy_->spin(t.id, events - a.events) == progress::wait) {
                switch_away(t);
            }
            t.arrivals.clear();
            break;
        }
    }
    t.arrivals.push_back({hash, events, t.overwritten.size()});
}

namespace {

// Whether the call that returns to `site` was compiled into the loop in which libstdc++ spins before a wait.
bool within_library_spin(const void* site) {
    static std::map<const void*, bool> known;
    const auto [found, added] = known.try_emplace(site, false);
    if (added) {
        found->second = std::ranges::any_of(places_of(site), [](const code_place& place) {
            return place.function.find("__atomic_spin") != std::string::npos;
        });
    }
    return found->second;
}

} // namespace

std::optional<value> session::repeats(modelled_thread& t, const operation& op, std::uint64_t address,
                                      const void* site) {
    const std::uint32_t events = t.clock[t.id];
    const graph& g = strategy_->current();
    const auto mine = g.thread(t.id);
    if (events == 0 || events > mine.size()) {
        return std::nullopt;
    }
    const event& last = g.at(mine[events - 1U]);
    if (last.kind != event_kind::read || last.exclusive || last.site != site || last.source == no_event ||
        !(g.operation_of(last) == op)) {
        return std::nullopt;
    }
    const location& where = g.location_at(last.location);
    if (where.address != address || where.epoch != shadow_.epoch_of(address) || !within_library_spin(site)) {
        return std::nullopt;
    }
    if (t.spin.events != events) {
        t.spin = {events, 1, false};
    }
    ++t.spin.loads;
    return last.data;
}

// The spinning is over: it looked as often as the library does, or a timed one did until its time was up, or the thread
// goes to wait. Otherwise the library had left its loop, and come to the same one again, between two of the loads.
void session::end_spin(modelled_thread& t, bool waits) {
    constexpr unsigned library_looks = 16;
    left_out_ = left_out_ || (t.spin.loads != 0 && !waits && !t.spin.timed && t.spin.loads != library_looks);
    t.spin = {};
}

std::uint32_t session::choose(modelled_thread& t, std::uint32_t options, const void* site) {
    end_spin(t, false);
    std::uint32_t chosen = 0;
    while (strategy_->choose(t.id, options, site, chosen) == progress::wait) {
        switch_away(t);
    }
    stepped(t);
    t.arrivals.clear();
    refresh_clock(t);
    return chosen;
}

void session::fence(modelled_thread& t, order o, const void* site) {
    end_spin(t, false);
    while (strategy_->fence(t.id, o, site) == progress::wait) {
        switch_away(t);
    }
    stepped(t);
    refresh_clock(t);
}

void session::begin_membarrier(modelled_thread& t) {
    membarrier_works_ = options_.kernel != membarrier_answer::refused;
    if (!chooses_membarrier_) {
        return;
    }
    const entry in;
    membarrier_works_ = choose(t, 2, nullptr) == 0;
    if (!membarrier_works_) {
        remark_on(t, "membarrier(2) does not work in this execution", nullptr);
    }
}

// A registration that the thread cannot but have behind it: others may come too late.
bool session::registered_before(const modelled_thread& t) const {
    const graph& g = strategy_->current();
    const std::uint32_t own = t.clock[t.id];
    const event_id last = own > 0 ? g.thread(t.id)[own - 1] : g.creation_of(t.id);
    return std::ranges::any_of(registrations_, [&](const auto& r) {
        const auto [who, before] = r;
        const auto events = g.thread(who);
        return who == t.id || (before < events.size() && last != no_event &&
                               (events[before] == last || g.causes(events[before], last)));
    });
}

long session::membarrier(modelled_thread& t, int command, const void* site) {
    const auto refuse = [](int why) {
        errno = why;
        return -1L;
    };
    asks_membarrier_ = true;
    if (!membarrier_works_) {
        return refuse(ENOSYS);
    }
    switch (command) {
    case MEMBARRIER_CMD_QUERY:
        return MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
        registrations_.emplace_back(t.id, t.clock[t.id]);
        return 0;
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
        if (!registered_before(t)) {
            return refuse(EPERM);
        }
        break;
    case MEMBARRIER_CMD_GLOBAL:
        break;
    default:
        return refuse(EINVAL);
    }
    const order begins = order_at(site, order::heavy_begin);
    fence(t, begins, site);
    if (begins == order::heavy_begin) {
        fence(t, order::heavy_end, site);
    }
    return 0;
}

// Fails when what was read is what the allocator left there. What library code writes is not announced, but memory
// shows it.
void session::check_initialised(modelled_thread& t, const operation& op, std::uint64_t address, const value& seen,
                                const void* site) {
    if (!reads(op) || !heap::owns(address)) {
        return;
    }
    for (unsigned i = 0; i < op.size; ++i) {
        if (byte_of(seen, i) != heap::fresh_byte) {
            return;
        }
    }
    const graph& g = strategy_->current();
    const event& last = g.at(g.thread(t.id)[t.clock[t.id] - 1U]);
    const event& read = last.kind == event_kind::write ? g.at(last.source) : last;
    if (read.source != initial_write || shadow_.written(address, op.size)) {
        return;
    }
    const heap::block* const b = heap_.block_around(address);
    remark_on(t, "nobody had written there", site);
    fail(fault::uninitialised,
         "an atomic access reads " + std::to_string(op.size) + " bytes that nobody has written, thread " +
             std::to_string(t.id) + " at " + place_of(site) + "\n  in a block of " + std::to_string(b->size) +
             " bytes, allocated by thread " + std::to_string(b->owner) + " at " + place_of(b->site));
}

// Whether there is no other thread, as far as this one knows: nobody is left who could hold an old address.
bool session::alone(const modelled_thread& t) const {
    if (t.id != 0) {
        return false; // whoever created it may be alive
    }
    const graph& g = strategy_->current();
    const auto knows = [&](event_id e) {
        return e >= 0 && g.at(e).thread < t.clock_size && t.clock[g.at(e).thread] > g.at(e).index;
    };
    for (std::size_t u = 1; u < g.thread_count(); ++u) {
        const auto events = g.thread(static_cast<thread_id>(u));
        const bool over = !events.empty() && g.at(events.back()).kind == event_kind::finish && knows(events.back());
        if (!over && knows(g.creation_of(static_cast<thread_id>(u)))) {
            return false;
        }
    }
    return true;
}

// Whether the thread has read the block's address from an atomic, or written it to one: only then can others hold it to
// compare it with. Asks about the thread's own past alone, as whatever decides what a thread does must.
bool session::met_in_atomics(const modelled_thread& t, const heap::block& b) const {
    constexpr std::uint64_t pointer_bits = (std::uint64_t{1} << 48U) - 1U; // what is above may be a count
    const auto within = [&](std::uint64_t word) {
        return (word & pointer_bits) - heap::start_of(b) < std::max<std::uint64_t>(b.size, 1);
    };
    const graph& g = strategy_->current();
    const auto events = g.thread(t.id).first(std::min<std::size_t>(t.clock[t.id], g.thread(t.id).size()));
    return std::ranges::any_of(events, [&](event_id id) {
        const event& e = g.at(id);
        return e.location != no_location && (within(e.data.low) || within(e.data.high));
    });
}

void* session::allocate(modelled_thread& t, std::size_t bytes, std::size_t alignment, allocator how, const void* site) {
    t.arrivals.clear();
    if (t.reused < options_.reuse_max) {
        heap::block* const b = heap_.reusable(t.id, bytes, alignment);
        if (b != nullptr && !alone(t) && met_in_atomics(t, *b) && choose(t, 2, site) == 1) {
            ++t.reused;
            remark_on(t, "is given the memory of a freed block", site);
            shadow_.renew(heap::start_of(*b), std::max<std::uint64_t>(b->size, bytes));
            return heap_.reuse(*b, t.id, t.clock[t.id], bytes, how, site);
        }
    }
    return heap_.allocate(t.id, bytes, alignment, how, site);
}

// Fails when the access is not one to a block that is alive, or to one that was freed and lives again, unbeknown to
// the thread.
void session::check_alive(modelled_thread& t, std::uint64_t address, std::size_t size, const void* site) {
    if (!heap::owns(address)) {
        return;
    }
    const bool usable = heap_.usable(address, size);
    const heap::block* const again = usable ? heap_.reused_around(address) : nullptr;
    const bool old = again != nullptr && again->owner != t.id &&
                     (again->owner >= t.clock_size || t.clock[again->owner] <= again->epoch);
    if (!usable || old) {
        const heap::block* b = old ? again : heap_.block_around(address);
        std::string what = b == nullptr ? "an access to memory that was never allocated"
                           : old        ? "use after free, of memory that is in use again"
                           : b->freed   ? "use after free"
                                        : "an access outside of its block";
        what += ": " + std::to_string(size) + " bytes, thread " + std::to_string(t.id) + " at " + place_of(site);
        if (b != nullptr) {
            what += "\n  the block of " + std::to_string(b->size) + " bytes was allocated by thread " +
                    std::to_string(b->owner) + " at " + place_of(b->site);
            if (old) {
                what +=
                    ", after thread " + std::to_string(b->free_thread) + " had freed it at " + place_of(b->free_site);
            } else if (b->freed) {
                what += "\n  and freed by thread " + std::to_string(b->free_thread) + " at " + place_of(b->free_site);
            }
        }
        if (b != nullptr && (b->freed || old)) {
            remarks_.push_back({b->free_thread, b->free_epoch, "frees the block", b->free_site});
        }
        remark_on(t, "uses the block", site);
        fail(b != nullptr && (b->freed || old) ? fault::use_after_free : fault::out_of_bounds, what);
    }
}

void session::plain(modelled_thread& t, std::uint64_t address, std::size_t size, bool writes, const void* site,
                    bool frees) {
    if (stuck_) {
        fail_stuck(t.id, site);
    }
    if (fiber_owns(address)) {
        return;
    }
    startup_touched_ = startup_touched_ || startup_heap::owns(address);
    check_alive(t, address, size, site);
    if (writes && address - reinterpret_cast<std::uint64_t>(t.on->stack_low) >= t.on->stack_size) {
        // What it writes to its own stack is compared.
        if (t.arrivals.empty() || size > sizeof(std::uint64_t) || t.overwritten.size() == overwritten_max) {
            t.arrivals.clear();
            t.overwritten.clear();
        } else {
            t.overwritten.push_back({address, size, look(t, address, size, site).low});
        }
    }
    touch now;
    now.site = site;
    now.thread = t.id;
    now.epoch = t.clock[t.id];
    now.writes = writes;
    now.frees = frees;
    look_out(now);
    if (const auto before =
            shadow_.access(address, size, now, std::span<const std::uint32_t>(t.clock.data(), t.clock_size))) {
        race(t, address, *before, now);
    }
}

void session::remark_on(const modelled_thread& t, std::string text, const void* site) {
    remarks_.push_back({t.id, t.clock[t.id], std::move(text), site,
                        narrator_ != nullptr ? calls_to_here() : std::vector<const void*>()});
}

std::vector<const void*> session::places() const {
    std::vector<const void*> all;
    if (earlier_) {
        all.push_back(earlier_->site);
    }
    if (!remarks_.empty()) {
        all.push_back(remarks_.back().site);
    }
    if (fault_site_ != nullptr) {
        all.push_back(fault_site_);
    }
    std::ranges::sort(all);
    return all;
}

void session::look_out(const touch& now) {
    if (watched_ && now.thread == watched_->thread && now.epoch == watched_->epoch && now.site == watched_->site) {
        watched_stack_ = calls_to_here();
    }
}

std::string session::describe(const touch& t, std::uint64_t address) const {
    return (t.frees ? "release of the block"
                    : std::string(t.atomic ? "atomic " : "plain ") + (t.writes ? "write" : "read") +
                          (narrator_ != nullptr ? " of " + narrator_->name_of(address) : "")) +
           " by thread " + std::to_string(t.thread) + " at " + place_of(t.site);
}

void session::race(modelled_thread& t, std::uint64_t address, const touch& before, const touch& now) {
    const bool frees = now.frees || before.frees;
    std::string what = (frees ? "use of memory that another thread releases: " : "data race: ") +
                       describe(now, address) + "\n  against: " + describe(before, address) +
                       missing_edge(strategy_->current(), before.thread, before.epoch, t.id, now.epoch);
    if (heap::owns(address)) {
        if (const heap::block* b = heap_.block_around(address); b != nullptr) {
            what += "\n  in a block of " + std::to_string(b->size) + " bytes, allocated by thread " +
                    std::to_string(b->owner) + " at " + place_of(b->site);
        }
    }
    earlier_ = before;
    const std::vector<const void*> here = narrator_ != nullptr ? calls_to_here() : std::vector<const void*>();
    const std::string of = narrator_ != nullptr ? " of " + narrator_->name_of(address) : "";
    for (const touch* side : {&before, &now}) {
        if (!side->atomic || side == &now) {
            remarks_.push_back({side->thread, side->epoch,
                                side->frees    ? "releases the block"
                                : side->atomic ? "is the second access"
                                : side->writes ? "plain write" + of
                                               : "plain read" + of,
                                side->site, side == &now ? here : watched_stack_});
        }
    }
    what += stack_text(before.thread, watched_stack_);
    fail(frees ? fault::use_after_free : fault::race, what);
}

modelled_thread& session::create(modelled_thread& t, void* (*entry_point)(void*), void* argument, const void* site) {
    end_spin(t, false);
    thread_id child = no_thread;
    while (strategy_->create(t.id, site, child) == progress::wait) {
        switch_away(t);
    }
    refresh_clock(t);
    stepped(t);
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
    c.c11_entry = nullptr;
    c.argument = argument;
    c.result = nullptr;
    c.started = true;
    c.finished = c.joined = c.detached = false;
    refresh_clock(c);
    fiber_reset(*c.on, enter, &c);
    return c;
}

void session::join(modelled_thread& t, modelled_thread& child, const void* site, bool patient) {
    if (child.joined || child.detached || &child == &t) {
        fail(fault::lock_misuse, "join of a thread that cannot be joined", site);
    }
    end_spin(t, false);
    t.impatient = !patient;
    while (strategy_->join(t.id, child.id, site) == progress::wait) {
        t.waits_for = &child;
        if (narrator_ != nullptr) {
            narrator_->waits(t);
        }
        switch_away(t);
    }
    t.impatient = false;
    t.waits_for = nullptr;
    child.joined = true;
    stepped(t);
    t.arrivals.clear();
    refresh_clock(t);
}

std::uint64_t session::time_before(const modelled_thread& t) const noexcept {
    std::uint64_t latest = t.time_ns;
    for (const auto& other : threads_) {
        if (!other->started || other->id == t.id || other->id >= t.clock_size) {
            continue;
        }
        for (auto look = other->looks.rbegin(); look != other->looks.rend(); ++look) {
            if (look->epoch < t.clock[other->id]) {
                latest = std::max(latest, look->time_ns);
                break;
            }
        }
    }
    return latest;
}

void session::leave_thread(modelled_thread& t) {
    t.ending = true;
    running = &t;
    unwind_all(t.unwinding);
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

moment session::here(const modelled_thread& t) {
    const auto first = static_cast<std::uint32_t>(stamp_clocks_.size());
    stamp_clocks_.insert(stamp_clocks_.end(), t.clock.begin(), t.clock.begin() + t.clock_size);
    stamps_.push_back({t.clock[t.id], first, t.clock_size});
    return {t.id, static_cast<std::uint32_t>(stamps_.size() - 1)};
}

bool session::happens_before(const moment& a, const moment& b) const noexcept {
    if (a.number >= stamps_.size() || b.number >= stamps_.size()) {
        host_fatal("happens_before() was told a moment of another execution");
    }
    if (a.thread == b.thread) {
        return a.number < b.number;
    }
    // Something that the thread did after a.
    const stamp& known = stamps_[b.number];
    return a.thread < known.size && stamp_clocks_[known.first + a.thread] > stamps_[a.number].events;
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
    for (const auto& t : threads_) {
        if (!t->started || t->finished) {
            continue;
        }
        const std::string object = narrator_ != nullptr && t->waits_at != 0
                                       ? " " + narrator_->name_of(t->waits_at & 0x00FF'FFFF'FFFF'FFFFU)
                                       : "";
        std::string waits = "waits";
        if (t->waits_for != nullptr) {
            waits += " for thread " + std::to_string(t->waits_for->id) + " to end";
        } else if (t->waits_at != 0) {
            switch (static_cast<location_tag>(t->waits_at >> 56U)) {
            case location_tag::lock:
                waits += " for the lock" + object;
                break;
            case location_tag::queue:
                waits += " to be woken at" + object;
                break;
            default:
                waits += " for a change of" + object;
                break;
            }
        }
        report_ += "\n  thread " + std::to_string(t->id) + " " + waits;
        const void* at = nullptr;
        if (narrator_ != nullptr) {
            const auto stack = narrator_->where_waits(*t);
            const auto found = std::ranges::find_if(stack, [](const void* site) { return own(own_place_of(site)); });
            at = found != stack.end() ? *found : nullptr;
        }
        report_ += at != nullptr ? ", at " + place_of(at) : "";
        remarks_.push_back({t->id, t->clock[t->id], std::move(waits), at, {}});
    }
}

} // namespace gantry::check::runtime
