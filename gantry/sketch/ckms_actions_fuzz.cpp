// SPDX-License-Identifier: MIT
// A list of actions on two sketches, read from the input, against the exact ranks: the promise holds after each.
#include <gantry/sketch/ckms_test_support.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace {
using namespace gantry::sketch;
using namespace gantry::sketch::test;

class actions {
public:
    actions(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    [[nodiscard]] bool left() const { return at_ < size_; }
    std::uint8_t next() { return at_ < size_ ? data_[at_++] : std::uint8_t{0}; }
    int value() { return static_cast<std::int16_t>(next() << 8 | next()); }

private:
    const std::uint8_t* data_;
    std::size_t size_;
    std::size_t at_ = 0;
};

struct pair {
    ckms<std::int32_t> sketch;
    oracle<std::int32_t> truth;
};

void require(const std::string& fault) {
    if (!fault.empty()) {
        std::fprintf(stderr, "%s\n", fault.c_str());
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::vector<ckms_options> known = all_options();
    actions in(data, size);
    ckms_options options = known[in.next() % known.size()];
    const std::uint8_t cap = in.next();
    options.tuples_max = cap < 128 ? 0 : cap - 112;
    pair one{ckms<std::int32_t>(options), {}};
    pair two = one;
    std::uint64_t elements = 0;
    while (in.left() && elements < 20'000) {
        switch (in.next() % 8) {
        case 0:
        case 1: { // a run of values
            int v = in.value();
            const int step = static_cast<std::int8_t>(in.next());
            for (int i = in.next() * 2; i >= 0; --i, v += step, ++elements) {
                one.sketch.insert(v);
                one.truth.insert(v);
            }
            break;
        }
        case 2: { // from both sides towards a value
            const int v = in.value();
            for (int i = in.next() * 2; i > 0; --i, ++elements) {
                const int x = i % 2 == 0 ? v + i : v - i;
                one.sketch.insert(x);
                one.truth.insert(x);
            }
            break;
        }
        case 3: {
            const int v = in.value();
            const std::uint64_t weight = std::uint64_t{in.next()} << (in.next() % 36);
            one.sketch.insert(v, weight);
            one.truth.insert(v, weight);
            break;
        }
        case 4:
            one.sketch.flush();
            break;
        case 5:
            if (one.sketch.merge(two.sketch)) {
                const oracle<std::int32_t> copy = two.truth;
                one.truth.insert(copy);
            } else if (options.mode != ckms_mode::targeted) {
                require("a merge was refused");
            }
            break;
        case 6: {
            auto back = ckms<std::int32_t>::deserialise(one.sketch.serialise());
            require(back ? "" : "the reader refuses what the writer wrote");
            one.sketch = std::move(*back);
            break;
        }
        default:
            std::swap(one, two);
        }
        if (one.truth.count() > (std::uint64_t{1} << 48)) {
            return 0; // merges have doubled it beyond what doubles tell apart
        }
        require(judge_both(one.sketch, one.truth, options));
    }
    return 0;
}
