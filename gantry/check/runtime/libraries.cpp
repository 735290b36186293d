// SPDX-License-Identifier: MIT
#include <gantry/check/model.hpp>
#include <gantry/check/runtime/detail/libraries.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

namespace gantry::check {
namespace {

// What stands for itself, or is taken over call by call, or is the checker.
constexpr std::string_view known[] = {"linux-vdso.so", "ld-linux",     "libc.so",           "libm.so",
                                      "libgcc_s.so",   "libstdc++.so", "libatomic.so",      "libpthread.so",
                                      "libdl.so",      "librt.so",     "libgantry_model.so"};

std::string_view file_name(std::string_view path) noexcept {
    return path.substr(path.rfind('/') + 1);
}

// Relocations of one table that name one of the compiler's entry points.
bool names_entry_points(std::span<const ElfW(Rela)> relocations, const ElfW(Sym) * symbols, const char* strings) {
    return std::ranges::any_of(relocations, [&](const ElfW(Rela) & r) {
        const auto symbol = static_cast<std::uint32_t>(r.r_info >> 32U);
        return symbol != 0 && std::string_view(strings + symbols[symbol].st_name).starts_with("__tsan_");
    });
}

} // namespace

bool runtime::announces(const dl_phdr_info& object) noexcept {
    const ElfW(Dyn)* entry = nullptr;
    for (int i = 0; i < object.dlpi_phnum; ++i) {
        if (object.dlpi_phdr[i].p_type == PT_DYNAMIC) {
            entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
        }
    }
    const ElfW(Sym)* symbols = nullptr;
    const char* strings = nullptr;
    const ElfW(Rela)* calls = nullptr;
    const ElfW(Rela)* others = nullptr;
    std::size_t call_bytes = 0;
    std::size_t other_bytes = 0;
    for (; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
        switch (entry->d_tag) {
        case DT_SYMTAB:
            symbols = reinterpret_cast<const ElfW(Sym)*>(entry->d_un.d_ptr);
            break;
        case DT_STRTAB:
            strings = reinterpret_cast<const char*>(entry->d_un.d_ptr);
            break;
        case DT_JMPREL:
            calls = reinterpret_cast<const ElfW(Rela)*>(entry->d_un.d_ptr);
            break;
        case DT_PLTRELSZ:
            call_bytes = entry->d_un.d_val;
            break;
        case DT_RELA:
            others = reinterpret_cast<const ElfW(Rela)*>(entry->d_un.d_ptr);
            break;
        case DT_RELASZ:
            other_bytes = entry->d_un.d_val;
            break;
        default:
            break;
        }
    }
    if (symbols == nullptr || strings == nullptr) {
        return false;
    }
    return names_entry_points({calls, calls != nullptr ? call_bytes / sizeof *calls : 0}, symbols, strings) ||
           names_entry_points({others, others != nullptr ? other_bytes / sizeof *others : 0}, symbols, strings);
}

#pragma GCC visibility push(default)

std::vector<std::string> unseen_libraries() {
    std::vector<std::string> names;
    const auto look = [](dl_phdr_info* info, std::size_t, void* data) {
        const std::string_view name = file_name(info->dlpi_name);
        const bool is_known = std::ranges::any_of(known, [&](std::string_view k) { return name.starts_with(k); });
        // The executable has no name.
        if (!name.empty() && !is_known && !runtime::announces(*info)) {
            static_cast<std::vector<std::string>*>(data)->emplace_back(name);
        }
        return 0;
    };
    dl_iterate_phdr(look, &names);
    return names;
}

#pragma GCC visibility pop

} // namespace gantry::check
