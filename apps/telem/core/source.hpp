// SPDX-License-Identifier: MIT
#pragma once
//
// source: the stage that fetches datagrams, decodes them into points and sends the pulses.
//
// Use it when points come over datagrams. Do not use it when writing a filter, aggregate or sink -> node.hpp.
//
// Threads: step() from one; request_stop(), figures() from any. Progress: step() waits for datagrams or the next pulse;
// no allocation per datagram once the blocks in flight exist and the names are known.
// Ordering: pulse n goes out behind every point accepted before it. Cost: one receive for up to 64 datagrams.
// Failure: a socket error ends the source (it drains nothing more, says why, and sends the last pulse).
// Lifetime: owns its socket. Origin: n/a.

#include <apps/telem/core/station.hpp>
#include <apps/telem/core/system.hpp>

#include <functional>

namespace telem {

class source final : public stage {
public:
    struct options {
        std::chrono::nanoseconds flush_every;
        std::function<void(std::string)> fail;
    };

    source(std::string name, std::string kind, pools& from, bool waits, std::unique_ptr<datagrams> socket,
           name_table& names, clock& time, options chosen);

    // Fetch what the kernel holds, nothing newer, then end.
    void request_stop();

    void abandon() override;
    [[nodiscard]] std::vector<figure> figures() const override;

    [[nodiscard]] address bound() const { return socket_->bound(); }
    [[nodiscard]] std::size_t buffer_bytes() const { return socket_->buffer_bytes(); }

    [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_.get(); }
    [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_.get(); }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.get(); }
    [[nodiscard]] std::uint64_t datagrams_in() const noexcept { return datagrams_.get(); }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.get(); }

private:
    [[nodiscard]] progress advance() override;
    void beat(std::chrono::nanoseconds now);
    void decode(std::string_view datagram);
    void finish();

    const std::unique_ptr<datagrams> socket_;
    name_index index_;
    clock* const time_;
    const options options_;
    const std::chrono::nanoseconds start_;
    std::chrono::nanoseconds next_pulse_;
    bool refusing_ = false;
    bool finished_ = false;

    std::atomic<bool> stop_{false};
    counter accepted_;
    counter malformed_;
    counter refused_;
    counter datagrams_;
    counter dropped_;
};

} // namespace telem
