# SPDX-License-Identifier: MIT
# The three calls from which the whole build is made. A file's suffix says what it is:
#
#   x_test.cpp     unit tests        -> one binary test_<name>,   ctest label unit
#   x_stress.cpp   real threads      -> one binary stress_<name>, ctest label stress
#   x_bench.cpp    Google Benchmark  -> one binary bench_<name>,  ctest label bench (smoke run)
#   x_fuzz.cpp     libFuzzer         -> one binary fuzz_<x> each, ctest label fuzz (short run)
#   x_model.cpp    GANTRY_MODELs     -> one binary model_<name>,  ctest label model (see GantryModel.cmake)
#
# so that nothing but public headers and library sources is ever listed by hand. COST is about the seconds that a test
# takes: ctest starts the long ones first, also where it has no record of them yet.

# gantry_module(<name>
#   HEADERS   public headers, installed with the package, relative to the module's folder
#   SOURCES   library sources; none makes a header-only module
#   DEPENDS   gantry modules of lower layers
#   LINKS     imported targets of other packages that users of the module need too
#   PACKAGES  the find_package() arguments that bring LINKS, one string each
#   ONE_THREAD  tests that start no thread: ThreadSanitizer has nothing to say of them, and is not asked)
function(gantry_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;SOURCES;DEPENDS;LINKS;PACKAGES;ONE_THREAD")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "gantry_module(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(target gantry_${name})
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:gantry_flags>)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    _gantry_steers_fuzzers(${target})
    gantry_precompiled(${target} library)
    _gantry_modelled(${name} ${arg_SOURCES})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(gantry::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} ${scope} cxx_std_23)
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${arg_HEADERS})
  list(TRANSFORM arg_DEPENDS PREPEND gantry:: OUTPUT_VARIABLE depends)
  target_link_libraries(${target} ${scope} ${depends} ${arg_LINKS} Threads::Threads)

  set_property(GLOBAL APPEND PROPERTY GANTRY_MODULES ${name})
  set_property(GLOBAL PROPERTY GANTRY_${name}_DEPENDS ${arg_DEPENDS})
  set_property(GLOBAL PROPERTY GANTRY_${name}_PACKAGES ${arg_PACKAGES})
  set_property(GLOBAL PROPERTY GANTRY_${name}_COMPILED $<BOOL:${arg_SOURCES}>)

  set_property(GLOBAL PROPERTY GANTRY_${name}_LINKS ${arg_LINKS})
  set_property(GLOBAL PROPERTY GANTRY_${name}_ONE_THREAD ${arg_ONE_THREAD})

  _gantry_checks(${name} gantry::${name})
endfunction()

# gantry_program(<name>
#   SOURCES   the thin main and what belongs to it alone
#   CORE      the program's logic: the linkable, testable library <name>_core, tested from core/
#   LINKS     what the core is built on (gantry modules, imported targets)
#   MAN       `<name> --man` prints a man page: it is made at build time and installed
#   NO_INSTALL  a tool of this repository only
#   ONE_THREAD  as for gantry_module)
function(gantry_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "MAN;NO_INSTALL" "" "SOURCES;CORE;LINKS;ONE_THREAD")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "gantry_program(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  add_library(${name}_core STATIC ${arg_CORE})
  target_include_directories(${name}_core PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${name}_core PRIVATE GANTRY_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name}_core PUBLIC ${arg_LINKS} PRIVATE gantry_flags)
  _gantry_steers_fuzzers(${name}_core)
  gantry_precompiled(${name}_core core)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${name}_core gantry_flags)
  target_compile_definitions(${name} PRIVATE GANTRY_VERSION="${PROJECT_VERSION}")
  if(arg_MAN)
    set(page ${PROJECT_BINARY_DIR}/man/${name}.1)
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/man)
    add_custom_command(TARGET ${name} POST_BUILD COMMAND ${name} --man > ${page} VERBATIM)
    if(GANTRY_INSTALL)
      install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT programs)
    endif()
  endif()
  if(GANTRY_INSTALL AND NOT arg_NO_INSTALL)
    install(TARGETS ${name} RUNTIME COMPONENT programs)
  endif()
  set_property(GLOBAL PROPERTY GANTRY_${name}_ONE_THREAD ${arg_ONE_THREAD})
  _gantry_checks(${name} ${name}_core ${name})
endfunction()

# gantry_example(<file> LINKS <targets>): one program of bin/, run by ctest as example.<name>.
function(gantry_example file)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINKS;ARGS")
  cmake_path(GET file STEM name)
  add_executable(${name} ${file})
  gantry_optimise_little(${file})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} gantry_flags)
  add_test(NAME ${GANTRY_TEST_PREFIX}example.${name} COMMAND ${name} ${arg_ARGS})
  set_tests_properties(${GANTRY_TEST_PREFIX}example.${name} PROPERTIES LABELS unit TIMEOUT 60)
endfunction()

