# SPDX-License-Identifier: MIT
# The peers in bench_channel: libcds, Concurrency Kit and oneTBB are libraries, Boost, moodycamel and xenium headers.
find_library(GANTRY_LIBCDS cds REQUIRED)
find_library(GANTRY_LIBCK ck REQUIRED)
find_package(TBB REQUIRED)
mark_as_advanced(GANTRY_LIBCDS GANTRY_LIBCK)
# libcds uses 16-byte compare-exchange; a failure order above the success order is allowed since C++17, and g++ 12 warns.
target_compile_options(bench_channel PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-invalid-memory-model>)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  target_compile_options(bench_channel PRIVATE -mcx16)
endif()
target_link_libraries(bench_channel PRIVATE ${GANTRY_LIBCDS} ${GANTRY_LIBCK} TBB::tbb atomic)
