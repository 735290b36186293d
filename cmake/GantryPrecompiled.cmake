# SPDX-License-Identifier: MIT
# Precompiled headers, where GANTRY_PCH asks for them: half of what many a small test costs is reading the standard
# library and GoogleTest again. Tests, stress tests, models and the cores of programs take part; benchmarks do not, whose
# peers ask for flags of their own; the library itself only under a sanitizer, so that what ships is compiled as its
# users compile it. Builds that leave GANTRY_PCH off find the #include that is missing elsewhere: clang (./dev lint) in
# all files but the models, debug in those, too.

# One header for each set of flags; the first three kinds are those of GantryModule.cmake.
set(GANTRY_PRECOMPILED_STD <algorithm> <array> <atomic> <chrono> <condition_variable> <cstddef> <cstdint> <cstdio>
  <cstdlib> <deque> <expected> <functional> <iterator> <limits> <map> <memory> <mutex> <new> <optional> <random> <set>
  <span> <stdexcept> <string> <string_view> <thread> <tuple> <type_traits> <utility> <vector>)
set(GANTRY_PRECOMPILED_test ${GANTRY_PRECOMPILED_STD} <filesystem> <fstream> <sstream> <gmock/gmock.h> <gtest/gtest.h>)
set(GANTRY_PRECOMPILED_stress ${GANTRY_PRECOMPILED_test})
set(GANTRY_PRECOMPILED_model ${GANTRY_PRECOMPILED_STD})
set(GANTRY_PRECOMPILED_library ${GANTRY_PRECOMPILED_STD})
set(GANTRY_PRECOMPILED_core ${GANTRY_PRECOMPILED_STD} <fmt/format.h>)

# gantry_precompiled(<target> <kind>): the target's sources see the kind's headers precompiled. The target may have
# definitions of its own that those headers do not look at, but no other flags than the kind has.
function(gantry_precompiled target kind)
  if(NOT GANTRY_PCH OR (kind STREQUAL "library" AND NOT GANTRY_SANITIZE))
    return()
  endif()
  set(owner gantry_precompiled_${kind})
  if(NOT TARGET ${owner})
    set(source ${PROJECT_BINARY_DIR}/precompiled/${kind}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "// Compiled for its precompiled header.\n" @ONLY)
    add_library(${owner} OBJECT ${source})
    target_link_libraries(${owner} PRIVATE gantry_flags Threads::Threads)
    if(kind MATCHES "^(test|stress)$")
      target_link_libraries(${owner} PRIVATE GTest::gmock)
      _gantry_checks_flags(${owner} ${kind})
    elseif(kind STREQUAL "model")
      target_link_libraries(${owner} PRIVATE gantry::model)
    elseif(kind STREQUAL "library")
      set_target_properties(${owner} PROPERTIES POSITION_INDEPENDENT_CODE ON)
      _gantry_steers_fuzzers(${owner})
    elseif(kind STREQUAL "core")
      target_link_libraries(${owner} PRIVATE fmt::fmt)
      _gantry_steers_fuzzers(${owner})
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      target_compile_options(${owner} PRIVATE "SHELL:-Xclang -fno-pch-timestamp") # ccache compares contents
    endif()
    target_precompile_headers(${owner} PRIVATE ${GANTRY_PRECOMPILED_${kind}})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()
