// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/symbols.hpp>

#if GANTRY_LIBDW
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <dwarf.h>
#endif

#include <cxxabi.h>
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

namespace gantry::check {

namespace {

// std::thread's wrapper around what the thread runs, and our own around a model, are of no interest.
std::string shorter(std::string function) {
    const std::string wrapper = "std::thread::_State_impl<";
    const std::string tuple = "std::tuple<";
    if (function.starts_with(wrapper)) {
        const auto from = function.find(tuple);
        const auto to = function.rfind(" > >::_M_run()");
        if (from != std::string::npos && to != std::string::npos) {
            function = function.substr(from + tuple.size(), to - from - tuple.size());
            function = function.substr(0, function.rfind('>'));
        }
    }
    // The line says enough; what a template was made for does not fit.
    if (function.find("operator") == std::string::npos) {
        std::string plain;
        int depth = 0;
        for (const char c : function) {
            depth += c == '<' ? 1 : 0;
            if (depth == 0) {
                plain += c;
            }
            depth -= c == '>' ? 1 : 0;
        }
        function = plain;
    }
    for (const std::string part : {"gantry_model_", "(anonymous namespace)::"}) {
        for (auto at = function.find(part); at != std::string::npos; at = function.find(part)) {
            function.erase(at, part.size());
        }
    }
    if (const auto lambda = std::min(function.find("::{lambda"), function.find("::$_")); lambda != std::string::npos) {
        return function.substr(0, std::min(lambda, function.find('('))) + ", lambda";
    }
    if (function == "operator()") {
        return "lambda";
    }
    // Without the parameters.
    if (function.ends_with(')') || function.ends_with(") const")) {
        int depth = 0;
        for (std::size_t i = function.rfind(')') + 1; i-- > 1;) {
            depth += function[i] == ')' ? 1 : function[i] == '(' ? -1 : 0;
            if (depth == 0) {
                return function.substr(0, i);
            }
        }
    }
    return function;
}

std::string last_part(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

// What has no debug information: the file that it was loaded from, and where in it.
std::string in_file(std::uint64_t address) {
    std::array<char, 64> buffer{};
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(address), &info) == 0 || info.dli_fname == nullptr) {
        std::snprintf(buffer.data(), buffer.size(), "0x%llx", static_cast<unsigned long long>(address));
        return buffer.data();
    }
    std::string file = info.dli_fname;
    // The executable is called what its caller chose to call it.
    if (file == program_invocation_name) {
        std::array<char, 4096> path{};
        const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
        file = length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : file;
    }
    std::snprintf(buffer.data(), buffer.size(), "+0x%llx",
                  static_cast<unsigned long long>(address - reinterpret_cast<std::uint64_t>(info.dli_fbase)));
    return "in " + last_part(file) + buffer.data();
}

#if GANTRY_LIBDW

std::string demangled(const char* name) {
    int failed = 0;
    const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &failed), std::free);
    return text != nullptr ? text.get() : name;
}

