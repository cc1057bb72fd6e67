# Helpers shared by the build of pbs-mlir.

# Debian exports every MLIR archive with libLLVM.so in its link interface;
# replaces that by the LLVM archives that the compiler needs, so that one
# process never holds two copies of LLVM.
function(pbs_use_static_llvm)
  llvm_map_components_to_libnames(llvm_archives
    core support nvptxcodegen nvptxdesc nvptxinfo irreader linker passes target
    mc bitreader bitwriter analysis ipo targetparser transformutils orcjit
    native)
  get_property(mlir_libs GLOBAL PROPERTY MLIR_ALL_LIBS)
  foreach(lib ${mlir_libs})
    if(TARGET ${lib})
      get_target_property(links ${lib} INTERFACE_LINK_LIBRARIES)
      if(links)
        list(TRANSFORM links REPLACE "^LLVM$" "${llvm_archives}")
        set_target_properties(${lib} PROPERTIES
          INTERFACE_LINK_LIBRARIES "${links}")
      endif()
    endif()
  endforeach()
endfunction()

# Adds a unit test executable `name` (GoogleTest) that lit runs:
#   pbs_add_unittest(name source... [LIBS library...])
# test/<dir>/<name>.test holds its RUN line.
function(pbs_add_unittest name)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest
    GTest::gtest_main)
  set_property(GLOBAL APPEND PROPERTY PBS_UNIT_TESTS ${name})
endfunction()
