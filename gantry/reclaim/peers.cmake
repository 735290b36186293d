# SPDX-License-Identifier: MIT
# The peers in bench_reclaim: libcds is a library, xenium headers.
find_library(GANTRY_LIBCDS cds REQUIRED)
mark_as_advanced(GANTRY_LIBCDS)
# A failure order above the success order is allowed since C++17, and g++ 12 warns.
target_compile_options(bench_reclaim PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-invalid-memory-model>)
target_link_libraries(bench_reclaim PRIVATE ${GANTRY_LIBCDS} atomic)
