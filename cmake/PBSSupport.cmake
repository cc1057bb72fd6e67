# Helpers shared by the build of pbs-mlir.

# The LLVM archives that the compiler needs.
macro(pbs_get_llvm_archives variable)
  llvm_map_components_to_libnames(${variable}
    core support nvptxcodegen nvptxdesc nvptxinfo irreader linker passes target
    mc bitreader bitwriter analysis ipo targetparser transformutils orcjit
    native)
endmacro()

# Debian exports every MLIR archive with libLLVM.so in its link interface;
# replaces that by archives, so that one process never holds two copies of LLVM.
function(pbs_use_static_llvm)
  pbs_get_llvm_archives(llvm_archives)
  get_property(mlir_libs GLOBAL PROPERTY MLIR_ALL_LIBS)
  list(REMOVE_ITEM mlir_libs MLIR)
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

# Appends to `variable` the archives of this project that `target` links,
# directly or not. Imported targets are left out.
function(pbs_collect_archives target variable)
  set(found ${${variable}})
  get_target_property(links ${target} LINK_LIBRARIES)
  foreach(lib ${links})
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" lib "${lib}")
    if(NOT TARGET ${lib} OR lib IN_LIST found)
      continue()
    endif()
    get_target_property(is_imported ${lib} IMPORTED)
    get_target_property(type ${lib} TYPE)
    if(NOT is_imported AND type STREQUAL "STATIC_LIBRARY")
      list(APPEND found ${lib})
      pbs_collect_archives(${lib} found)
    endif()
  endforeach()
  set(${variable} ${found} PARENT_SCOPE)
endfunction()

# Appends to `variable` the archives of LLVM that `lib` needs, itself included.
function(pbs_collect_llvm_archives lib variable)
  set(found ${${variable}})
  string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" lib "${lib}")
  if(lib MATCHES "^LLVM." AND TARGET ${lib} AND NOT lib IN_LIST found)
    list(APPEND found ${lib})
    get_target_property(links ${lib} INTERFACE_LINK_LIBRARIES)
    foreach(link ${links})
      pbs_collect_llvm_archives("${link}" found)
    endforeach()
  endif()
  set(${variable} ${found} PARENT_SCOPE)
endfunction()

# Links `target` against the archives of this project that `like` links, and
# against those of MLIR and LLVM instead of their shared libraries. The objects
# are those of the usual build: nothing is compiled twice. Archives are named as
# files, since the link interfaces of their targets are those of the usual build.
function(pbs_link_archives target like)
  pbs_collect_archives(${like} own)
  get_property(archives GLOBAL PROPERTY MLIR_ALL_LIBS)
  list(FILTER archives EXCLUDE REGEX "^MLIR$|CAPI|Test|^mlir_|Shared$|Jit")
  pbs_get_llvm_archives(components)
  set(llvm)
  foreach(component ${components})
    pbs_collect_llvm_archives(${component} llvm)
  endforeach()
  set(files)
  foreach(lib ${own} ${archives} ${llvm})
    if(TARGET ${lib})
      get_target_property(type ${lib} TYPE)
      if(type STREQUAL "STATIC_LIBRARY")
        list(APPEND files $<TARGET_FILE:${lib}>)
      endif()
    endif()
  endforeach()
  if(own)
    add_dependencies(${target} ${own})
  endif()
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${files})
  target_link_libraries(${target} PRIVATE
    -Wl,--start-group ${files} -Wl,--end-group
    ${PBS_ZSTD_ARCHIVE} ${PBS_ZLIB_ARCHIVE} Threads::Threads ${CMAKE_DL_LIBS})
  target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc
    -Wl,--as-needed -Wl,--exclude-libs,ALL -Wl,--gc-sections -Wl,-s)
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
