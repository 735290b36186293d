// SPDX-License-Identifier: MIT
// Whatever bytes the reader is given, it refuses them or makes a sketch that works: it takes elements, answers, merges,
// keeps its invariant, and is written as it was read.
#include <gantry/sketch/ckms.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

namespace {
using namespace gantry::sketch;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

template<class T>
void use(std::span<const std::byte> input) {
    auto read = ckms<T>::deserialise(input);
    if (!read) {
        require(read.error().offset <= input.size() && read.error().expected != nullptr);
        return;
    }
    require(read->bytes() <= sizeof(*read) + 8 * input.size() + 64);
    require(read->valid());
    const auto written = read->serialise();
    require(std::equal(written.begin(), written.end(), input.begin(), input.end()));

    ckms<T> s = *read;
    const auto ask = [&] {
        for (const double q : {0.0, 0.001, 0.1, 0.5, 0.75, 0.99, 0.9999, 1.0}) {
            if (const auto a = s.query(q)) {
                require(a->rank_min >= 1 && a->rank_min <= a->rank_max && a->rank_max <= s.count());
                require(a->value >= *s.min() && a->value <= *s.max());
            }
        }
        // Beyond 2^53 elements the target rank is rounded.
        if (!s.empty() && s.count() < (std::uint64_t{1} << 53)) {
            require(s.query(0)->error == 0 && s.query(1)->error == 0);
        }
    };
    ask();
    const std::uint64_t before = s.count();
    std::uint64_t taken = 0;
    for (std::size_t i = 0; i < 300; ++i) {
        const auto b = static_cast<std::uint8_t>(input[i % input.size()]);
        taken += s.insert(static_cast<T>(b)) ? 1U : 0U;
        const std::uint64_t weight = std::uint64_t{b} << (i % 32);
        taken += s.insert(static_cast<T>(i), weight) ? weight : 0U;
    }
    require(s.count() == before + taken);
    ask();
    s.flush();
    require(s.valid());
    ask();
    const bool merges = s.mode() != ckms_mode::targeted && read->count() <= UINT64_MAX - s.count();
    require(s.merge(*read).has_value() == merges);
    require(s.valid());
    ask();
    const auto again = ckms<T>::deserialise(s.serialise());
    require(again.has_value() && again->serialise() == s.serialise());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::byte> input(reinterpret_cast<const std::byte*>(data), size);
    use<std::uint32_t>(input);
    use<float>(input);
    use<double>(input);
    use<std::int64_t>(input);
    return 0;
}
