// SPDX-License-Identifier: MIT
#include <apps/telem/core/address.hpp>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>

namespace telem {

std::expected<address, std::string> parse_address(std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return std::unexpected(
            fmt::format("`{}` {}; expected an address and a port such as 127.0.0.1:1990 or [::1]:1990", text, why));
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return bad("has no port");
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    std::uint32_t port = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || stop != digits.data() + digits.size() || error == std::errc::invalid_argument) {
        return bad("has no number as its port");
    }
    if (error != std::errc{} || port > 65535) {
        return bad("has a port outside 0 to 65535");
    }

    address made;
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        sockaddr_in6 in6{};
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(static_cast<std::uint16_t>(port));
        if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
            in6.sin6_scope_id = if_nametoindex(std::string(host.substr(percent + 1)).c_str());
            if (in6.sin6_scope_id == 0) {
                return bad("names an interface that this machine does not have");
            }
            host = host.substr(0, percent);
        }
        if (inet_pton(AF_INET6, std::string(host).c_str(), &in6.sin6_addr) != 1) {
            return bad("is no IPv6 address");
        }
        std::memcpy(&made.bytes, &in6, sizeof in6);
        made.size = sizeof in6;
        return made;
    }
    if (host.find(':') != std::string_view::npos) {
        return bad("needs brackets around its IPv6 address");
    }
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(port));
    if (inet_pton(AF_INET, std::string(host).c_str(), &in.sin_addr) != 1) {
        return bad("is no IPv4 address");
    }
    std::memcpy(&made.bytes, &in, sizeof in);
    made.size = sizeof in;
    return made;
}

std::uint16_t address::port() const noexcept {
    // Port and family lie at the same place in both kinds of socket address.
    sockaddr_in in{};
    std::memcpy(&in, &bytes, sizeof in);
    return ntohs(in.sin_port);
}

std::string address::text() const {
    std::array<char, INET6_ADDRSTRLEN> host{};
    if (bytes.ss_family == AF_INET6) {
        sockaddr_in6 in6{};
        std::memcpy(&in6, &bytes, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, host.data(), host.size());
        std::array<char, IF_NAMESIZE> interface{};
        if (in6.sin6_scope_id != 0 && if_indextoname(in6.sin6_scope_id, interface.data()) != nullptr) {
            return fmt::format("[{}%{}]:{}", host.data(), interface.data(), port());
        }
        return fmt::format("[{}]:{}", host.data(), port());
    }
    sockaddr_in in{};
    std::memcpy(&in, &bytes, sizeof in);
    inet_ntop(AF_INET, &in.sin_addr, host.data(), host.size());
    return fmt::format("{}:{}", host.data(), port());
}

} // namespace telem
