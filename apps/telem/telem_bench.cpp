// SPDX-License-Identifier: MIT
//
// Floods telem over loopback from a second process (this one) and counts points per CPU-second of telem's process.
//
// A run has two parts. First a search with one server: how fast can datagrams be sent before the kernel drops more than
// one in a hundred? Then, with a fresh server, the measurement at that rate. Peers take the same flood: a child that
// only receives and counts lines (the floor that the kernel sets), and collectd where it is installed.
//
// Beside it, what a point costs in telem's own code: decode (bytes to name and value) and intern (name to number), each
// with the plain way to do it as the baseline.
//
// Usage: bench_telem [--json] [google benchmark options]
#include <apps/telem/core/line.hpp>
#include <apps/telem/core/names.hpp>

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using seconds = std::chrono::duration<double>;
using steady = std::chrono::steady_clock;

// Set from the command line: a smoke run (ctest) only shows that everything works.
bool smoke = false;

constexpr std::size_t names = 1000;
constexpr std::uint32_t value_max = 1000;
constexpr double drops_max = 0.01;

[[noreturn]] void die(std::string_view what) {
    std::cerr << "bench_telem: " << what << ": " << std::strerror(errno) << '\n';
    std::exit(1);
}

// How a server spells a point.
enum class spelling { telem, statsd };

std::vector<std::string> make_datagrams(std::size_t lines, spelling how) {
    std::mt19937 random(20'241'123);
    std::uniform_int_distribution<std::size_t> name(0, names - 1);
    std::uniform_int_distribution<std::uint32_t> value(0, value_max);
    std::vector<std::string> all(4096);
    for (std::string& one : all) {
        for (std::size_t i = 0; i < lines; ++i) {
            one += how == spelling::telem ? fmt::format("metric.{} {}\n", name(random), value(random))
                                          : fmt::format("metric.{}:{}|ms\n", name(random), value(random));
        }
    }
    return all;
}

// Sends over loopback at a set rate.
class flooder {
public:
    flooder(std::uint16_t port, const std::vector<std::string>& datagrams) : datagrams_(&datagrams) {
        socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (socket_ < 0 || connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
            die("cannot reach the server");
        }
    }
    ~flooder() { close(socket_); }
    flooder(const flooder&) = delete;
    flooder& operator=(const flooder&) = delete;

    // Returns the number of datagrams sent; may be fewer than asked for when this machine cannot send that fast.
    std::uint64_t flood(double datagrams_a_second, seconds span) {
        const auto start = steady::now();
        std::uint64_t sent = 0;
        for (;;) {
            const seconds passed = steady::now() - start;
            if (passed >= span) {
                return sent;
            }
            const auto due = static_cast<std::uint64_t>(passed.count() * datagrams_a_second);
            if (due < sent + batch) {
                // Not less than a batch at a time: sleep for what is missing.
                const double missing = static_cast<double>(sent + batch - due) / datagrams_a_second;
                std::this_thread::sleep_for(std::min(span - passed, seconds(missing)));
                continue;
            }
            sent += send_batch();
        }
    }

private:
    static constexpr std::size_t batch = 32;

    std::uint64_t send_batch() {
        std::array<iovec, batch> parts{};
        std::array<mmsghdr, batch> headers{};
        for (std::size_t i = 0; i < batch; ++i) {
            const std::string& one = (*datagrams_)[next_++ % datagrams_->size()];
            parts[i] = {const_cast<char*>(one.data()), one.size()};
            headers[i].msg_hdr.msg_iov = &parts[i];
            headers[i].msg_hdr.msg_iovlen = 1;
        }
        const int sent = sendmmsg(socket_, headers.data(), batch, 0);
        if (sent < 0) {
            die("cannot send");
        }
        return static_cast<std::uint64_t>(sent);
    }

    int socket_ = -1;
    std::size_t next_ = 0;
    const std::vector<std::string>* datagrams_;
};

