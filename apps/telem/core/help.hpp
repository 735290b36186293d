// SPDX-License-Identifier: MIT
#pragma once
//
// The words of --help and of the man page: written once, laid out twice.
//
// Use it when telem explains itself. Do not use it when one error is to be explained: say it where it happens.
//
// Threads: any. Progress: allocates. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: values. Origin: n/a.

#include <string>

namespace telem {

[[nodiscard]] std::string help_text();
// roff, for man(1).
[[nodiscard]] std::string man_page();

} // namespace telem
