// SPDX-License-Identifier: MIT
#pragma once
//
// clock, network, output: the world as telem sees it, and the real one behind each.
//
// Use it when code needs time, datagrams or a place to print: it takes one of these, so that a test can give it a made
// one. Do not use it when reading a config file: main() does that, and hands over the text.
//
// Threads: clock: any. datagrams: one thread, but wake() any. output: one thread at a time. Progress: receive() waits
// as long as it was told to, write() until the kernel has taken everything. Ordering: n/a.
// Cost: one virtual call for up to 64 datagrams. Failure: operating errors are values that say what and why.
// Lifetime: what receive() returns is valid until the next receive(). Origin: recvmmsg batches as in brubeck.

#include <apps/telem/core/address.hpp>

#include <chrono>
#include <memory>
#include <span>

namespace telem {

class clock {
public:
    virtual ~clock() = default;
    // Never goes back; for periods.
    [[nodiscard]] virtual std::chrono::nanoseconds steady() = 0;
    // Since 1970; for people.
    [[nodiscard]] virtual std::chrono::milliseconds wall() = 0;
};

struct received {
    std::span<const std::string_view> datagrams;
    bool drained; // nothing more was there at that moment
};

class datagrams {
public:
    virtual ~datagrams() = default;

    // What has come, waiting at most that long for the first; empty when nothing did, or after wake().
    [[nodiscard]] virtual std::expected<received, std::string> receive(std::chrono::nanoseconds wait) = 0;
    // From now on nothing new comes in: receive() returns what had come, then nothing.
    virtual void refuse_more() = 0;
    // Makes a waiting receive() return, and every later one not wait.
    virtual void wake() = 0;
    // Datagrams that the kernel threw away because nobody fetched them in time.
    [[nodiscard]] virtual std::uint64_t dropped() = 0;

    [[nodiscard]] virtual address bound() const = 0;
    [[nodiscard]] virtual std::size_t buffer_bytes() const = 0;
};

class network {
public:
    virtual ~network() = default;
    [[nodiscard]] virtual std::expected<std::unique_ptr<datagrams>, std::string> bind(const address& where,
                                                                                      std::size_t buffer_bytes) = 0;
};

class output {
public:
    virtual ~output() = default;
    // All of it, or why not.
    [[nodiscard]] virtual std::expected<void, std::string> write(std::string_view text) = 0;
};

[[nodiscard]] std::unique_ptr<clock> system_clock();
[[nodiscard]] std::unique_ptr<network> system_network();
// Writes to a file descriptor that stays the caller's. SIGPIPE must be ignored.
[[nodiscard]] std::unique_ptr<output> file_output(int descriptor);

} // namespace telem
