// SPDX-License-Identifier: MIT
//
// Ordering ledger
//   no edges: bytes_ and count_ are gauges; names themselves travel through m_ and through channels
// Relaxed used as: stats | revalidated
#include <apps/telem/core/names.hpp>

#define XXH_INLINE_ALL
#include <sys/random.h>

#include <xxhash.h>

#include <cstring>
#include <random>
#include <system_error>

namespace telem {

namespace {

// std::string_view's == without its call to memcmp, which costs more than comparing a name of common length does.
inline bool same(std::string_view one, std::string_view two) noexcept {
    if (one.size() != two.size()) {
        return false;
    }
    const char* a = one.data();
    const char* b = two.data();
    std::size_t left = one.size();
    const auto word = [](const char* from) {
        std::uint64_t read;
        std::memcpy(&read, from, sizeof read);
        return read;
    };
    if (left < sizeof(std::uint64_t)) {
        while (left != 0 && *a == *b) {
            ++a;
            ++b;
            --left;
        }
        return left == 0;
    }
    for (; left > sizeof(std::uint64_t); left -= sizeof(std::uint64_t)) {
        if (word(a) != word(b)) {
            return false;
        }
        a += sizeof(std::uint64_t);
        b += sizeof(std::uint64_t);
    }
    // The last word may overlap the one before it.
    return word(a + left - sizeof(std::uint64_t)) == word(b + left - sizeof(std::uint64_t));
}

} // namespace

name_secret name_secret::draw() {
    name_secret drawn{};
    std::size_t have = 0;
    while (have < drawn.bytes.size()) {
        const ssize_t got = getrandom(drawn.bytes.data() + have, drawn.bytes.size() - have, 0);
        if (got < 0) {
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        have += static_cast<std::size_t>(got);
    }
    return drawn;
}

name_secret name_secret::seeded(std::uint64_t seed) {
    name_secret made{};
    XXH3_generateSecret(made.bytes.data(), made.bytes.size(), &seed, sizeof seed);
    return made;
}

void name_table::slots::put(std::uint64_t hash, name_id id) noexcept {
    const std::size_t mask = places.size() - 1;
    std::size_t at = static_cast<std::size_t>(hash) & mask;
    while (places[at].id_plus_1 != 0) {
        at = (at + 1) & mask;
    }
    places[at] = {static_cast<std::uint32_t>(hash >> 32), id + 1};
    ++used;
}

name_table::name_table(const options& chosen) : bytes_max_(chosen.bytes_max), secret_(chosen.secret) {
    chunks_.resize(chunks_max);
    // The directory is part of what the table costs; a limit below it refuses every name.
    bytes_.store(chunks_max * sizeof(chunks_[0]), std::memory_order_relaxed); // relaxed: stats
}

name_table::~name_table() = default;

std::uint64_t name_table::hash(std::string_view name) const noexcept {
    return XXH3_64bits_withSecret(name.data(), name.size(), secret_.bytes.data(), secret_.bytes.size());
}

std::string_view name_table::text(name_id id) const noexcept {
    const entry& found = chunks_[id / entries_a_chunk][id % entries_a_chunk];
    return {found.text, found.size};
}

inline std::optional<name_id> name_table::find(const slots& in, std::string_view name,
                                               std::uint64_t hash) const noexcept {
    if (in.places.empty()) {
        return std::nullopt;
    }
    const std::size_t mask = in.places.size() - 1;
    const auto high = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t at = static_cast<std::size_t>(hash) & mask;; at = (at + 1) & mask) {
        const slot seen = in.places[at];
        if (seen.id_plus_1 == 0) {
            return std::nullopt;
        }
        if (seen.hash_high == high && same(text(seen.id_plus_1 - 1), name)) {
            return seen.id_plus_1 - 1;
        }
    }
}

std::size_t name_table::count() const noexcept {
    return count_.load(std::memory_order_relaxed); // relaxed: stats
}

std::size_t name_table::bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed); // relaxed: stats
}

bool name_table::reserve(std::size_t bytes) noexcept {
    std::size_t now = bytes_.load(std::memory_order_relaxed); // relaxed: revalidated
    do {
        if (bytes > bytes_max_ || now > bytes_max_ - bytes) {
            return false;
        }
    } while (!bytes_.compare_exchange_weak(now, now + bytes, std::memory_order_relaxed, // relaxed: stats
                                           std::memory_order_relaxed)); // relaxed: revalidated
    return true;
}

void name_table::release(std::size_t bytes) noexcept {
    bytes_.fetch_sub(bytes, std::memory_order_relaxed); // relaxed: stats
}

bool name_table::grow(slots& which) {
    const std::size_t size = which.places.empty() ? 64 : which.places.size() * 2;
    // Both arrays exist while the names move over, so both count.
    if (!reserve(size * sizeof(slot))) {
        return false;
    }
    slots bigger;
    bigger.places.resize(size);
    for (const slot& old : which.places) {
        if (old.id_plus_1 != 0) {
            bigger.put(hash(text(old.id_plus_1 - 1)), old.id_plus_1 - 1);
        }
    }
    release(which.places.size() * sizeof(slot));
    which = std::move(bigger);
    return true;
}

std::optional<name_id> name_table::intern(std::string_view name, std::uint64_t hash) {
    const std::lock_guard lock(m_);
    if (const auto known = find(slots_, name, hash)) {
        return known;
    }
    const std::size_t id = slots_.used;
    if (id == entries_a_chunk * chunks_max || (slots_.full() && !grow(slots_))) {
        return std::nullopt;
    }
    auto& chunk = chunks_[id / entries_a_chunk];
    if (chunk == nullptr) {
        if (!reserve(entries_a_chunk * sizeof(entry))) {
            return std::nullopt;
        }
        chunk = std::make_unique<entry[]>(entries_a_chunk);
    }
    if (text_left_ < name.size()) {
        if (!reserve(text_chunk_bytes)) {
            return std::nullopt;
        }
        texts_.push_back(std::make_unique_for_overwrite<char[]>(text_chunk_bytes));
        text_left_ = text_chunk_bytes;
    }
    char* const text = texts_.back().get() + (text_chunk_bytes - text_left_);
    std::memcpy(text, name.data(), name.size());
    text_left_ -= name.size();
    chunk[id % entries_a_chunk] = {text, static_cast<std::uint32_t>(name.size())};
    slots_.put(hash, static_cast<name_id>(id));
    count_.store(slots_.used, std::memory_order_relaxed); // relaxed: stats
    return static_cast<name_id>(id);
}

name_index::~name_index() {
    table_->release(slots_.places.size() * sizeof(name_table::slot));
}

std::optional<name_id> name_index::intern(std::string_view name) {
    const std::uint64_t hash = table_->hash(name);
    if (const auto known = table_->find(slots_, name, hash)) [[likely]] {
        return known;
    }
    return learn(name, hash);
}

std::optional<name_id> name_index::learn(std::string_view name, std::uint64_t hash) {
    const auto id = table_->intern(name, hash);
    // Without room for a bigger index the name is still right, only slower to find.
    if (id && (!slots_.full() || table_->grow(slots_))) {
        slots_.put(hash, *id);
    }
    return id;
}

} // namespace telem
