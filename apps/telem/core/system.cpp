// SPDX-License-Identifier: MIT
#include <apps/telem/core/system.hpp>

#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/eventfd.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace telem {
namespace {

std::string why() {
    return std::strerror(errno);
}

class descriptor {
public:
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    ~descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    descriptor(descriptor&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
    descriptor& operator=(descriptor&&) = delete;

    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_;
};

timespec as_timespec(std::chrono::nanoseconds span) {
    return {static_cast<time_t>(span.count() / 1'000'000'000), static_cast<long>(span.count() % 1'000'000'000)};
}

class real_clock final : public clock {
public:
    std::chrono::nanoseconds steady() override { return std::chrono::steady_clock::now().time_since_epoch(); }
    std::chrono::milliseconds wall() override {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::system_clock::now().time_since_epoch());
    }
};

class udp_datagrams final : public datagrams {
public:
    static constexpr std::size_t batch = 64;
    // The largest datagram that UDP knows fits; the odd rest keeps the starts of the buffers, which is all that most
    // datagrams touch, out of each other's cache sets.
    static constexpr std::size_t buffer_stride = 65536 + 5 * 64;
    static constexpr std::size_t control_bytes = CMSG_SPACE(sizeof(std::uint32_t));
    // While datagrams come thick, letting them gather this long saves a wake-up of every thread for each handful. It is
    // far below the second between two reports, and the socket's buffer holds far more than comes in so short a time.
    static constexpr std::chrono::microseconds gather{2000};
    static constexpr std::size_t thick = 16;

    udp_datagrams(descriptor socket, descriptor wakeup, address where, std::size_t got)
        : socket_(std::move(socket)), wakeup_(std::move(wakeup)), where_(where), got_bytes_(got),
          buffer_(std::make_unique_for_overwrite<char[]>(batch * buffer_stride)) {
        for (std::size_t i = 0; i < batch; ++i) {
            parts_[i] = {buffer_.get() + i * buffer_stride, buffer_stride};
            msghdr& header = headers_[i].msg_hdr;
            header.msg_iov = &parts_[i];
            header.msg_iovlen = 1;
        }
        // The kernel's count of drops only grows, so one reading a batch will do.
        headers_[0].msg_hdr.msg_control = control_.data();
    }

    std::expected<received, std::string> receive(std::chrono::nanoseconds wait) override {
        if (last_ < batch && wait.count() > 0) {
            if (std::exchange(burst_, 0) >= thick && wait > gather) {
                sleep_until_woken(gather);
            } else if (auto ready = wait_readable(wait); !ready || !*ready) {
                last_ = 0;
                return ready ? std::expected<received, std::string>(nothing()) : std::unexpected(ready.error());
            }
        }
        return fetch();
    }

    void refuse_more() override {
        fetch_drops();
        // A filter that passes nothing: what is queued stays, what comes later never enters the queue. So the drain
        // has an end, however fast senders go on. It cannot fail on a socket that lives; if it did, the drain would
        // only be longer.
        sock_filter nothing{BPF_RET | BPF_K, 0, 0, 0};
        sock_fprog program{1, &nothing};
        refused_ = setsockopt(socket_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
    }

    void wake() override {
        const std::uint64_t one = 1;
        // Only fails when the counter is full, and then the reader is awake anyway.
        static_cast<void>(!::write(wakeup_.get(), &one, sizeof one));
    }

    std::uint64_t dropped() override {
        if (!refused_) {
            fetch_drops();
        }
        return dropped_;
    }

    address bound() const override { return where_; }
    std::size_t buffer_bytes() const override { return got_bytes_; }

private:
    void sleep_until_woken(std::chrono::nanoseconds span) {
        pollfd watched{wakeup_.get(), POLLIN, 0};
        const timespec limit = as_timespec(span);
        static_cast<void>(ppoll(&watched, 1, &limit, nullptr)); // a short sleep is as good
    }

    std::expected<bool, std::string> wait_readable(std::chrono::nanoseconds wait) {
        std::array<pollfd, 2> watched{{{socket_.get(), POLLIN, 0}, {wakeup_.get(), POLLIN, 0}}};
        const timespec limit = as_timespec(wait);
        if (ppoll(watched.data(), watched.size(), &limit, nullptr) < 0 && errno != EINTR) {
            return std::unexpected(fmt::format("cannot wait on {}: {}", where_.text(), why()));
        }
        return watched[0].revents != 0;
    }

    static received nothing() { return {{}, true}; }

    std::expected<received, std::string> fetch() {
        headers_[0].msg_hdr.msg_controllen = control_bytes; // the kernel put in what it used
        last_ = 0;
        const int got = recvmmsg(socket_.get(), headers_.data(), batch, MSG_DONTWAIT, nullptr);
        if (got < 0) {
            // ECONNREFUSED and its like report an earlier packet of somebody else; they are gone once read.
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNREFUSED) {
                return nothing();
            }
            return std::unexpected(fmt::format("cannot receive on {}: {}", where_.text(), why()));
        }
        last_ = static_cast<std::size_t>(got);
        burst_ += last_;
        for (std::size_t i = 0; i < last_; ++i) {
            views_[i] = {buffer_.get() + i * buffer_stride, headers_[i].msg_len};
        }
        if (last_ != 0) {
            note_drops(headers_[0].msg_hdr);
        }
        return received{std::span(views_).first(last_), last_ < batch};
    }

