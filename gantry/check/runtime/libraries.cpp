// SPDX-License-Identifier: MIT
#include <gantry/check/model.hpp>
#include <gantry/check/runtime/detail/libraries.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::check {
namespace {

constexpr std::string_view checker = "libgantry_model.so";

// What stands for itself, or is taken over call by call.
constexpr std::string_view known[] = {"linux-vdso.so", "ld-linux",     "libc.so",       "libm.so",  "libgcc_s.so",
                                      "libstdc++.so",  "libatomic.so", "libpthread.so", "libdl.so", "librt.so"};

std::string_view file_name(std::string_view path) noexcept {
    return path.substr(path.rfind('/') + 1);
}

const ElfW(Dyn) * dynamic_of(const dl_phdr_info& info) noexcept {
    for (int i = 0; i < info.dlpi_phnum; ++i) {
        if (info.dlpi_phdr[i].p_type == PT_DYNAMIC) {
            return reinterpret_cast<const ElfW(Dyn)*>(info.dlpi_addr + info.dlpi_phdr[i].p_vaddr);
        }
    }
    return nullptr;
}

ElfW(Addr) value_of(const ElfW(Dyn) * entry, ElfW(Sxword) tag) noexcept {
    for (; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
        if (entry->d_tag == tag) {
            return entry->d_un.d_ptr;
        }
    }
    return 0;
}

// A loaded object, by the names that the others need it by.
struct object {
    std::string_view name; // the executable has none
    bool speaks = false;
    std::vector<std::string_view> needs;
    bool of_program = false; // loaded because the program needs it
    bool of_checker = false; // loaded because the checker does
};

int look(dl_phdr_info* info, std::size_t, void* data) {
    object o{file_name(info->dlpi_name), runtime::announces(*info), {}};
    const ElfW(Dyn)* entry = dynamic_of(*info);
    const auto* const strings = reinterpret_cast<const char*>(value_of(entry, DT_STRTAB));
    for (; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
        if (entry->d_tag == DT_NEEDED) {
            o.needs.emplace_back(strings + entry->d_un.d_val);
        }
    }
    static_cast<std::vector<object>*>(data)->push_back(std::move(o));
    return 0;
}

// Marks what that object needs, and what that needs.
void reach(std::vector<object>& all, std::string_view name, bool object::* mark) {
    std::vector<std::string_view> pending{name};
    while (!pending.empty()) {
        const std::string_view next = pending.back();
        pending.pop_back();
        for (object& o : all) {
            if (o.name == next && !(o.*mark)) {
                o.*mark = true;
                if (o.name != checker || name == checker) {
                    pending.insert(pending.end(), o.needs.begin(), o.needs.end());
                }
            }
        }
    }
}

} // namespace

bool runtime::announces(const dl_phdr_info& info) noexcept {
    const ElfW(Dyn)* const entry = dynamic_of(info);
    const auto* const symbols = reinterpret_cast<const ElfW(Sym)*>(value_of(entry, DT_SYMTAB));
    const auto* const strings = reinterpret_cast<const char*>(value_of(entry, DT_STRTAB));
    if (symbols == nullptr || strings == nullptr) {
        return false;
    }
    constexpr std::pair<ElfW(Sxword), ElfW(Sxword)> tables[] = {{DT_JMPREL, DT_PLTRELSZ}, {DT_RELA, DT_RELASZ}};
    return std::ranges::any_of(tables, [&](const auto& table) {
        const auto* const first = reinterpret_cast<const ElfW(Rela)*>(value_of(entry, table.first));
        const std::size_t count = first == nullptr ? 0 : value_of(entry, table.second) / sizeof(ElfW(Rela));
        return std::ranges::any_of(std::span(first, count), [&](const ElfW(Rela) & r) {
            const auto symbol = static_cast<std::uint32_t>(r.r_info >> 32U);
            return symbol != 0 && std::string_view(strings + symbols[symbol].st_name).starts_with("__tsan_");
        });
    });
}

#pragma GCC visibility push(default)

std::vector<std::string> unseen_libraries() {
    std::vector<object> all;
    dl_iterate_phdr(look, &all);
    reach(all, "", &object::of_program);
    reach(all, checker, &object::of_checker);
    std::vector<std::string> names;
    for (const object& o : all) {
        const bool is_known = o.name.empty() || o.name == checker ||
                              std::ranges::any_of(known, [&](std::string_view k) { return o.name.starts_with(k); });
        // What nobody needs was loaded by the program while it ran.
        if (!is_known && !o.speaks && (o.of_program || !o.of_checker)) {
            names.emplace_back(o.name);
        }
    }
    return names;
}

#pragma GCC visibility pop

} // namespace gantry::check