# A fuzzer steers by the coverage of what it tests, not only of its own file.
function(_gantry_steers_fuzzers target)
  if(GANTRY_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# The files *_<kind>.cpp of the calling folder and below it, but for folders that have a CMakeLists.txt of their own.
function(_gantry_files kind result)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_${kind}.cpp)
  file(GLOB_RECURSE lists RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
  foreach(list ${lists})
    cmake_path(GET list PARENT_PATH folder)
    if(folder)
      list(FILTER files EXCLUDE REGEX "^${CMAKE_CURRENT_SOURCE_DIR}/${folder}/")
    endif()
  endforeach()
  set(${result} ${files} PARENT_SCOPE)
endfunction()

# Unit tests are many and short: compiling them costs more than running them. A sanitizer sees the more of them the less
# was optimised away. Stress tests are optimised.
function(_gantry_checks_flags target kind)
  if(kind STREQUAL "test")
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
    if(GANTRY_SANITIZE)
      target_compile_options(${target} PRIVATE -O0)
    endif()
  endif()
endfunction()

# The tests, stress tests, benchmarks and fuzzers that lie in the calling folder and below it.
# Any further argument is a program that the tests start: they find it in the environment as <NAME>_PROGRAM.
function(_gantry_checks name library)
  foreach(kind test stress bench fuzz)
    _gantry_files(${kind} ${kind}_files)
  endforeach()
  if(GANTRY_SANITIZE STREQUAL "thread")
    get_property(one_thread GLOBAL PROPERTY GANTRY_${name}_ONE_THREAD)
    foreach(file ${one_thread})
      cmake_path(ABSOLUTE_PATH file)
      file(STRINGS ${file} threads REGEX "std::j?thread|std::async|pthread_|#include <(thread|future|latch|barrier)>")
      if(threads)
        message(FATAL_ERROR "${file} is listed as ONE_THREAD, and is not: ${threads}")
      endif()
      list(REMOVE_ITEM test_files ${file})
      list(REMOVE_ITEM stress_files ${file})
    endforeach()
  endif()
  set(environment "")
  set(definitions "")
  foreach(program ${ARGN})
    string(TOUPPER ${program} upper)
    list(APPEND definitions ${upper}_PROGRAM="$<TARGET_FILE:${program}>")
  endforeach()

  _gantry_models(${name} ${library})

  if(GANTRY_TESTS)
    find_package(GTest REQUIRED)
    find_library(RAPIDCHECK_LIBRARY rapidcheck REQUIRED)
    include(GoogleTest)
    foreach(kind test stress)
      if(${kind}_files)
        add_executable(${kind}_${name} ${${kind}_files})
        target_link_libraries(${kind}_${name} PRIVATE
          ${library} gantry_flags GTest::gmock GTest::gtest_main ${RAPIDCHECK_LIBRARY})
        target_compile_definitions(${kind}_${name} PRIVATE
          ${definitions} GANTRY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
        gantry_precompiled(${kind}_${name} ${kind})
        if(ARGN)
          add_dependencies(${kind}_${name} ${ARGN})
        endif()
        _gantry_checks_flags(${kind}_${name} ${kind})
        if(kind STREQUAL "test")
          set(label unit)
          set(seconds 120)
        else()
          set(label stress)
          set(seconds 300)
        endif()
        set(properties LABELS ${label})
        if(CMAKE_CROSSCOMPILING)
          math(EXPR seconds "10 * ${seconds}") # an emulator is slow
          list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " emulator)
          list(APPEND properties ENVIRONMENT "GANTRY_TEST_EMULATOR=${emulator}")
        endif()
        gtest_discover_tests(${kind}_${name} TEST_PREFIX ${GANTRY_TEST_PREFIX}${name}. DISCOVERY_MODE PRE_TEST
          DISCOVERY_TIMEOUT 60 PROPERTIES ${properties} TIMEOUT ${seconds})
      endif()
    endforeach()
  endif()

  if(GANTRY_BENCH AND bench_files)
    find_package(benchmark REQUIRED)
    add_executable(bench_${name} ${bench_files})
    target_link_libraries(bench_${name} PRIVATE ${library} gantry_flags benchmark::benchmark)
    target_compile_definitions(bench_${name} PRIVATE ${definitions})
    if(ARGN)
      add_dependencies(bench_${name} ${ARGN})
    endif()
    # A file peers.cmake beside the benchmark adds what only its peers need.
    include(${CMAKE_CURRENT_SOURCE_DIR}/peers.cmake OPTIONAL)
    add_test(NAME ${GANTRY_TEST_PREFIX}bench.${name} COMMAND bench_${name} --benchmark_min_time=0.001)
    set_tests_properties(${GANTRY_TEST_PREFIX}bench.${name} PROPERTIES LABELS bench TIMEOUT 300
      ENVIRONMENT GANTRY_BENCH_SMOKE=1)
  endif()

  if(GANTRY_FUZZ)
    foreach(file ${fuzz_files})
      cmake_path(GET file STEM stem)
      string(REGEX REPLACE "_fuzz$" "" stem ${stem})
      add_executable(fuzz_${name}_${stem} ${file})
      target_link_libraries(fuzz_${name}_${stem} PRIVATE ${library} gantry_flags)
      target_compile_options(fuzz_${name}_${stem} PRIVATE -fsanitize=fuzzer)
      target_link_options(fuzz_${name}_${stem} PRIVATE -fsanitize=fuzzer)
      # Seeds lie in <x>_corpus/ beside the fuzzer; what a run finds stays in the build tree.
      cmake_path(GET file PARENT_PATH folder)
      set(found ${CMAKE_CURRENT_BINARY_DIR}/${stem}_found)
      file(MAKE_DIRECTORY ${found})
      set(corpus "")
      if(IS_DIRECTORY ${folder}/${stem}_corpus)
        set(corpus ${folder}/${stem}_corpus)
      endif()
      add_test(NAME ${GANTRY_TEST_PREFIX}fuzz.${name}.${stem}
        COMMAND fuzz_${name}_${stem} -max_total_time=8 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1
          -artifact_prefix=${found}/ ${found} ${corpus})
      set_tests_properties(${GANTRY_TEST_PREFIX}fuzz.${name}.${stem} PROPERTIES LABELS fuzz TIMEOUT 120 COST 10)
    endforeach()
  endif()
endfunction()
