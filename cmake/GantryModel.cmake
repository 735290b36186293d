# SPDX-License-Identifier: MIT
# gantry::model, the model checker's runtime, and the programs that are compiled for it.
#
# A program of models is compiled with -fsanitize=thread, which makes the compiler announce every access, and linked with
# gantry::model instead of the sanitizer's own runtime. That asks for Linux on x86-64 or aarch64 and for a build without
# sanitizers of its own; elsewhere GANTRY_MODELS is off, whatever was asked for, and the calls below do nothing.
# On other 64-bit machines GANTRY_FIBERS=ucontext makes do without assembly: slower, and thread_local is shared.

set(GANTRY_FIBERS "assembly" CACHE STRING "How modelled threads are switched: assembly (x86-64, aarch64) or ucontext")
set_property(CACHE GANTRY_FIBERS PROPERTY STRINGS assembly ucontext)
if(NOT GANTRY_FIBERS MATCHES "^(assembly|ucontext)$")
  message(FATAL_ERROR "GANTRY_FIBERS is assembly or ucontext, not ${GANTRY_FIBERS}")
endif()
set(machine_known OFF)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|aarch64)$" OR GANTRY_FIBERS STREQUAL "ucontext")
  set(machine_known ON)
endif()
if(NOT GANTRY_CHECK)
  set(GANTRY_MODELS OFF)
elseif(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT machine_known)
  set(GANTRY_MODELS OFF)
  message(STATUS "Models: not built on ${CMAKE_SYSTEM_NAME} ${CMAKE_SYSTEM_PROCESSOR}")
elseif(GANTRY_SANITIZE)
  set(GANTRY_MODELS OFF)
  message(STATUS "Models: not built under -fsanitize=${GANTRY_SANITIZE}")
elseif(CMAKE_CXX_FLAGS MATCHES "--coverage")
  set(GANTRY_MODELS OFF)
  message(STATUS "Models: not built for coverage")
endif()

# The flags under which modelled code is compiled; as a list, for compilers that CMake does not drive.
set(GANTRY_MODEL_COMPILE_OPTIONS -fsanitize=thread -g -O1 -fno-omit-frame-pointer)

# gantry_model_program(<name> SOURCES <files> LINKS <targets>): an executable of modelled code. Without a main() of its
# own it runs its GANTRY_MODELs: the runtime's library has that main().
function(gantry_model_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  if(NOT GANTRY_MODELS)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gantry::model ${arg_LINKS} gantry_flags)
  gantry_precompiled(${name} model)
endfunction()

# _gantry_modelled(<name>): the module's own compiled sources once more, with announcements, for the models of it and of
# the modules above it.
function(_gantry_modelled name)
  # check itself is in the runtime.
  if(NOT GANTRY_TESTS OR NOT GANTRY_MODELS OR name STREQUAL "check")
    return()
  endif()
  add_library(gantry_${name}_modelled OBJECT EXCLUDE_FROM_ALL ${ARGN})
  target_link_libraries(gantry_${name}_modelled PRIVATE gantry::model gantry::${name} gantry_flags)
  gantry_precompiled(gantry_${name}_modelled model)
endfunction()

# _gantry_models(<name> <library>): the *_model.cpp files that lie in the calling folder and below it, as one program
# model_<name>, run by ctest as <name>.model.
function(_gantry_models name library)
  _gantry_files(model files)
  if(NOT files OR NOT GANTRY_TESTS OR NOT GANTRY_MODELS)
    return()
  endif()
  set(sources ${files})
  set(pending ${name})
  set(seen "")
  set(links "")
  while(pending)
    list(POP_FRONT pending module)
    if(module IN_LIST seen OR NOT TARGET gantry_${module})
      continue()
    endif()
    list(APPEND seen ${module})
    if(TARGET gantry_${module}_modelled)
      list(APPEND sources $<TARGET_OBJECTS:gantry_${module}_modelled>)
    endif()
    get_property(depends GLOBAL PROPERTY GANTRY_${module}_DEPENDS)
    list(APPEND pending ${depends})
    get_property(needs GLOBAL PROPERTY GANTRY_${module}_LINKS)
    list(APPEND links ${needs})
  endwhile()
  gantry_model_program(model_${name} SOURCES ${sources} LINKS ${links})
  add_test(NAME ${GANTRY_TEST_PREFIX}${name}.model COMMAND model_${name})
  set_tests_properties(${GANTRY_TEST_PREFIX}${name}.model PROPERTIES LABELS model TIMEOUT 300 COST 300)
endfunction()
