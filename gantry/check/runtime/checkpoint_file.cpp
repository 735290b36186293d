// SPDX-License-Identifier: MIT
#include <gantry/base/posix_storage.hpp>
#include <gantry/check/runtime/detail/checkpoint_file.hpp>

#define XXH_INLINE_ALL
#include <link.h>
#include <xxhash.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace gantry::check::runtime {

namespace {

int first_base(dl_phdr_info* info, std::size_t, void* data) {
    *static_cast<std::uint64_t*>(data) = info->dlpi_addr;
    return 1;
}

std::string hash_of_executable() {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    std::array<char, 65536> buffer{};
    while (file.read(buffer.data(), buffer.size()), file.gcount() > 0) {
        XXH3_64bits_update(&state, buffer.data(), static_cast<std::size_t>(file.gcount()));
    }
    std::array<char, 24> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(XXH3_64bits_digest(&state)));
    return digits.data();
}

struct place {
    std::string directory;
    std::string name;
};

place place_of_file(const std::string& path) {
    const std::filesystem::path whole(path);
    const std::string directory = whole.parent_path().string();
    return {directory.empty() ? "." : directory, whole.filename().string()};
}

} // namespace

void name_program(checkpoint& c) {
    static const std::string hash = hash_of_executable();
    c.program = hash;
    dl_iterate_phdr(first_base, &c.base);
}

std::expected<checkpoint, std::string> read_checkpoint(const std::string& path, const checkpoint& wanted) {
    const place at = place_of_file(path);
    posix_storage disk;
    const auto directory = disk.open_directory(at.directory);
    if (!directory) {
        return std::unexpected(directory.error().message());
    }
    auto c = load_checkpoint(**directory, at.name);
    if (!c) {
        return c;
    }
    const auto refused = [&](const std::string& why) {
        return std::unexpected(path + ": " + why);
    };
    if (c->program != wanted.program) {
        return refused("was made by another program, or by this one before it was built anew");
    }
    if (c->base != wanted.base) {
        return refused("was made where the program lay at another address: run both with setarch -R");
    }
    if (c->model != wanted.model) {
        return refused("is of model " + c->model + ", not of " + wanted.model);
    }
    if (c->bounds != wanted.bounds) {
        return refused("was made with other bounds: " + c->bounds + "; these are " + wanted.bounds);
    }
    return c;
}

std::string write_checkpoint(const std::string& path, const checkpoint& c) {
    const place at = place_of_file(path);
    posix_storage disk;
    const auto directory = disk.open_directory(at.directory);
    if (!directory) {
        return directory.error().message();
    }
    const auto done = save(c, **directory, at.name);
    return done ? "" : done.error().message();
}

} // namespace gantry::check::runtime
