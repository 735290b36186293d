// SPDX-License-Identifier: MIT
// What a stranger's first program looks like. It must compile and link from an installed package, a subdirectory and
// pkg-config alike, so it touches a header-only module and a compiled one.
#include <gantry/channel/channel.hpp>
#include <gantry/sketch/ckms.hpp>

#include <cstdio>
#include <thread>

int main() {
    auto [sender, receiver] = gantry::channel::bounded<int>(16);
    std::thread producer([tx = std::move(sender)]() mutable {
        for (int i = 1; i <= 1000; ++i) {
            if (!tx.push(i)) {
                return;
            }
        }
    });
    gantry::sketch::ckms<std::uint32_t> sketch{{.epsilon = 0.01}};
    for (const int value : receiver) {
        sketch.insert(static_cast<std::uint32_t>(value));
    }
    producer.join();
    const auto median = sketch.query(0.5);
    if (sketch.count() != 1000 || !median || median->value < 490 || median->value > 510) {
        std::fputs("consumer: wrong median\n", stderr);
        return 1;
    }
    std::puts("consumer: ok");
    return 0;
}
