# SPDX-License-Identifier: MIT
# Peers that need a library; the rest are headers, used where they are installed.
find_package(TBB QUIET)
if(TBB_FOUND)
  target_link_libraries(bench_sync PRIVATE TBB::tbb)
  target_compile_definitions(bench_sync PRIVATE GANTRY_BENCH_TBB=1)
endif()
