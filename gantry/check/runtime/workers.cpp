// SPDX-License-Identifier: MIT
#include <gantry/check/explore/bounded.hpp>
#include <gantry/check/explore/divisible.hpp>
#include <gantry/check/runtime/detail/host.hpp>
#include <gantry/check/runtime/detail/signals.hpp>
#include <gantry/check/runtime/detail/workers.hpp>

#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>

namespace gantry::check::runtime {

namespace {

constexpr unsigned workers_max = 64;
constexpr std::size_t pieces_at_once = 32;

// What all processes of a search see.
//
// Ordering ledger: none; what is handed on goes through sockets.
struct common {
    thread_names names;
    std::atomic<bool> stop{false};
    std::atomic<bool> pause{false};
    std::atomic<unsigned> hungry{0}; // workers that have nothing to do
    std::atomic<std::uint64_t> executions{0};
    std::atomic<std::uint64_t> graphs{0};
    std::atomic<std::uint64_t> blocked{0};
    std::atomic<std::uint64_t> repeated{0};
    std::array<std::atomic<std::uint64_t>, workers_max> shares{}; // doubles, as bits
};

using nlohmann::json;

std::string bytes_of(const tally& t) {
    json outcomes = json::array();
    for (const auto& [values, times] : t.outcomes) {
        outcomes.push_back(json::array({values, times}));
    }
    json uses = json::array();
    for (const use& u : t.uses) {
        uses.push_back(json::array(
            {reinterpret_cast<std::uint64_t>(u.site), static_cast<unsigned>(u.kind), static_cast<unsigned>(u.o)}));
    }
    return json{{"executions", t.executions},
                {"graphs", t.graphs},
                {"blocked", t.blocked},
                {"repeated", t.repeated},
                {"outcomes", std::move(outcomes)},
                {"uses", std::move(uses)},
                {"found", static_cast<unsigned>(t.found)},
                {"report", t.report},
                {"token", t.token},
                {"met", t.met_a_bound}}
        .dump(-1, ' ', false, json::error_handler_t::replace);
}

// What this program's own worker wrote.
tally tally_from(std::string_view bytes) {
    const json from = json::parse(bytes);
    tally t;
    t.executions = from.at("executions").get<std::uint64_t>();
    t.graphs = from.at("graphs").get<std::uint64_t>();
    t.blocked = from.at("blocked").get<std::uint64_t>();
    t.repeated = from.at("repeated").get<std::uint64_t>();
    for (const json& each : from.at("outcomes")) {
        t.outcomes[each.at(0).get<std::vector<std::int64_t>>()] = each.at(1).get<std::uint64_t>();
    }
    for (const json& each : from.at("uses")) {
        t.uses.insert({reinterpret_cast<const void*>(each.at(0).get<std::uint64_t>()),
                       static_cast<event_kind>(each.at(1).get<unsigned>()),
                       static_cast<order>(each.at(2).get<unsigned>())});
    }
    t.found = static_cast<fault>(from.at("found").get<unsigned>());
    t.report = from.at("report").get<std::string>();
    t.token = from.at("token").get<std::string>();
    t.met_a_bound = from.at("met").get<bool>();
    return t;
}

// Messages: a letter, a length, so many bytes. Work, idle, tally (so far, and the last one), quit.
enum class letter : char { work = 'W', idle = 'I', tally = 'T', last = 'L', quit = 'Q' };

constexpr std::size_t head_bytes = 1 + sizeof(std::uint64_t);

bool write_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        bytes.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
    }
    return true;
}

bool send_message(int to, letter what, std::string_view content = {}) {
    std::string head(head_bytes, '\0');
    head[0] = static_cast<char>(what);
    const std::uint64_t size = content.size();
    std::memcpy(head.data() + 1, &size, sizeof size);
    return write_all(to, head) && write_all(to, content);
}

struct message {
    letter what;
    std::string content;
};

