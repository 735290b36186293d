// SPDX-License-Identifier: MIT
// Two threads and a bounded channel: the producer waits while the channel is full, the consumer iterates until the last
// sender is gone, and a value that cannot be delivered comes back to its owner.
#include <gantry/channel/channel.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

int main() {
    auto [sender, receiver] = gantry::channel::bounded<std::string>(4);

    std::thread producer([tx = std::move(sender)]() mutable {
        for (int i = 0; i < 10; ++i) {
            if (!tx.push("job " + std::to_string(i))) {
                return; // the receiver is gone
            }
        }
    }); // the only sender ends here: the loop below sees the end

    for (const std::string& job : receiver) {
        std::printf("done: %s\n", job.c_str());
    }
    producer.join();

    auto [tx, rx] = gantry::channel::bounded<std::string>(1);
    tx.push("first").value();
    if (auto refused = tx.try_push("second"); !refused) {
        std::printf("full, and the value is still mine: %s\n", refused.error().value.c_str());
    }
    return 0;
}