// The row of the kernel's table for the IPv4 socket bound to the port; read from outside, so that it works for any
// server.
std::optional<std::vector<std::string>> socket_row(std::uint16_t port) {
    std::ifstream table("/proc/net/udp");
    std::string line;
    std::getline(table, line);
    const std::string local = fmt::format(":{:04X}", port);
    while (std::getline(table, line)) {
        std::istringstream fields(line);
        std::vector<std::string> words{std::istream_iterator<std::string>(fields), {}};
        if (words.size() >= 13 && words[1].ends_with(local)) {
            return words;
        }
    }
    return std::nullopt;
}

bool bound(std::uint16_t port) {
    return socket_row(port).has_value();
}

// Datagrams dropped at the socket.
std::uint64_t dropped_at(std::uint16_t port) {
    const auto row = socket_row(port);
    return row ? std::stoull((*row)[12]) : 0;
}

// Bytes still queued at the socket; 0 when the server has caught up.
std::uint64_t queued_at(std::uint16_t port) {
    const auto row = socket_row(port);
    return row ? std::stoull((*row)[4].substr((*row)[4].find(':') + 1), nullptr, 16) : 0;
}

struct outcome {
    std::uint64_t accepted = 0;  // points
    std::uint64_t malformed = 0; // lines
    double cpu_seconds = 0;
};

