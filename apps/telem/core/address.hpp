// SPDX-License-Identifier: MIT
#pragma once
//
// address: where a UDP source listens, an IPv4 or IPv6 address with a port.
//
// Use it when an address comes from a person. Do not use it when a host name must be resolved: names are refused, so
// that a start never waits for a name server.
//
// Threads: a value. Progress: allocates only in text(). Ordering: n/a. Cost: 28 bytes. Failure: parse_address says
// what it expected. Lifetime: n/a. Origin: n/a.

#include <sys/socket.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace telem {

struct address {
    sockaddr_storage bytes{};
    socklen_t size = 0;

    // `127.0.0.1:1990` or `[::1]:1990`.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::uint16_t port() const noexcept;
};

[[nodiscard]] std::expected<address, std::string> parse_address(std::string_view text);

} // namespace telem
