// SPDX-License-Identifier: MIT
#include <apps/telem/core/report.hpp>
#include <apps/telem/core/runtime.hpp>

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ranges>
#include <system_error>
#include <thread>

namespace telem {
namespace {

void run_stage(stage& one, topology& whole, int done) {
    try {
        while (one.step() != progress::done) {
        }
        one.out().close();
    } catch (const std::exception& thrown) {
        whole.fail(fmt::format("{}: {}", one.name(), thrown.what()));
        one.abandon();
    }
    const std::uint64_t one_more = 1;
    static_cast<void>(!::write(done, &one_more, sizeof one_more)); // an eventfd this far from full takes it
}

void log_lines(const std::function<void(std::string_view)>& log, std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        log(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
}

// Returns when all stages that were started have ended (true) or a second signal came (false).
bool wait_for_end(topology& whole, std::size_t started, int signals, int done,
                  const std::function<void(std::string_view)>& log) {
    std::size_t ended = 0;
    bool stopping = false;
    while (ended < started) {
        std::array<pollfd, 2> watched{{{signals, POLLIN, 0}, {done, POLLIN, 0}}};
        if (poll(watched.data(), watched.size(), -1) < 0) {
            continue; // EINTR: nothing else can go wrong with two live descriptors
        }
        if ((watched[0].revents & POLLIN) != 0) {
            signalfd_siginfo info{};
            if (read(signals, &info, sizeof info) == sizeof info) {
                if (info.ssi_signo == SIGUSR1) {
                    log_lines(log, report_text(whole));
                    continue;
                }
                if (stopping) {
                    return false;
                }
                stopping = true;
                log(fmt::format("got {}: taking in what has arrived, then reporting (a second signal ends at once)",
                                info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM"));
                whole.stop();
            }
        }
        if ((watched[1].revents & POLLIN) != 0) {
            std::uint64_t more = 0;
            if (read(done, &more, sizeof more) == sizeof more) {
                ended += more;
            }
        }
    }
    return true;
}

// What waits on spilling arrows stays for the next start, where the config says so. False if something went wrong.
bool finish_spills(topology& whole, const std::function<void(std::string_view)>& log) {
    bool good = true;
    for (spill_edge* one : whole.spills()) {
        const auto kept = one->finish();
        if (!kept) {
            good = false;
            log(fmt::format("error: {}: {}", one->name(), kept.error()));
        } else if (*kept != 0) {
            log(fmt::format("{}: {} events wait for the next start", one->name(), *kept));
        }
    }
    return good;
}

} // namespace

exit_code run(const config& checked, const world& around, const std::function<void(std::string_view)>& log) {
    std::signal(SIGPIPE, SIG_IGN); // a closed pipe is an error of write()
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &stops, nullptr);
    const int signals = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
    const int done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signals < 0 || done < 0) {
        log(fmt::format("error: cannot watch for signals: {}", std::strerror(errno)));
        return exit_code::failed;
    }

    world near = around;
    near.say = log;
    auto built = topology::build(checked, near, true);
    if (!built) {
        log("error: " + built.error());
        return exit_code::failed;
    }
    topology& whole = **built;
    for (const source* one : whole.sources()) {
        log(fmt::format("listening on {} (receive buffer {} bytes)", one->bound().text(), one->buffer_bytes()));
    }

    std::vector<std::thread> threads;
    threads.reserve(whole.stages().size());
    // Sinks first: if a thread cannot be had, what already runs has somewhere to send to, and ends.
    for (const auto& one : whole.stages() | std::views::reverse) {
        try {
            threads.emplace_back([&stage = *one, &whole, done] {
                pthread_setname_np(pthread_self(), stage.name().substr(0, 15).c_str());
                run_stage(stage, whole, done);
            });
        } catch (const std::system_error& thrown) {
            whole.fail(fmt::format("{}: cannot start a thread: {}", one->name(), thrown.what()));
            one->abandon();
        }
    }
    const bool in_order = wait_for_end(whole, threads.size(), signals, done, log);
    if (!in_order) {
        const totals sum = total(whole);
        log(fmt::format(
            "error: ended by a second signal: of {} accepted points, those that no report shows yet are lost",
            sum.accepted));
        static_cast<void>(finish_spills(whole, log));
        log_lines(log, report_text(whole));
        // Threads may wait for ever on a stalled output; only the end of the process frees them.
        _exit(static_cast<int>(exit_code::cut_short));
    }
    for (std::thread& one : threads) {
        one.join();
    }
    close(signals);
    close(done);

    const bool all_kept = finish_spills(whole, log);
    auto failure = whole.failure();
    if (!all_kept && !failure) {
        failure = "not everything that waited could be written down";
    }
    if (whole.json()) {
        if (const auto wrote = around.console.write(report_json(whole)); !wrote && !failure) {
            failure = fmt::format("cannot write to standard output: {}", wrote.error());
        }
    }
    log_lines(log, report_text(whole));
    if (failure) {
        log("error: " + *failure);
        return exit_code::failed;
    }
    return exit_code::ok;
}

} // namespace telem