// The value of an attribute, also if a declaration or an inlined function's origin has it.
std::optional<Dwarf_Word> number_of(Dwarf_Die* die, unsigned attribute) {
    Dwarf_Attribute found;
    Dwarf_Word value = 0;
    if (dwarf_attr_integrate(die, attribute, &found) == nullptr || dwarf_formudata(&found, &value) != 0) {
        return std::nullopt;
    }
    return value;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as lambdas are nested
std::string function_of(Dwarf_Die* die) {
    for (const unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
        Dwarf_Attribute found;
        if (dwarf_attr_integrate(die, attribute, &found) != nullptr) {
            if (const char* const name = dwarf_formstring(&found); name != nullptr) {
                return shorter(demangled(name));
            }
        }
    }
    const char* const name = dwarf_diename(die);
    if (name == nullptr) {
        return "";
    }
    if (std::string_view(name) == "operator()") {
        // A lambda is called after the function that it is written in.
        Dwarf_Die written = *die;
        Dwarf_Attribute origin;
        for (const unsigned attribute : {DW_AT_abstract_origin, DW_AT_specification}) {
            if (dwarf_attr(&written, attribute, &origin) != nullptr) {
                dwarf_formref_die(&origin, &written);
            }
        }
        Dwarf_Die* around = nullptr;
        const int count = dwarf_getscopes_die(&written, &around);
        std::string function;
        for (int i = 1; i < count && function.empty(); ++i) {
            if (dwarf_tag(&around[i]) == DW_TAG_subprogram) {
                function = function_of(&around[i]);
            }
        }
        std::free(around);
        if (!function.empty()) {
            return function.ends_with("lambda") ? function : function + ", lambda";
        }
    }
    return shorter(name);
}

// A type without its other names and qualifiers.
bool type_of(Dwarf_Die* die, Dwarf_Die* type) {
    Dwarf_Attribute found;
    Dwarf_Die named;
    return dwarf_attr_integrate(die, DW_AT_type, &found) != nullptr && dwarf_formref_die(&found, &named) != nullptr &&
           dwarf_peel_type(&named, type) == 0;
}

std::uint64_t size_of(Dwarf_Die* type) {
    Dwarf_Word size = 0;
    return dwarf_aggregate_size(type, &size) == 0 ? size : 0;
}

// Which part of an object of that type lies at the offset: ".next[2]". Parts whose name begins with an underscore are
// the standard library's own and remain unnamed. NOLINTNEXTLINE(misc-no-recursion): as deep as types are nested
std::string part_of(Dwarf_Die* type, std::uint64_t offset) {
    switch (dwarf_tag(type)) {
    case DW_TAG_array_type: {
        Dwarf_Die element;
        if (!type_of(type, &element)) {
            break;
        }
        const std::uint64_t each = size_of(&element);
        if (each == 0) {
            break;
        }
        return "[" + std::to_string(offset / each) + "]" + part_of(&element, offset % each);
    }
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type: {
        Dwarf_Die child;
        for (int more = dwarf_child(type, &child); more == 0; more = dwarf_siblingof(&child, &child)) {
            const int tag = dwarf_tag(&child);
            if (tag != DW_TAG_member && tag != DW_TAG_inheritance) {
                continue;
            }
            const std::uint64_t start = number_of(&child, DW_AT_data_member_location).value_or(0);
            Dwarf_Die inner;
            if (dwarf_hasattr(&child, DW_AT_external) != 0 || !type_of(&child, &inner) || offset < start ||
                offset - start >= std::max<std::uint64_t>(size_of(&inner), 1)) {
                continue;
            }
            const char* const name = tag == DW_TAG_member ? dwarf_diename(&child) : nullptr;
            return (name != nullptr && name[0] != '_' ? std::string(".") + name : "") + part_of(&inner, offset - start);
        }
        break;
    }
    default:
        break;
    }
    return offset == 0 ? "" : "+" + std::to_string(offset);
}

// Something with a fixed place: an address, or an offset in the thread-local block.
struct fixed_variable {
    std::uint64_t start = 0;
    std::uint64_t size = 0;
    Dwarf_Die die{};
};

class debug_information {
public:
    debug_information() {
        static char* no_path = nullptr;
        static const Dwfl_Callbacks callbacks{dwfl_linux_proc_find_elf, dwfl_build_id_find_debuginfo, nullptr,
                                              &no_path};
        dwfl_ = dwfl_begin(&callbacks);
        if (dwfl_ != nullptr &&
            (dwfl_linux_proc_report(dwfl_, getpid()) != 0 || dwfl_report_end(dwfl_, nullptr, nullptr) != 0)) {
            dwfl_ = nullptr;
        }
    }
    debug_information(const debug_information&) = delete;
    debug_information& operator=(const debug_information&) = delete;
    ~debug_information() = default; // kept until the process ends

    std::vector<code_place> places(std::uint64_t address) {
        std::vector<code_place> all;
        Dwarf_Addr bias = 0;
        Dwarf_Die* const unit = unit_of(address, &bias);
        if (unit == nullptr) {
            return all;
        }
        code_place here;
        Dwarf_Attribute folder;
        const char* const compiled_in = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &folder));
        const auto whole = [&](const char* path) -> std::string {
            return path == nullptr                            ? ""
                   : path[0] == '/' || compiled_in == nullptr ? path
                                                              : std::filesystem::path(compiled_in) / path;
        };
        if (Dwarf_Line* const line = dwarf_getsrc_die(unit, address - bias); line != nullptr) {
            int number = 0;
            here.path = whole(dwarf_linesrc(line, nullptr, nullptr));
            here.line = dwarf_lineno(line, &number) == 0 ? static_cast<unsigned>(number) : 0U;
        }
        Dwarf_Files* files = nullptr;
        dwarf_getsrcfiles(unit, &files, nullptr);
        for (Dwarf_Die& scope : scopes_at(unit, address - bias)) {
            const int tag = dwarf_tag(&scope);
            if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) {
                continue;
            }
            here.function = function_of(&scope);
            all.push_back(here);
            if (tag == DW_TAG_subprogram) {
                break;
            }
            here.path = whole(dwarf_filesrc(files, number_of(&scope, DW_AT_call_file).value_or(0), nullptr, nullptr));
            here.line = static_cast<unsigned>(number_of(&scope, DW_AT_call_line).value_or(0));
        }
        if (all.empty() && here.known()) {
            all.push_back(here);
        }
        for (code_place& p : all) {
            p.path = std::filesystem::path(p.path).lexically_normal().string();
        }
        return all;
    }

    std::optional<named_variable> local(const active_frame& frame, std::uintptr_t address) {
        Dwarf_Addr bias = 0;
        const std::uint64_t inside = reinterpret_cast<std::uint64_t>(frame.inside) - 1;
        Dwarf_Die* const unit = unit_of(inside, &bias);
        if (unit == nullptr) {
            return std::nullopt;
        }
        for (Dwarf_Die& scope : scopes_at(unit, inside - bias)) {
            if (dwarf_tag(&scope) != DW_TAG_subprogram) {
                continue;
            }
            const auto base = frame_base(&scope, frame.frame_pointer);
            std::string name;
            if (base && find_local(&scope, *base, address, inside - bias, name)) {
                return named_variable{name, function_of(&scope)};
            }
            break;
        }
        return std::nullopt;
    }

    std::optional<named_variable> global(std::uintptr_t address) {
        index();
        return among(globals_, address);
    }

    std::optional<named_variable> thread_local_variable(std::uintptr_t offset) {
        index();
        return among(thread_locals_, offset);
    }

