# openpcc_add_library / _program / _test / _fuzzer: a library's CMakeLists.txt is a declaration that fits on a screen.
include(GNUInstallDirs)
find_package(GTest REQUIRED)
include(GoogleTest)

# ThreadSanitizer names the functions of a report with LLVM's symbolizer, which Debian installs under a name that it does not look for.
set(openpcc_test_environment "")
if(OPENPCC_SANITIZE STREQUAL "thread")
  find_program(OPENPCC_SYMBOLIZER NAMES llvm-symbolizer-19 llvm-symbolizer)
  if(OPENPCC_SYMBOLIZER)
    set(openpcc_test_environment "TSAN_OPTIONS=external_symbolizer_path=${OPENPCC_SYMBOLIZER}")
  endif()
endif()

# openpcc_add_library(NAME HEADERS ... SOURCES ... PUBLIC_DEPS ... PRIVATE_DEPS ...) -> target openpcc_NAME, alias openpcc::NAME.
# Headers are included as "FOLDER/header.h", relative to lib/.
function(openpcc_add_library name)
  cmake_parse_arguments(ARG "" "" "HEADERS;SOURCES;PUBLIC_DEPS;PRIVATE_DEPS" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "openpcc_add_library(${name}): unknown argument ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(ARG_SOURCES)
    add_library(openpcc_${name} STATIC ${ARG_HEADERS} ${ARG_SOURCES})
    target_include_directories(openpcc_${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
    target_link_libraries(openpcc_${name} PUBLIC ${ARG_PUBLIC_DEPS} PRIVATE openpcc_flags ${ARG_PRIVATE_DEPS})
  else()
    add_library(openpcc_${name} INTERFACE)
    target_include_directories(openpcc_${name} INTERFACE ${PROJECT_SOURCE_DIR}/lib)
    target_link_libraries(openpcc_${name} INTERFACE ${ARG_PUBLIC_DEPS})
  endif()
  add_library(openpcc::${name} ALIAS openpcc_${name})
endfunction()

# Every program and nothing else: what a user needs before a test does.
add_custom_target(openpcc_programs)

# openpcc_add_program(NAME SOURCES ... DEPS ...) -> build/bin/NAME
function(openpcc_add_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE openpcc_flags ${ARG_DEPS})
  target_compile_definitions(${name} PRIVATE OPENPCC_VERSION="${PROJECT_VERSION}")
  add_dependencies(openpcc_programs ${name})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# openpcc_add_test(NAME SOURCES ... DEPS ... LABELS unit|tpm|stack|model [TIMEOUT SECONDS])
# One ctest case per program. It runs in the source folder of the CMakeLists.txt that declares it, so that vectors are found by
# relative path.
function(openpcc_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    message(FATAL_ERROR "openpcc_add_test(${name}): LABELS is required")
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE openpcc_flags ${ARG_DEPS} GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${openpcc_test_environment}")
endfunction()

# openpcc_add_fuzzer(NAME SOURCES ... CORPUS DIR DEPS ...)
# With OPENPCC_FUZZ: a libFuzzer program. Otherwise: a replay of the corpus (each file whole, cut at every length up to 4 KiB,
# and with single bits flipped), so that corpora run in plain ctest with any compiler. Replaying no file is a failure.
add_custom_target(openpcc_fuzzers)
function(openpcc_add_fuzzer name)
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE openpcc_flags ${ARG_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  if(OPENPCC_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    # libFuzzer writes what it finds into the first folder: never into the tree.
    set(scratch ${CMAKE_BINARY_DIR}/fuzz/found/${name})
    file(MAKE_DIRECTORY ${scratch})
    add_test(NAME ${name} COMMAND ${name} -runs=20000 -max_total_time=20 ${scratch} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS}
             WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  else()
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/fuzz_replay_main.cc)
    add_test(NAME ${name} COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  endif()
  add_dependencies(openpcc_fuzzers ${name})
  set_tests_properties(${name} PROPERTIES LABELS "unit;fuzz" TIMEOUT 120 ENVIRONMENT "${openpcc_test_environment}")
endfunction()
