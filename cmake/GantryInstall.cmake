# SPDX-License-Identifier: MIT
# The installed package: find_package(gantry COMPONENTS base channel ...) and pkg-config gantry-<module>.
include(CMakePackageConfigHelpers)

get_property(modules GLOBAL PROPERTY GANTRY_MODULES)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/gantry)
set(GANTRY_CONFIG_COMPONENTS "")
# The way from a .pc file to the prefix, so that an installed tree can be moved.
file(RELATIVE_PATH PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" PC_TO_PREFIX "${PC_TO_PREFIX}")
foreach(name ${modules})
  get_property(depends GLOBAL PROPERTY GANTRY_${name}_DEPENDS)
  get_property(packages GLOBAL PROPERTY GANTRY_${name}_PACKAGES)
  get_target_property(type gantry_${name} TYPE)

  install(TARGETS gantry_${name} EXPORT gantry-${name}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
  install(EXPORT gantry-${name} FILE gantry-${name}.cmake NAMESPACE gantry:: DESTINATION ${package_dir}
    COMPONENT library)
  string(APPEND GANTRY_CONFIG_COMPONENTS
    "set(_gantry_${name}_depends ${depends})\nset(_gantry_${name}_packages ${packages})\n")

  list(TRANSFORM depends PREPEND "gantry-" OUTPUT_VARIABLE requires)
  list(JOIN requires ", " PC_REQUIRES)
  set(PC_NAME gantry-${name})
  set(PC_LIBS "-pthread")
  if(NOT type STREQUAL "INTERFACE_LIBRARY")
    set(PC_LIBS "-L\${libdir} -lgantry_${name} -pthread")
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/gantry.pc.in ${PROJECT_BINARY_DIR}/pkgconfig/gantry-${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/pkgconfig/gantry-${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT library)
endforeach()

get_property(extras GLOBAL PROPERTY GANTRY_EXTRA_COMPONENTS)
foreach(name ${extras})
  get_property(depends GLOBAL PROPERTY GANTRY_${name}_DEPENDS)
  install(EXPORT gantry-${name} FILE gantry-${name}.cmake NAMESPACE gantry:: DESTINATION ${package_dir}
    COMPONENT ${name})
  string(APPEND GANTRY_CONFIG_COMPONENTS
    "set(_gantry_${name}_depends ${depends})\nset(_gantry_${name}_packages )\n")
endforeach()

list(JOIN modules " " GANTRY_MODULE_NAMES)
list(JOIN extras " " GANTRY_EXTRA_NAMES)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/gantryConfig.cmake.in
  ${PROJECT_BINARY_DIR}/gantryConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gantryConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/gantryConfig.cmake ${PROJECT_BINARY_DIR}/gantryConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT library)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT library)

# `./dev package`: one archive and one Debian package each for the library, the model checker and the programs.
set(CPACK_PACKAGE_VENDOR "The gantry authors")
set(CPACK_PACKAGE_CONTACT "gantry maintainers <gantry@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_COMPONENTS_ALL library ${extras} programs)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libgantry-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
# The checker's users include the library's headers.
set(CPACK_DEBIAN_MODEL_PACKAGE_NAME gantry-model)
set(CPACK_DEBIAN_MODEL_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_MODEL_PACKAGE_DEPENDS libgantry-dev)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME gantry)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION net)
include(CPack)