private:
    // The compilation unit that the address lies in. Not every compiler writes the table that would say so.
    Dwarf_Die* unit_of(std::uint64_t address, Dwarf_Addr* bias) {
        Dwfl_Module* const module = dwfl_ == nullptr ? nullptr : dwfl_addrmodule(dwfl_, address);
        if (module == nullptr) {
            return nullptr;
        }
        if (Dwarf_Die* const unit = dwfl_module_addrdie(module, address, bias); unit != nullptr) {
            return unit;
        }
        for (Dwarf_Die* unit = dwfl_module_nextcu(module, nullptr, bias); unit != nullptr;
             unit = dwfl_module_nextcu(module, unit, bias)) {
            if (dwarf_haspc(unit, address - *bias) == 1) {
                return unit;
            }
        }
        return nullptr;
    }

    // Blocks and functions around the address, as the code lies in memory, innermost first.
    static std::vector<Dwarf_Die> scopes_at(Dwarf_Die* unit, Dwarf_Addr address) {
        Dwarf_Die* lexical = nullptr;
        std::vector<Dwarf_Die> all;
        if (dwarf_getscopes(unit, address, &lexical) > 0) {
            Dwarf_Die* around = nullptr;
            if (const int count = dwarf_getscopes_die(lexical, &around); count > 0) {
                all.assign(around, around + count);
            }
            std::free(around);
        }
        std::free(lexical);
        return all;
    }

    static std::optional<std::uint64_t> frame_base(Dwarf_Die* function, std::uint64_t frame_pointer) {
        Dwarf_Attribute attribute;
        Dwarf_Op* operations = nullptr;
        std::size_t count = 0;
        if (dwarf_attr_integrate(function, DW_AT_frame_base, &attribute) == nullptr ||
            dwarf_getlocation(&attribute, &operations, &count) != 0 || count != 1) {
            return std::nullopt;
        }
#if defined(__x86_64__)
        // The return address and the caller's frame pointer lie between.
        if (operations[0].atom == DW_OP_call_frame_cfa) {
            return frame_pointer + 16;
        }
        if (operations[0].atom == DW_OP_reg6) {
            return frame_pointer;
        }
#elif defined(__aarch64__)
        if (operations[0].atom == DW_OP_reg29) {
            return frame_pointer;
        }
#endif
        return std::nullopt;
    }

    // NOLINTNEXTLINE(misc-no-recursion): as deep as blocks are nested
    static bool find_local(Dwarf_Die* scope, std::uint64_t base, std::uint64_t address, Dwarf_Addr inside,
                           std::string& name) {
        Dwarf_Die child;
        bool found = false;
        for (int more = dwarf_child(scope, &child); more == 0; more = dwarf_siblingof(&child, &child)) {
            switch (dwarf_tag(&child)) {
            case DW_TAG_variable:
            case DW_TAG_formal_parameter: {
                Dwarf_Attribute attribute;
                Dwarf_Op* operations = nullptr;
                std::size_t count = 0;
                Dwarf_Die type;
                if (dwarf_attr_integrate(&child, DW_AT_location, &attribute) == nullptr ||
                    dwarf_getlocation(&attribute, &operations, &count) != 0 || count != 1 ||
                    operations[0].atom != DW_OP_fbreg || !type_of(&child, &type)) {
                    break;
                }
                const std::uint64_t start = base + operations[0].number;
                const char* const called = dwarf_diename(&child);
                if (!found && called != nullptr && called[0] != '_' && address >= start &&
                    address - start < size_of(&type)) {
                    name = called + part_of(&type, address - start);
                    found = true;
                }
                break;
            }
            case DW_TAG_lexical_block:
            case DW_TAG_inlined_subroutine:
                // A block that is being executed knows best: others may have used the same bytes before.
                if (!found || dwarf_haspc(&child, inside) == 1) {
                    found = find_local(&child, base, address, inside, name) || found;
                }
                break;
            default:
                break;
            }
        }
        return found;
    }

    void index() {
        if (std::exchange(indexed_, true) || dwfl_ == nullptr) {
            return;
        }
        // The executable alone: what is in shared libraries has no announced accesses.
        Dwfl_Module* const module = dwfl_addrmodule(dwfl_, start_of_executable());
        Dwarf_Addr bias = 0;
        for (Dwarf_Die* unit = module == nullptr ? nullptr : dwfl_module_nextcu(module, nullptr, &bias);
             unit != nullptr; unit = dwfl_module_nextcu(module, unit, &bias)) {
            index(unit, bias);
        }
    }

    static std::uint64_t start_of_executable() {
        std::uint64_t start = 0;
        dl_iterate_phdr(
            [](dl_phdr_info* info, std::size_t, void* data) {
                for (int i = 0; i < info->dlpi_phnum; ++i) {
                    if (info->dlpi_phdr[i].p_type == PT_LOAD) {
                        *static_cast<std::uint64_t*>(data) = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
                        break;
                    }
                }
                return 1; // the first is the executable
            },
            &start);
        return start;
    }

    // NOLINTNEXTLINE(misc-no-recursion): as deep as scopes are nested
    void index(Dwarf_Die* scope, Dwarf_Addr bias) {
        Dwarf_Die child;
        for (int more = dwarf_child(scope, &child); more == 0; more = dwarf_siblingof(&child, &child)) {
            switch (dwarf_tag(&child)) {
            case DW_TAG_variable: {
                Dwarf_Attribute attribute;
                Dwarf_Op* operations = nullptr;
                std::size_t count = 0;
                Dwarf_Die type;
                if (dwarf_attr(&child, DW_AT_location, &attribute) == nullptr ||
                    dwarf_getlocation(&attribute, &operations, &count) != 0 || !type_of(&child, &type)) {
                    break;
                }
                if (count == 1 && operations[0].atom == DW_OP_addr) {
                    globals_.push_back({operations[0].number + bias, size_of(&type), child});
                } else if (count == 2 && (operations[1].atom == DW_OP_GNU_push_tls_address ||
                                          operations[1].atom == DW_OP_form_tls_address)) {
                    thread_locals_.push_back({operations[0].number, size_of(&type), child});
                }
                break;
            }
            case DW_TAG_namespace:
            case DW_TAG_subprogram:
            case DW_TAG_lexical_block:
            case DW_TAG_inlined_subroutine:
            case DW_TAG_structure_type:
            case DW_TAG_class_type:
                index(&child, bias);
                break;
            default:
                break;
            }
        }
    }

    static std::optional<named_variable> among(std::vector<fixed_variable>& all, std::uint64_t at) {
        for (fixed_variable& v : all) {
            const char* const name = dwarf_diename(&v.die);
            Dwarf_Die type;
            if (at >= v.start && at - v.start < v.size && name != nullptr && type_of(&v.die, &type)) {
                return named_variable{name + part_of(&type, at - v.start), ""};
            }
        }
        return std::nullopt;
    }

    Dwfl* dwfl_ = nullptr;
    bool indexed_ = false;
    std::vector<fixed_variable> globals_;
    std::vector<fixed_variable> thread_locals_;
};