// The first message of what has arrived, taken off.
std::optional<message> first_message(std::string& arrived) {
    if (arrived.size() < head_bytes) {
        return std::nullopt;
    }
    std::uint64_t size = 0;
    std::memcpy(&size, arrived.data() + 1, sizeof size);
    if (arrived.size() - head_bytes < size) {
        return std::nullopt;
    }
    message m{static_cast<letter>(arrived[0]), arrived.substr(head_bytes, size)};
    arrived.erase(0, head_bytes + size);
    return m;
}

// In a worker: waits for the next message; none when the parent is gone.
std::optional<message> receive(int from) {
    std::string arrived;
    for (;;) {
        if (auto m = first_message(arrived)) {
            return m;
        }
        char buffer[65536];
        const ssize_t n = recv(from, buffer, sizeof buffer, 0);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return std::nullopt;
        }
        arrived.append(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
    }
}

class worker {
public:
    worker(unsigned self, int parent, common& shared, session& s, explorer& strategy, const subject& what,
           const model_options& options, bool saves)
        : self_(self), parent_(parent), shared_(shared), session_(s), strategy_(strategy),
          divided_(dynamic_cast<divisible*>(&strategy)), what_(what), options_(options), saves_(saves) {}

    void work() {
        while (more()) {
            if (stopped() || counted_.found != fault::none) {
                break;
            }
            if (divided_ != nullptr) {
                if (shared_.pause.load(std::memory_order_relaxed)) { // relaxed: stale-ok
                    give(divided_->backlog());
                    continue; // there is nothing left: says so, and waits
                }
                if (shared_.hungry.load(std::memory_order_relaxed) > 0 &&
                    divided_->backlog() > 1) { // relaxed: stale-ok
                    give(std::min(divided_->backlog() / 2, pieces_at_once));
                }
            }
            if (shared_.executions.fetch_add(1, std::memory_order_relaxed) >=
                options_.executions_max) {                           // relaxed: stats
                shared_.stop.store(true, std::memory_order_relaxed); // relaxed: stale-ok
                break;
            }
            step();
        }
        if (saves_ && counted_.found == fault::none && divided_ != nullptr) {
            give(divided_->backlog());
        }
        if (const auto* const bounded = dynamic_cast<const bounded_explorer*>(&strategy_)) {
            counted_.met_a_bound = bounded->met_a_bound();
        }
        send_message(parent_, letter::last, bytes_of(counted_));
    }

private:
    [[nodiscard]] bool stopped() const noexcept {
        return shared_.stop.load(std::memory_order_relaxed); // relaxed: stale-ok
    }

    // Whether there is an execution to run; asks for work when there is none.
    [[nodiscard]] bool more() {
        while (!strategy_.more()) {
            if (divided_ == nullptr) {
                return false;
            }
            if (saves_) { // who waits has told all that it knows
                send_message(parent_, letter::tally, bytes_of(counted_));
            }
            if (!send_message(parent_, letter::idle)) {
                return false;
            }
            const auto m = receive(parent_);
            if (!m || m->what != letter::work) {
                return false;
            }
            static_cast<void>(divided_->take(m->content)); // written by give() in a process like this one
        }
        return true;
    }

    void give(std::size_t pieces) {
        for (; pieces > 0; --pieces) {
            send_message(parent_, letter::work, divided_->give());
        }
    }

    void step() {
        const std::uint64_t graphs = counted_.graphs;
        const std::uint64_t blocked = counted_.blocked;
        const std::uint64_t repeated = counted_.repeated;
        run_one(session_, strategy_, what_, options_, counted_);
        shared_.graphs.fetch_add(counted_.graphs - graphs, std::memory_order_relaxed);       // relaxed: stats
        shared_.blocked.fetch_add(counted_.blocked - blocked, std::memory_order_relaxed);    // relaxed: stats
        shared_.repeated.fetch_add(counted_.repeated - repeated, std::memory_order_relaxed); // relaxed: stats
        if (divided_ != nullptr) {
            shared_.shares[self_].store(std::bit_cast<std::uint64_t>(divided_->share_done()),
                                        std::memory_order_relaxed); // relaxed: stats
        }
    }

