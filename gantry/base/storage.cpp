// SPDX-License-Identifier: MIT
#include <gantry/base/storage.hpp>

#include <system_error>

namespace gantry {

std::string_view to_string(storage_operation operation) noexcept {
    switch (operation) {
    case storage_operation::open_directory:
        return "open directory";
    case storage_operation::create_directory:
        return "create directory";
    case storage_operation::sync_directory:
        return "sync directory";
    case storage_operation::list:
        return "list";
    case storage_operation::open:
        return "open";
    case storage_operation::create:
        return "create";
    case storage_operation::rename:
        return "rename";
    case storage_operation::remove:
        return "remove";
    case storage_operation::lock:
        return "lock";
    case storage_operation::read:
        return "read";
    case storage_operation::write:
        return "write";
    case storage_operation::sync:
        return "sync";
    case storage_operation::truncate:
        return "truncate";
    case storage_operation::size:
        return "size";
    }
    return "unknown operation";
}

std::string storage_error::message() const {
    std::string text(to_string(operation));
    text += ' ';
    text += path;
    text += ": ";
    text += std::generic_category().message(code); // unlike strerror(), safe with threads
    return text;
}

bool is_storage_name(std::string_view name) noexcept {
    return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
}

} // namespace gantry
