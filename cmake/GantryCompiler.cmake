# SPDX-License-Identifier: MIT
# Compiler settings of this build. Nothing here leaks to users of the installed package.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# Everything that a person runs is found in one place.
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()

find_package(Threads REQUIRED)

# The flags of our own translation units: tests, programs, and the compiled parts of the library.
add_library(gantry_flags INTERFACE)
target_compile_features(gantry_flags INTERFACE cxx_std_23)
target_compile_options(gantry_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wcast-align -Wunused -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety> # sees GANTRY_GUARDED_BY and its kin (sync/thread_safety.hpp)
  $<$<BOOL:${GANTRY_WERROR}>:-Werror>
  # g++ 12 reports these inside libstdc++ 12 and third-party headers after inlining at -O2/-O3.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-null-dereference -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict -Wno-tsan>
  # The size of a cache line is part of no ABI here: base/cache_line.hpp fixes it per architecture.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-interference-size>)

if(GANTRY_SANITIZE)
  add_compile_options(-fsanitize=${GANTRY_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${GANTRY_SANITIZE})
  if(GANTRY_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=all)
  endif()
endif()

# gantry_optimise_little([FUZZED] <file>...): sources of the calling folder that read options, configurations or JSON, a few
# times in a run. Their parsers are templates, whose optimisation takes longer than they will ever run. FUZZED: where there
# are fuzzers they run as often as they can.
function(gantry_optimise_little)
  cmake_parse_arguments(PARSE_ARGV 0 arg "FUZZED" "" "")
  if(NOT GANTRY_SANITIZE)
    set_property(SOURCE ${arg_UNPARSED_ARGUMENTS} APPEND PROPERTY COMPILE_OPTIONS $<$<CONFIG:Release>:-O1>)
  elseif(NOT (arg_FUZZED AND GANTRY_FUZZ))
    # Clang refuses a precompiled header of another level.
    set_property(SOURCE ${arg_UNPARSED_ARGUMENTS} APPEND PROPERTY COMPILE_OPTIONS -O0)
    set_property(SOURCE ${arg_UNPARSED_ARGUMENTS} PROPERTY SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# gantry_optimise_test(<file>...): unit tests of the calling folder that run for long without optimisation: they have it
# also under a sanitizer (GantryModule.cmake).
function(gantry_optimise_test)
  if(GANTRY_SANITIZE)
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS -O1)
    set_property(SOURCE ${ARGN} PROPERTY SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

find_program(GANTRY_CCACHE ccache)
if(GANTRY_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without this a file that sees a precompiled header would never come from the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${GANTRY_CCACHE})
endif()