    // SO_RXQ_OVFL: with a datagram comes the number of those dropped before it, modulo 2^32.
    void note_drops(msghdr& header) {
        for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
            if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_RXQ_OVFL) {
                std::uint32_t seen = 0;
                std::memcpy(&seen, CMSG_DATA(part), sizeof seen);
                count_drops(seen);
            }
        }
    }

    // SO_MEMINFO: the same counter, also when no datagram followed the drop.
    void fetch_drops() {
        std::array<std::uint32_t, SK_MEMINFO_VARS> facts{};
        socklen_t size = sizeof facts;
        if (getsockopt(socket_.get(), SOL_SOCKET, SO_MEMINFO, facts.data(), &size) == 0 &&
            size > SK_MEMINFO_DROPS * sizeof facts[0]) {
            count_drops(facts[SK_MEMINFO_DROPS]);
        }
    }

    void count_drops(std::uint32_t seen) {
        // The kernel's counter wraps; the difference to the last reading does not.
        const std::uint32_t more = seen - drops_seen_;
        if (more < 0x80000000) {
            dropped_ += more;
            drops_seen_ = seen;
        }
    }

    const descriptor socket_;
    const descriptor wakeup_;
    const address where_;
    const std::size_t got_bytes_;
    const std::unique_ptr<char[]> buffer_;

    std::array<mmsghdr, batch> headers_{};
    std::array<iovec, batch> parts_{};
    alignas(cmsghdr) std::array<char, control_bytes> control_{};
    std::array<std::string_view, batch> views_{};
    std::size_t last_ = 0;  // datagrams of the last fetch
    std::size_t burst_ = 0; // datagrams since the socket was empty
    std::uint32_t drops_seen_ = 0;
    std::uint64_t dropped_ = 0;
    bool refused_ = false;
};

class real_network final : public network {
public:
    std::expected<std::unique_ptr<datagrams>, std::string> bind(const address& where,
                                                                std::size_t buffer_bytes) override {
        const auto fail = [&](std::string_view what) {
            return std::unexpected(fmt::format("{} {}: {}", what, where.text(), why()));
        };
        descriptor socket(::socket(where.bytes.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        descriptor wakeup(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (socket.get() < 0 || wakeup.get() < 0) {
            return fail("cannot make a socket for");
        }
        const int on = 1;
        const int asked = static_cast<int>(std::min<std::size_t>(buffer_bytes, 1U << 30U));
        // With the privilege the limit of net.core.rmem_max does not count; without it the kernel gives what it may.
        if (setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &asked, sizeof asked) != 0) {
            setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &asked, sizeof asked);
        }
        setsockopt(socket.get(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
        if (where.bytes.ss_family == AF_INET6) {
            const int off = 0; // [::] takes IPv4 too, whatever the machine's default
            setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        }
        if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where.bytes), where.size) != 0) {
            return fail("cannot listen on");
        }
        address bound;
        bound.size = sizeof bound.bytes;
        int got = 0;
        socklen_t size = sizeof got;
        if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound.bytes), &bound.size) != 0 ||
            getsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &got, &size) != 0) {
            return fail("cannot ask about");
        }
        // The kernel doubles what it was asked for, to pay for its own book-keeping.
        return std::make_unique<udp_datagrams>(std::move(socket), std::move(wakeup), bound,
                                               static_cast<std::size_t>(got) / 2);
    }
};

class descriptor_output final : public output {
public:
    explicit descriptor_output(int fd) noexcept : fd_(fd) {}

    std::expected<void, std::string> write(std::string_view text) override {
        while (!text.empty()) {
            const ssize_t put = ::write(fd_, text.data(), text.size());
            if (put < 0) {
                if (errno == EINTR) {
                    continue;
                }
                if (errno == EAGAIN || errno == EWOULDBLOCK) {
                    pollfd watched{fd_, POLLOUT, 0};
                    static_cast<void>(poll(&watched, 1, -1)); // the next write says what is wrong
                    continue;
                }
                return std::unexpected(why());
            }
            text.remove_prefix(static_cast<std::size_t>(put));
        }
        return {};
    }

private:
    const int fd_;
};

} // namespace

std::unique_ptr<clock> system_clock() {
    return std::make_unique<real_clock>();
}

std::unique_ptr<network> system_network() {
    return std::make_unique<real_network>();
}

std::unique_ptr<output> file_output(int descriptor) {
    return std::make_unique<descriptor_output>(descriptor);
}

} // namespace telem