// A server process of ours: started, asked for its port, stopped, and its CPU time taken.
class server {
public:
    virtual ~server() = default;
    server() = default;
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }

    // Waits until the server has fetched everything that is queued for it.
    void catch_up() const {
        const auto deadline = steady::now() + std::chrono::seconds(20);
        while (queued_at(port_) != 0) {
            if (steady::now() > deadline) {
                kill(child_, SIGKILL);
                die("the server does not fetch its datagrams");
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    // Points that were sent less those that the kernel dropped, for a server that does not say what it accepted.
    virtual void assume_accepted(std::uint64_t) {}

    outcome stop() {
        catch_up();
        kill(child_, SIGTERM);
        read_results();
        rusage used{};
        int status = 0;
        if (wait4(child_, &status, 0, &used) != child_ || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            die("the server did not end well");
        }
        const auto in_seconds = [](const timeval& t) {
            return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
        };
        result_.cpu_seconds = in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
        return result_;
    }

protected:
    virtual void read_results() = 0;

    pid_t child_ = -1;
    std::uint16_t port_ = 0;
    outcome result_;
};

class telem_server final : public server {
public:
    // durability: of both arrows out of the source, if they shall spill; else the built-in topology.
    explicit telem_server(const char* durability = nullptr) {
        std::string config;
        if (durability != nullptr) {
            folder_ = std::filesystem::temp_directory_path() / fmt::format("bench_telem_{}", getpid());
            std::filesystem::remove_all(folder_);
            std::filesystem::create_directory(folder_);
            config = folder_ / "telem.toml";
            std::ofstream(config) << fmt::format(spilling, folder_.string(), durability);
        }
        std::array<int, 2> out{};
        std::array<int, 2> err{};
        if (pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(err.data(), O_CLOEXEC) != 0) {
            die("pipe");
        }
        child_ = fork();
        if (child_ < 0) {
            die("fork");
        }
        if (child_ == 0) {
            dup2(out[1], STDOUT_FILENO);
            dup2(err[1], STDERR_FILENO);
            execl(TELEM_PROGRAM, "telem", "--json", "--listen", "127.0.0.1:0", config.empty() ? nullptr : "--config",
                  config.c_str(), nullptr);
            _exit(127);
        }
        close(out[1]);
        close(err[1]);
        err_ = fdopen(err[0], "r");
        std::array<char, 512> line{};
        constexpr std::string_view before = "listening on 127.0.0.1:";
        if (err_ == nullptr || fgets(line.data(), line.size(), err_) == nullptr) {
            die("telem says nothing");
        }
        const std::string_view said(line.data());
        const std::size_t at = said.find(before);
        if (at == std::string_view::npos) {
            die(said);
        }
        port_ = static_cast<std::uint16_t>(std::atoi(said.data() + at + before.size()));
        // Reports are read as they come, so that a full pipe never holds telem up.
        reader_ = std::thread([this, from = out[0]] {
            std::array<char, 65536> bytes;
            for (ssize_t got = 0; (got = read(from, bytes.data(), bytes.size())) > 0;) {
                text_.append(bytes.data(), static_cast<std::size_t>(got));
                // The last line is all that is needed.
                if (const std::size_t end = text_.rfind('\n', text_.size() - 2); end != std::string::npos) {
                    text_.erase(0, end + 1);
                }
            }
            close(from);
        });
    }
    ~telem_server() override {
        fclose(err_);
        if (!folder_.empty()) {
            std::filesystem::remove_all(folder_);
        }
    }

private:
    void read_results() override {
        reader_.join();
        const auto last = nlohmann::json::parse(text_);
        result_.accepted = last.at("points_accepted");
        result_.malformed = last.at("lines_malformed");
    }

    // The built-in topology, but for the arrows behind the source.
    static constexpr const char* spilling = R"([source.udp]
kind = "udp"
listen = "127.0.0.1:0"
to = [
  {{ node = "low", spill = {{ dir = "{0}/low", durability = "{1}" }} }},
  {{ node = "high", spill = {{ dir = "{0}/high", durability = "{1}" }} }},
]
[filter.low]
kind = "low"
limit = 100
to = ["ckms"]
[filter.high]
kind = "high"
limit = 100
to = ["cma"]
[aggregate.ckms]
kind = "ckms"
to = ["console"]
[aggregate.cma]
kind = "moving_average"
to = ["console"]
[sink.console]
kind = "console"
)";

    FILE* err_ = nullptr;
    std::thread reader_;
    std::string text_;
    std::filesystem::path folder_;
};

// volatile: set by the signal handler of the same thread
volatile std::sig_atomic_t stop_counting = 0;

// The floor: receives in the same batches at the same moments, counts line ends, does nothing else.
class counting_server final : public server {
public:
    counting_server() {
        const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        const int buffer = 8 << 20;
        if (socket < 0 || bind(socket, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
            getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
            die("bind");
        }
        if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0) {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        }
        port_ = ntohs(at.sin_port);
        std::array<int, 2> out{};
        if (pipe2(out.data(), O_CLOEXEC) != 0) {
            die("pipe");
        }
        child_ = fork();
        if (child_ < 0) {
            die("fork");
        }
        if (child_ == 0) {
            count(socket, out[1]);
        }
        close(socket);
        close(out[1]);
        from_ = out[0];
        std::uint64_t ready = 0; // before this a SIGTERM would end the child without its count
        if (read(from_, &ready, sizeof ready) != sizeof ready) {
            die("the counting child did not start");
        }
    }
    ~counting_server() override { close(from_); }

private:
    [[noreturn]] static void count(int socket, int to) {
        struct sigaction action{};
        action.sa_handler = [](int) {
            stop_counting = 1;
        };
        sigaction(SIGTERM, &action, nullptr);
        constexpr std::size_t batch = 64;
        static std::array<std::array<char, 2048>, batch> buffers;
        static std::array<iovec, batch> parts;
        static std::array<mmsghdr, batch> headers;
        for (std::size_t i = 0; i < batch; ++i) {
            parts[i] = {buffers[i].data(), buffers[i].size()};
            headers[i].msg_hdr.msg_iov = &parts[i];
            headers[i].msg_hdr.msg_iovlen = 1;
        }
        std::uint64_t lines = 0;
        if (write(to, &lines, sizeof lines) != sizeof lines) {
            _exit(1);
        }
        std::uint64_t burst = 0;
        for (;;) {
            const int got = recvmmsg(socket, headers.data(), batch, MSG_DONTWAIT, nullptr);
            for (int i = 0; i < got; ++i) {
                const auto n = static_cast<std::size_t>(i);
                lines += static_cast<std::uint64_t>(
                    std::count(buffers[n].data(), buffers[n].data() + headers[n].msg_len, '\n'));
            }
            if (got > 0) {
                burst += static_cast<std::uint64_t>(got);
                continue;
            }
            if (stop_counting != 0) {
                break;
            }
            // Lets datagrams gather as telem does: without it each would cost a wake-up, and this would be no floor.
            if (std::exchange(burst, 0) >= 16) {
                const timespec gather{0, 2'000'000};
                nanosleep(&gather, nullptr);
                continue;
            }
            pollfd watched{socket, POLLIN, 0};
            poll(&watched, 1, 100);
        }
        if (write(to, &lines, sizeof lines) != sizeof lines) {
            _exit(1);
        }
        _exit(0);
    }

    void read_results() override {
        if (read(from_, &result_.accepted, sizeof result_.accepted) != sizeof result_.accepted) {
            die("the counting child said nothing");
        }
    }

    int from_ = -1;
};

constexpr const char* collectd_path = "/usr/sbin/collectd";

// A peer: collectd with nothing but its statsd plugin, points sent as timers with one percentile; it writes nowhere.
class collectd_server final : public server {
public:
    collectd_server() {
        port_ = free_port();
        std::array<char, 32> folder{"/tmp/bench_telem.XXXXXX"};
        if (mkdtemp(folder.data()) == nullptr) {
            die("mkdtemp");
        }
        folder_ = folder.data();
        const std::string config = folder_ + "/collectd.conf";
        std::ofstream(config) << fmt::format("BaseDir \"{}\"\nPluginDir \"/usr/lib/collectd\"\n"
                                             "TypesDB \"/usr/share/collectd/types.db\"\nInterval 1\n"
                                             "LoadPlugin statsd\n<Plugin statsd>\n  Host \"127.0.0.1\"\n  Port \"{}\"\n"
                                             "  TimerPercentile 90.0\n</Plugin>\n",
                                             folder_, port_);
        child_ = fork();
        if (child_ < 0) {
            die("fork");
        }
        if (child_ == 0) {
            const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
            dup2(null, STDOUT_FILENO);
            dup2(null, STDERR_FILENO);
            const std::string pid = folder_ + "/pid";
            execl(collectd_path, "collectd", "-f", "-C", config.c_str(), "-P", pid.c_str(), nullptr);
            _exit(127);
        }
        const auto deadline = steady::now() + std::chrono::seconds(20);
        while (!bound(port_)) {
            if (steady::now() > deadline) {
                kill(child_, SIGKILL);
                die("collectd does not listen");
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    ~collectd_server() override {
        for (const char* file : {"/collectd.conf", "/pid"}) {
            unlink((folder_ + file).c_str());
        }
        rmdir(folder_.c_str());
    }

    static bool installed() {
        return access(collectd_path, X_OK) == 0 && access("/usr/lib/collectd/statsd.so", R_OK) == 0;
    }

    void assume_accepted(std::uint64_t points) override { result_.accepted = points; }

private:
    // Free a moment ago: collectd cannot be asked to take any port.
    static std::uint16_t free_port() {
        const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        if (socket < 0 || bind(socket, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
            getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
            die("bind");
        }
        close(socket);
        return ntohs(at.sin_port);
    }

    void read_results() override {}

    std::string folder_;
};

struct measured {
    std::uint64_t sent = 0; // points, as the next three
    std::uint64_t accepted = 0;
    std::uint64_t dropped = 0;
    std::uint64_t malformed = 0;
    double cpu_seconds = 0;
    double wall_seconds = 0;

    [[nodiscard]] double per_cpu_second() const {
        return cpu_seconds > 0 ? static_cast<double>(accepted) / cpu_seconds : 0;
    }
};

using start_server = std::function<std::unique_ptr<server>()>;

double share_dropped(server& at, flooder& from, double rate, seconds span) {
    const std::uint64_t before = dropped_at(at.port());
    const std::uint64_t sent = from.flood(rate, span);
    const std::uint64_t dropped = dropped_at(at.port()) - before;
    return sent == 0 ? 0 : static_cast<double>(dropped) / static_cast<double>(sent);
}

// The highest rate, to about five in a hundred, at which drops stay below the limit.
double find_rate(server& at, flooder& from) {
    if (smoke) {
        return 20'000;
    }
    const seconds trial(0.4);
    double good = 20'000;
    double bad = 0;
    while (bad == 0 || bad > good * 1.05) {
        const double rate = bad == 0 ? good * 1.6 : (good + bad) / 2;
        if (rate > 8'000'000) {
            return good; // faster than this machine can send
        }
        (share_dropped(at, from, rate, trial) <= drops_max / 2 ? good : bad) = rate;
        at.catch_up();
    }
    return good;
}

measured measure(const start_server& start, std::size_t lines, spelling how) {
    const std::vector<std::string> datagrams = make_datagrams(lines, how);
    double rate = 0;
    {
        const auto at = start();
        flooder from(at->port(), datagrams);
        rate = find_rate(*at, from);
        at->stop();
    }
    for (;; rate *= 0.9) {
        const auto at = start();
        flooder from(at->port(), datagrams);
        const auto begin = steady::now();
        const std::uint64_t sent = from.flood(rate, seconds(smoke ? 0.1 : 3.0));
        const seconds wall = steady::now() - begin;
        const std::uint64_t dropped = dropped_at(at->port());
        at->assume_accepted((sent - dropped) * lines);
        const outcome got = at->stop();
        if (static_cast<double>(dropped) <= drops_max * static_cast<double>(sent) || smoke) {
            return {.sent = sent * lines,
                    .accepted = got.accepted,
                    .dropped = dropped * lines,
                    .malformed = got.malformed,
                    .cpu_seconds = got.cpu_seconds,
                    .wall_seconds = wall.count()};
        }
    }
}

measured measure_telem(std::size_t lines) {
    return measure([] { return std::make_unique<telem_server>(); }, lines, spelling::telem);
}

void report(benchmark::State& state, const measured& got) {
    if (got.accepted + got.dropped != got.sent || got.malformed != 0) {
        state.SkipWithError(fmt::format("sent {} points, but {} accepted, {} dropped, {} malformed lines", got.sent,
                                        got.accepted, got.dropped, got.malformed)
                                .c_str());
        return;
    }
    state.SetIterationTime(got.cpu_seconds);
    state.SetItemsProcessed(static_cast<std::int64_t>(got.accepted));
    state.counters["points_per_second"] = static_cast<double>(got.accepted) / got.wall_seconds;
    state.counters["dropped_share"] = static_cast<double>(got.dropped) / static_cast<double>(got.sent);
}

// Items per second is points per CPU-second: the time of an iteration is the CPU time of the server's process.
void flood_telem(benchmark::State& state, std::size_t lines) {
    for ([[maybe_unused]] auto _ : state) {
        report(state, measure_telem(lines));
    }
}

void flood_spilling(benchmark::State& state, const char* durability) {
    for ([[maybe_unused]] auto _ : state) {
        report(state, measure([&] { return std::make_unique<telem_server>(durability); }, 8, spelling::telem));
    }
}

void flood_recvmmsg(benchmark::State& state, std::size_t lines) {
    for ([[maybe_unused]] auto _ : state) {
        report(state, measure([] { return std::make_unique<counting_server>(); }, lines, spelling::telem));
    }
}

void flood_collectd(benchmark::State& state, std::size_t lines) {
    if (!collectd_server::installed()) {
        state.SkipWithError("collectd-core is not installed");
        return;
    }
    for ([[maybe_unused]] auto _ : state) {
        report(state, measure([] { return std::make_unique<collectd_server>(); }, lines, spelling::statsd));
    }
}

// Runs one(datagram) -> sum of the values over the datagrams; the sums must come out right.
template<class One>
void over_datagrams(benchmark::State& state, std::size_t lines, One&& one) {
    const std::vector<std::string> datagrams = make_datagrams(lines, spelling::telem);
    std::uint64_t wanted = 0;
    for (const std::string& each : datagrams) {
        std::istringstream text(each);
        std::string name;
        for (std::uint64_t value = 0; text >> name >> value;) {
            wanted += value;
        }
    }
    for ([[maybe_unused]] auto _ : state) {
        std::uint64_t sum = 0;
        for (const std::string& each : datagrams) {
            sum += one(each);
        }
        if (sum != wanted) {
            state.SkipWithError("wrong sum of values");
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(datagrams.size() * lines));
}

void decode_gantry(benchmark::State& state, std::size_t lines) {
    over_datagrams(state, lines, [](std::string_view datagram) {
        std::uint64_t sum = 0;
        telem::decode_lines(datagram, [&](std::string_view, std::uint32_t value) { sum += value; });
        return sum;
    });
}

// What one would write first: find the line end, find the blank, std::from_chars. It checks no name.
void decode_std(benchmark::State& state, std::size_t lines) {
    over_datagrams(state, lines, [](std::string_view datagram) {
        std::uint64_t sum = 0;
        while (!datagram.empty()) {
            const std::string_view line = datagram.substr(0, datagram.find('\n'));
            datagram.remove_prefix(std::min(line.size() + 1, datagram.size()));
            const std::size_t blank = line.find(' ');
            std::uint32_t value = 0;
            std::from_chars(line.data() + blank + 1, line.data() + line.size(), value);
            sum += value;
        }
        return sum;
    });
}

void intern_gantry(benchmark::State& state, std::size_t lines) {
    telem::name_table table({.bytes_max = 64U << 20U, .secret = telem::name_secret::draw()});
    telem::name_index index(table);
    over_datagrams(state, lines, [&](std::string_view datagram) {
        std::uint64_t sum = 0;
        telem::decode_lines(datagram,
                            [&](std::string_view name, std::uint32_t value) { sum += index.intern(name) ? value : 0; });
        return sum;
    });
    if (table.count() != names) {
        state.SkipWithError("wrong number of names");
    }
}

void intern_std(benchmark::State& state, std::size_t lines) {
    struct hasher : std::hash<std::string_view> {
        using is_transparent = void;
    };
    std::unordered_map<std::string, std::uint32_t, hasher, std::equal_to<>> table;
    over_datagrams(state, lines, [&](std::string_view datagram) {
        std::uint64_t sum = 0;
        telem::decode_lines(datagram, [&](std::string_view name, std::uint32_t value) {
            if (table.find(name) == table.end()) {
                table.emplace(name, static_cast<std::uint32_t>(table.size()));
            }
            sum += value;
        });
        return sum;
    });
    if (table.size() != names) {
        state.SkipWithError("wrong number of names");
    }
}

void print_json(std::size_t lines) {
    const measured got = measure_telem(lines);
    const nlohmann::ordered_json line{{"lines_per_datagram", lines},
                                      {"points_per_cpu_second", got.per_cpu_second()},
                                      {"sent", got.sent},
                                      {"accepted", got.accepted},
                                      {"dropped_kernel", got.dropped},
                                      {"malformed", got.malformed}};
    std::cout << line.dump() << std::endl;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<char*> rest;
    bool json = false;
    for (int i = 0; i < argc; ++i) {
        const std::string_view word(argv[i]);
        if (word == "--json") {
            json = true;
            continue;
        }
        constexpr std::string_view least = "--benchmark_min_time=";
        if (word.starts_with(least)) {
            smoke = std::atof(argv[i] + least.size()) < 0.01;
        }
        rest.push_back(argv[i]);
    }
    std::signal(SIGPIPE, SIG_IGN);
    if (json) {
        for (const std::size_t lines : {std::size_t{8}, std::size_t{1}}) {
            print_json(lines);
        }
        return 0;
    }
    for (const std::size_t lines : {std::size_t{1}, std::size_t{8}, std::size_t{32}}) {
        const auto add = [&](const char* who, auto run) {
            benchmark::RegisterBenchmark(fmt::format("flood/{}/lines:{}", who, lines).c_str(), run, lines)
                ->Iterations(1)
                ->UseManualTime()
                ->Unit(benchmark::kMillisecond);
        };
        add("gantry", flood_telem);
        add("recvmmsg_only", flood_recvmmsg);
        add("collectd", flood_collectd);
    }
    for (const char* durability : {"volatile_overflow", "durable"}) {
        benchmark::RegisterBenchmark(fmt::format("flood_{}/gantry/lines:8", durability).c_str(), flood_spilling,
                                     durability)
            ->Iterations(1)
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
    }
    const auto add = [](const char* name, auto run) {
        benchmark::RegisterBenchmark(name, run, std::size_t{8})->UseRealTime();
    };
    add("decode/gantry/lines:8", decode_gantry);
    add("decode/std_find_from_chars/lines:8", decode_std);
    add("decode_and_intern/gantry/lines:8", intern_gantry);
    add("decode_and_intern/std_unordered_map/lines:8", intern_std);
    int count = static_cast<int>(rest.size());
    benchmark::Initialize(&count, rest.data());
    if (benchmark::ReportUnrecognizedArguments(count, rest.data())) {
        return 1;
    }
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
