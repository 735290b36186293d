// SPDX-License-Identifier: MIT
// Part of every program of models: g++ calls the plain memcpy, memmove and memset where it announces nothing. These
// definitions are the program's own (hidden: the standard library keeps the C library's) and announce what they touch.
#include <cstddef>

extern "C" {
void* gantry_check_memcpy(void* to, const void* from, std::size_t size, const void* site);
void* gantry_check_memmove(void* to, const void* from, std::size_t size, const void* site);
void* gantry_check_memset(void* to, int byte, std::size_t size, const void* site);

__attribute__((used, no_sanitize("thread"))) void* gantry_program_memcpy(void* to, const void* from, std::size_t size) {
    return gantry_check_memcpy(to, from, size, __builtin_return_address(0));
}

__attribute__((used, no_sanitize("thread"))) void* gantry_program_memmove(void* to, const void* from,
                                                                          std::size_t size) {
    return gantry_check_memmove(to, from, size, __builtin_return_address(0));
}

__attribute__((used, no_sanitize("thread"))) void* gantry_program_memset(void* to, int byte, std::size_t size) {
    return gantry_check_memset(to, byte, size, __builtin_return_address(0));
}
}

// By alias: the compiler has its own idea of how these functions are declared.
asm(".globl memcpy\n.hidden memcpy\n.set memcpy, gantry_program_memcpy\n"
    ".globl memmove\n.hidden memmove\n.set memmove, gantry_program_memmove\n"
    ".globl memset\n.hidden memset\n.set memset, gantry_program_memset\n");