    unsigned self_;
    int parent_;
    common& shared_;
    session& session_;
    explorer& strategy_;
    divisible* divided_;
    const subject& what_;
    const model_options& options_;
    bool saves_;
    tally counted_;
};

struct hand {
    pid_t process = -1;
    int socket = -1;
    std::string arrived;
    tally counted;
    bool idle = false;
    bool ended = false;
};

// The parent's side.
class foreman {
public:
    foreman(const workers_job& job, common& shared, std::vector<hand>& hands, const limits& until, const tally& before,
            double share_before)
        : job_(job), shared_(shared), hands_(hands), until_(until), before_(before), share_before_(share_before) {}

    // Whether nothing is left.
    bool lead() {
        double saved = now();
        while (std::ranges::any_of(hands_, [](const hand& h) { return !h.ended; })) {
            listen();
            const bool stops = stopping();
            if (!stops && until_.met()) {
                shared_.stop.store(true, std::memory_order_relaxed); // relaxed: stale-ok
            }
            if (job_.save && !stops && now() - saved > job_.save_seconds) {
                shared_.pause.store(true, std::memory_order_relaxed); // relaxed: stale-ok
            }
            const auto idle =
                static_cast<unsigned>(std::ranges::count_if(hands_, [](const hand& h) { return h.idle && !h.ended; }));
            const auto alive =
                static_cast<unsigned>(std::ranges::count_if(hands_, [](const hand& h) { return !h.ended; }));
            if (idle == alive && shared_.pause.load(std::memory_order_relaxed)) { // relaxed: stale-ok
                save();
                saved = now();
                shared_.pause.store(false, std::memory_order_relaxed); // relaxed: stale-ok
            }
            hand_out(stopping() || (idle == alive && pool_.empty()));
            if (job_.progress) {
                const double share = share_done();
                tally so_far;
                so_far.executions =
                    before_.executions + shared_.executions.load(std::memory_order_relaxed);           // relaxed: stats
                so_far.graphs = before_.graphs + shared_.graphs.load(std::memory_order_relaxed);       // relaxed: stats
                so_far.blocked = before_.blocked + shared_.blocked.load(std::memory_order_relaxed);    // relaxed: stats
                so_far.repeated = before_.repeated + shared_.repeated.load(std::memory_order_relaxed); // relaxed: stats
                job_.progress(so_far, share);
            }
        }
        const bool found = std::ranges::any_of(hands_, [](const hand& h) { return h.counted.found != fault::none; });
        if (job_.save && !found && !pool_.empty()) {
            save();
        }
        return !stopping() && pool_.empty();
    }

private:
    [[nodiscard]] bool stopping() const noexcept {
        return shared_.stop.load(std::memory_order_relaxed); // relaxed: stale-ok
    }

    [[nodiscard]] double share_done() const {
        double share = share_before_;
        for (std::size_t i = 0; i < hands_.size(); ++i) {
            share += std::bit_cast<double>(shared_.shares[i].load(std::memory_order_relaxed)); // relaxed: stats
        }
        return share;
    }

    // Waits a little for messages, and takes what is there.
    void listen() {
        std::vector<pollfd> waits;
        for (const hand& h : hands_) {
            waits.push_back({h.ended ? -1 : h.socket, POLLIN, 0});
        }
        if (poll(waits.data(), waits.size(), 100) <= 0) {
            return;
        }
        for (std::size_t i = 0; i < hands_.size(); ++i) {
            if (waits[i].revents != 0) {
                hear(hands_[i]);
            }
        }
    }

