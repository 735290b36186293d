// SPDX-License-Identifier: MIT
//
// What must hold: any bytes are read or refused; what is read and written again is read as the same bytes.
#include <apps/telem/core/event_codec.hpp>

#include <cstdio>
#include <cstdlib>

namespace {

void require(bool good, const char* what) {
    if (!good) {
        std::fprintf(stderr, "%s\n", what);
        std::abort();
    }
}

// A process, for many inputs: making one costs far more than reading one. A new one before its names fill up.
struct process {
    telem::name_table names{{.bytes_max = 1U << 20U, .secret = telem::name_secret::seeded(1)}};
    telem::pools blocks;
    telem::event_reader reader{names, blocks, 1, 0};
    telem::event_writer writer{names, 1};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static std::unique_ptr<process> kept;
    if (kept == nullptr || kept->names.bytes() > (1U << 19U)) {
        kept = std::make_unique<process>();
    }
    auto& [names, blocks, reader, writer] = *kept;
    const auto read = reader.read(std::as_bytes(std::span(data, size)));
    if (!read) {
        return 0;
    }
    std::deque<telem::parcel> parcels;
    writer.write(read->what, parcels);
    // Names that nothing mentions are left out, so the first writing is the normal form.
    for (const telem::parcel& one : parcels) {
        const auto again = reader.read(one.bytes);
        require(again.has_value() && again->refused == 0 && again->points == one.points,
                "cannot read what was written");
        std::deque<telem::parcel> twice;
        writer.write(again->what, twice);
        require(twice.size() == 1 && twice[0].bytes == one.bytes, "what was written is not what was read");
    }
    return 0;
}
