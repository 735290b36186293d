// SPDX-License-Identifier: MIT
#include <gantry/sync/detail/stack_names.hpp>

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace gantry::sync::detail {
namespace {

std::string demangled(const char* name) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
    return status == 0 ? text.get() : name;
}

// The functions of one file, from its .symtab.
class symbol_table {
public:
    explicit symbol_table(const char* path) {
        std::ifstream file(path, std::ios::binary);
        ElfW(Ehdr) header{};
        if (!read(file, 0, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
            header.e_shentsize != sizeof(ElfW(Shdr)))
            return;
        relative_ = header.e_type == ET_DYN;
        std::vector<ElfW(Shdr)> sections(header.e_shnum);
        if (!read(file, header.e_shoff, sections.data(), sections.size() * sizeof(ElfW(Shdr))))
            return;
        for (const ElfW(Shdr) & section : sections) {
            if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size())
                continue;
            std::vector<ElfW(Sym)> symbols(section.sh_size / sizeof(ElfW(Sym)));
            const ElfW(Shdr)& names = sections[section.sh_link];
            names_.resize(names.sh_size);
            if (!read(file, section.sh_offset, symbols.data(), symbols.size() * sizeof(ElfW(Sym))) ||
                !read(file, names.sh_offset, names_.data(), names_.size()))
                return;
            for (const ElfW(Sym) & symbol : symbols) {
                if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_size != 0 && symbol.st_name < names_.size())
                    functions_.push_back({symbol.st_value, symbol.st_size, symbol.st_name});
            }
        }
        std::ranges::sort(functions_, {}, &function::begin);
    }

    // The mangled name of the function that holds the address.
    [[nodiscard]] const char* find(std::uintptr_t address, std::uintptr_t base) const {
        const std::uintptr_t wanted = relative_ ? address - base : address;
        const auto after = std::ranges::upper_bound(functions_, wanted, {}, &function::begin);
        if (after == functions_.begin())
            return nullptr;
        const function& candidate = *std::prev(after);
        return wanted - candidate.begin < candidate.size ? names_.data() + candidate.name : nullptr;
    }

private:
    struct function {
        std::uintptr_t begin;
        std::uintptr_t size;
        std::size_t name;
    };

    static bool read(std::ifstream& file, std::uint64_t offset, void* to, std::size_t bytes) {
        file.seekg(static_cast<std::streamoff>(offset));
        file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
        return file.good();
    }

    bool relative_ = true;
    std::vector<function> functions_;
    std::vector<char> names_;
};

class program_names {
public:
    [[nodiscard]] std::string name(void* return_address) {
        // The call itself lies before the address that it returns to.
        const auto address = reinterpret_cast<std::uintptr_t>(return_address) - 1;
        Dl_info info{};
        link_map* map = nullptr;
        void* extra = nullptr;
        if (dladdr1(reinterpret_cast<void*>(address), &info, &extra, RTLD_DL_LINKMAP) == 0)
            return "?";
        map = static_cast<link_map*>(extra);
        const char* const path = map->l_name[0] == '\0' ? "/proc/self/exe" : map->l_name;
        const auto table = tables_.try_emplace(path, path).first;
        if (const char* const found = table->second.find(address, map->l_addr))
            return demangled(found);
        if (info.dli_sname)
            return demangled(info.dli_sname);
        char offset[32];
        std::snprintf(offset, sizeof offset, "+0x%zx", static_cast<std::size_t>(address - map->l_addr));
        return std::string(info.dli_fname) + offset;
    }

private:
    std::map<std::string, symbol_table> tables_;
};

} // namespace

[[gnu::noinline]] call_stack current_stack(std::size_t skipped) {
    std::array<void*, 24> frames{};
    const auto end = frames.begin() + backtrace(frames.data(), static_cast<int>(frames.size()));
    // Sanitizers take backtrace() over and add frames of their own: the caller's is where this function returns to.
    auto frame = std::find(frames.begin(), end, __builtin_return_address(0));
    for (; skipped != 0 && frame != end; --skipped)
        ++frame;
    call_stack stack;
    for (; frame != end && stack.size != stack.frames.size(); ++frame)
        stack.frames[stack.size++] = *frame;
    return stack;
}

std::string names_of(const call_stack& stack) {
    program_names names;
    std::string text;
    for (std::size_t i = 0; i != stack.size; ++i) {
        const std::string name = names.name(stack.frames[i]);
        text += (i == 0 ? "" : " < ") + name;
        if (name == "main" || name.starts_with("std::thread::_State_impl<"))
            break; // what is beyond is the C library's
    }
    return text;
}

} // namespace gantry::sync::detail