    void hear(hand& h) {
        char buffer[65536];
        const ssize_t n = recv(h.socket, buffer, sizeof buffer, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            died(h);
            return;
        }
        h.arrived.append(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
        while (auto m = first_message(h.arrived)) {
            switch (m->what) {
            case letter::work:
                pool_.push_back(std::move(m->content));
                break;
            case letter::idle:
                h.idle = true;
                break;
            case letter::tally:
                h.counted = tally_from(m->content);
                break;
            case letter::last:
                h.counted = tally_from(m->content);
                h.ended = true;
                if (h.counted.found != fault::none) {
                    shared_.stop.store(true, std::memory_order_relaxed); // relaxed: stale-ok
                }
                break;
            case letter::quit:
                break;
            }
        }
    }

    void died(hand& h) {
        h.ended = true;
        h.counted.found = fault::crash;
        h.counted.report = "a worker process ended before its time";
        shared_.stop.store(true, std::memory_order_relaxed); // relaxed: stale-ok
    }

    void hand_out(bool quit) {
        unsigned hungry = 0;
        for (hand& h : hands_) {
            if (!h.idle || h.ended) {
                continue;
            }
            if (quit) {
                h.idle = !send_message(h.socket, letter::quit);
            } else if (!pool_.empty() && !shared_.pause.load(std::memory_order_relaxed)) { // relaxed: stale-ok
                h.idle = !send_message(h.socket, letter::work, pool_.front());
                pool_.pop_front();
            } else {
                ++hungry;
            }
        }
        shared_.hungry.store(hungry, std::memory_order_relaxed); // relaxed: stale-ok
    }

    void save() {
        tally so_far = before_;
        for (const hand& h : hands_) {
            so_far.add(h.counted);
        }
        job_.save(so_far, {pool_.begin(), pool_.end()}, shared_.names.all());
    }

    const workers_job& job_;
    common& shared_;
    std::vector<hand>& hands_;
    const limits& until_;
    const tally& before_;
    double share_before_;
    std::deque<std::string> pool_;
};

} // namespace

bool run_in_workers(const workers_job& job, session& s, explorer& strategy, const subject& what,
                    const model_options& options, const limits& until, tally& into) {
    void* const memory = mmap(nullptr, sizeof(common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        host_fatal("cannot map memory to share");
    }
    auto& shared = *new (memory) common;
    auto* const divided = dynamic_cast<divisible*>(&strategy);
    if (divided != nullptr) {
        divided->share_names(shared.names);
    }
    model_options rest = options;
    rest.executions_max -= std::min(rest.executions_max, into.executions);
    std::fflush(nullptr); // what is in the buffers is not to be written twice
    std::vector<hand> hands(std::min(job.workers, workers_max));
    for (unsigned i = 0; i < hands.size(); ++i) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            host_fatal("cannot make a socket pair");
        }
        hand& h = hands[i];
        h.socket = ends[0];
        h.process = fork();
        if (h.process < 0) {
            host_fatal("cannot start a worker process");
        }
        if (h.process == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            std::signal(SIGINT, SIG_IGN); // the parent decides
            watch_for_stuck_threads(options.stuck_seconds);
            for (unsigned k = 0; k <= i; ++k) {
                close(hands[k].socket);
            }
            std::unique_ptr<explorer> own;
            if (divided != nullptr) {
                divided->keep_share(i, hands.size());
            } else {
                own = job.make(i, static_cast<unsigned>(hands.size()));
            }
            worker(i, ends[1], shared, s, own ? *own : strategy, what, rest, static_cast<bool>(job.save)).work();
            std::fflush(nullptr);
            _exit(0);
        }
        close(ends[1]);
    }
    if (divided != nullptr) {
        divided->drop();
    }
    const tally before = into;
    const bool all_done =
        foreman(job, shared, hands, until, before, divided != nullptr ? divided->share_done() : 0).lead();
    for (hand& h : hands) {
        close(h.socket);
        int status = 0;
        while (waitpid(h.process, &status, 0) < 0 && errno == EINTR) {
        }
        if (WIFSIGNALED(status)) {
            h.counted.report += ": signal " + std::to_string(WTERMSIG(status));
        }
        into.add(h.counted);
    }
    munmap(memory, sizeof(common));
    return all_done;
}

} // namespace gantry::check::runtime
