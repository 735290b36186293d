// SPDX-License-Identifier: MIT
// What code calls to tell ThreadSanitizer more than the compiler does (libcds, folly, Abseil, later libstdc++). These
// are claims: "this happens before that", "this race is meant". The checker believes the memory model alone, so all of
// them do nothing.
#include <cstddef>

#define GANTRY_CLAIM(name, ...)                                                                                        \
    __attribute__((visibility("default"))) void name(__VA_ARGS__) {}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-declarations"

extern "C" {

GANTRY_CLAIM(AnnotateHappensBefore, const char*, int, void*)
GANTRY_CLAIM(AnnotateHappensAfter, const char*, int, void*)
GANTRY_CLAIM(AnnotateIgnoreReadsBegin, const char*, int)
GANTRY_CLAIM(AnnotateIgnoreReadsEnd, const char*, int)
GANTRY_CLAIM(AnnotateIgnoreWritesBegin, const char*, int)
GANTRY_CLAIM(AnnotateIgnoreWritesEnd, const char*, int)
GANTRY_CLAIM(AnnotateIgnoreSyncBegin, const char*, int)
GANTRY_CLAIM(AnnotateIgnoreSyncEnd, const char*, int)
GANTRY_CLAIM(AnnotateNewMemory, const char*, int, void*, std::size_t)
GANTRY_CLAIM(AnnotateBenignRace, const char*, int, void*, const char*)
GANTRY_CLAIM(AnnotateBenignRaceSized, const char*, int, void*, std::size_t, const char*)
GANTRY_CLAIM(AnnotateRWLockCreate, const char*, int, void*)
GANTRY_CLAIM(AnnotateRWLockDestroy, const char*, int, void*)
GANTRY_CLAIM(AnnotateRWLockAcquired, const char*, int, void*, long)
GANTRY_CLAIM(AnnotateRWLockReleased, const char*, int, void*, long)

GANTRY_CLAIM(__tsan_acquire, void*)
GANTRY_CLAIM(__tsan_release, void*)
GANTRY_CLAIM(__tsan_mutex_create, void*, unsigned)
GANTRY_CLAIM(__tsan_mutex_destroy, void*, unsigned)
GANTRY_CLAIM(__tsan_mutex_pre_lock, void*, unsigned)
GANTRY_CLAIM(__tsan_mutex_post_lock, void*, unsigned, int)
GANTRY_CLAIM(__tsan_mutex_post_unlock, void*, unsigned)
GANTRY_CLAIM(__tsan_mutex_pre_signal, void*, unsigned)
GANTRY_CLAIM(__tsan_mutex_post_signal, void*, unsigned)
GANTRY_CLAIM(__tsan_mutex_pre_divert, void*, unsigned)
GANTRY_CLAIM(__tsan_mutex_post_divert, void*, unsigned)

__attribute__((visibility("default"))) int __tsan_mutex_pre_unlock(void*, unsigned) {
    return 0;
}

} // extern "C"

#pragma GCC diagnostic pop