#else

class debug_information {
public:
    std::vector<code_place> places(std::uint64_t) { return {}; }
    std::optional<named_variable> local(const active_frame&, std::uintptr_t) { return std::nullopt; }
    std::optional<named_variable> global(std::uintptr_t) { return std::nullopt; }
    std::optional<named_variable> thread_local_variable(std::uintptr_t) { return std::nullopt; }
};

#endif

debug_information& of_this_process() {
    static auto& all = *new debug_information; // what runs after main() may still ask
    return all;
}

} // namespace

bool of_the_runtime(const void* address) {
    Dl_info there{};
    Dl_info here{};
    return dladdr(address, &there) != 0 && dladdr(reinterpret_cast<const void*>(&of_the_runtime), &here) != 0 &&
           there.dli_fbase == here.dli_fbase;
}

bool own(const code_place& place) {
    return place.known() && !place.path.starts_with("/usr/");
}

const std::vector<code_place>& places_of(const void* site) {
    static std::map<const void*, std::vector<code_place>> known;
    const auto [found, fresh] = known.try_emplace(site);
    if (fresh && site != nullptr) {
        // The call itself, not what follows it. The runtime's own code is nobody's concern.
        const std::uint64_t address = reinterpret_cast<std::uint64_t>(site) - 1;
        if (!of_the_runtime(reinterpret_cast<const void*>(address))) {
            found->second = of_this_process().places(address);
        }
        if (found->second.empty()) {
            found->second.push_back({"", 0, in_file(address)});
        }
    }
    return found->second;
}

const code_place& own_place_of(const void* site) {
    static const code_place nowhere;
    const std::vector<code_place>& all = places_of(site);
    const code_place* best = nullptr;
    for (const code_place& p : all) {
        if (own(p)) {
            return p;
        }
        best = best == nullptr && p.known() ? &p : best;
    }
    return best != nullptr ? *best : all.empty() ? nowhere : all.front();
}

std::string text_of(const code_place& place) {
    if (!place.known()) {
        return place.function.empty() ? "?" : place.function;
    }
    return last_part(place.path) + ":" + std::to_string(place.line) +
           (place.function.empty() ? "" : " (" + place.function + ")");
}

std::string place_of(const void* site) {
    return text_of(own_place_of(site));
}

std::optional<named_variable> local_at(const active_frame& frame, std::uintptr_t address) {
    return of_this_process().local(frame, address);
}

std::optional<named_variable> global_at(std::uintptr_t address) {
    return of_this_process().global(address);
}

std::optional<named_variable> thread_local_at(std::uintptr_t offset) {
    return of_this_process().thread_local_variable(offset);
}

} // namespace gantry::check
