// SPDX-License-Identifier: MIT
#pragma once
//
// telem as people run it, a sender of datagrams, and a file for it to read. For the tests of the program.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace telem::test {

// One run of telem, with both its outputs read through pipes.
class program {
public:
    explicit program(const std::vector<std::string>& arguments, int instead_of_stdout = -1) {
        std::array<int, 2> out{};
        std::array<int, 2> err{};
        EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
        EXPECT_EQ(pipe2(err.data(), O_CLOEXEC), 0);
        std::vector<std::string> words{"telem"};
        words.insert(words.end(), arguments.begin(), arguments.end());
        std::vector<char*> argv;
        for (std::string& word : words) {
            argv.push_back(word.data());
        }
        argv.push_back(nullptr);
        child_ = fork();
        if (child_ == 0) {
            dup2(instead_of_stdout >= 0 ? instead_of_stdout : out[1], STDOUT_FILENO);
            dup2(err[1], STDERR_FILENO);
            execv(TELEM_PROGRAM, argv.data());
            _exit(127);
        }
        close(out[1]);
        close(err[1]);
        out_ = out[0];
        err_ = err[0];
    }
    ~program() {
        if (child_ > 0) {
            kill(child_, SIGKILL);
            waitpid(child_, nullptr, 0);
        }
        close(out_);
        close(err_);
    }
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    void signal(int number) const { kill(child_, number); }

    // Reads both outputs until the one holds the text, or their end; false when it never came.
    bool wait_for_out(std::string_view text) {
        return read_while([&] { return out_text_.find(text) == std::string::npos; });
    }
    bool wait_for_err(std::string_view text) {
        return read_while([&] { return err_text_.find(text) == std::string::npos; });
    }
    // The same until something else is so.
    template<class Done>
    bool wait_until(Done&& done) {
        return read_while([&] { return !done(); });
    }
    // Reads to the end; returns the exit code, or 1000 + the signal that ended it.
    int end() {
        static_cast<void>(read_while([] { return true; }));
        int status = 0;
        EXPECT_EQ(waitpid(child_, &status, 0), child_);
        child_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }
    // The port that it says it listens on.
    std::uint16_t port() {
        const std::string_view before = "listening on ";
        EXPECT_TRUE(wait_for_err("receive buffer")) << err_text_;
        const std::size_t at = err_text_.find(before);
        const std::size_t colon = err_text_.rfind(':', err_text_.find(" (receive", at));
        return static_cast<std::uint16_t>(std::atoi(err_text_.c_str() + colon + 1));
    }
    void close_out() {
        close(out_);
        out_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    [[nodiscard]] const std::string& out() const { return out_text_; }
    [[nodiscard]] const std::string& err() const { return err_text_; }

private:
    template<class More>
    bool read_while(More&& more) {
        // Bounds a hung program, not a slow one.
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (more()) {
            std::array<pollfd, 2> watched{{{out_ended_ ? -1 : out_, POLLIN, 0}, {err_ended_ ? -1 : err_, POLLIN, 0}}};
            if ((out_ended_ && err_ended_) || std::chrono::steady_clock::now() > deadline) {
                return false;
            }
            poll(watched.data(), watched.size(), 1000);
            take(watched[0], out_text_, out_ended_);
            take(watched[1], err_text_, err_ended_);
        }
        return true;
    }
    static void take(const pollfd& from, std::string& into, bool& ended) {
        if (from.revents == 0) {
            return;
        }
        std::array<char, 65536> bytes;
        const ssize_t got = read(from.fd, bytes.data(), bytes.size());
        if (got <= 0) {
            ended = true;
        } else {
            into.append(bytes.data(), static_cast<std::size_t>(got));
        }
    }

    pid_t child_ = -1;
    int out_ = -1;
    int err_ = -1;
    bool out_ended_ = false;
    bool err_ended_ = false;
    std::string out_text_;
    std::string err_text_;
};

class sender {
public:
    explicit sender(std::uint16_t port, bool six = false) {
        socket_ = ::socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (six) {
            sockaddr_in6 to{};
            to.sin6_family = AF_INET6;
            to.sin6_port = htons(port);
            to.sin6_addr = in6addr_loopback;
            EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
        } else {
            sockaddr_in to{};
            to.sin_family = AF_INET;
            to.sin_port = htons(port);
            to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
        }
    }
    ~sender() { close(socket_); }
    sender(const sender&) = delete;
    sender& operator=(const sender&) = delete;

    // Whether it went out; it does not once nobody listens any more.
    bool send(std::string_view datagram) const {
        return ::send(socket_, datagram.data(), datagram.size(), 0) == static_cast<ssize_t>(datagram.size());
    }

private:
    int socket_;
};

class file {
public:
    explicit file(std::string_view text)
        : name_(testing::TempDir() + fmt::format("telem_{}_{}.toml", getpid(), static_cast<const void*>(this))) {
        std::ofstream(name_) << text;
    }
    ~file() { std::filesystem::remove(name_); }
    file(const file&) = delete;
    file& operator=(const file&) = delete;
    [[nodiscard]] const std::string& name() const { return name_; }

private:
    const std::string name_;
};

} // namespace telem::test
