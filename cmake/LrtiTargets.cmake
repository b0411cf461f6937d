include(GoogleTest)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# How tests run, side by side: with one thread each, since OpenMP's threads wait by spinning; and with glibc keeping
# freed memory, which saves fp64 networks a third of their time.
set(LRTI_TEST_ENVIRONMENT OMP_NUM_THREADS=1 MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184
  MALLOC_TOP_PAD_=67108864)

# lrti_folder([PROGRAM name] [TORCH] [COLD] [DEPS target...] [TEST_DEPS target...] [TEST_PARTS n] [TEST_LOCK name])
#
# Makes a folder's targets from its files:
#   *.cc, *.h           library  lrti::<folder path with dots>
#   main.cc             program  PROGRAM
#   *_test.cc           test program with label "unit": each of its tests known to ctest, or, with TORCH, the whole
#                       program in TEST_PARTS processes, because loading LibTorch takes longer than most tests
#   X_fuzz.cc           with LRTI_FUZZ, the libFuzzer program fuzz/X of target `fuzzers`; its first
#                       inputs lie in tests/fuzz/X
# TEST_LOCK: no two tests with the same lock run at a time, because they use the same ports of the machine.
# COLD: nothing in it is hot.
# TORCH links LibTorch and reuses its precompiled header. A new file needs no edit here.
function(lrti_folder)
  cmake_parse_arguments(ARG "TORCH;COLD" "PROGRAM;TEST_PARTS;TEST_LOCK" "DEPS;TEST_DEPS" ${ARGN})
  file(RELATIVE_PATH folder "${CMAKE_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  string(REPLACE "/" "." dotted "${folder}")
  string(REPLACE "/" "_" name "lrti_${folder}")

  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB headers CONFIGURE_DEPENDS *.h)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|main)\\.cc$")

  if(sources)
    add_library(${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(lrti::${dotted} ALIAS ${name})
  target_sources(${name} ${scope} FILE_SET HEADERS BASE_DIRS "${CMAKE_SOURCE_DIR}" FILES ${headers})
  set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(${name} ${scope} ${ARG_DEPS})
  lrti_settings(${name} ${scope} "${ARG_TORCH}")
  if(ARG_COLD AND sources)
    lrti_quick_to_compile(${name})
  endif()

  if(ARG_PROGRAM)
    add_executable(${ARG_PROGRAM} main.cc)
    target_link_libraries(${ARG_PROGRAM} PRIVATE ${name})
    lrti_settings(${ARG_PROGRAM} PRIVATE "")
    lrti_quick_to_compile(${ARG_PROGRAM})
    set_target_properties(${ARG_PROGRAM} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
    install(TARGETS ${ARG_PROGRAM})
  endif()

  if(LRTI_FUZZ)
    lrti_fuzzers(${name} "${ARG_TORCH}")
  endif()

  if(tests AND BUILD_TESTING)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} ${ARG_TEST_DEPS} GTest::gmock GTest::gtest_main)
    lrti_settings(${name}_test PRIVATE "${ARG_TORCH}")
    if(ARG_TORCH)
      lrti_test_in_parts(${name}_test ${dotted} "${ARG_TEST_PARTS}")
    else()
      lrti_quick_to_compile(${name}_test)
      set(lock)
      if(ARG_TEST_LOCK)
        set(lock RESOURCE_LOCK ${ARG_TEST_LOCK})
      endif()
      gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
        PROPERTIES LABELS unit TIMEOUT 300 ENVIRONMENT OMP_NUM_THREADS=1 ${lock})
    endif()
  endif()
endfunction()

# For what is not hot: two thirds of the time to compile. LibTorch's precompiled header is of one level alone.
function(lrti_quick_to_compile target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
endfunction()

# The tests of a program as the ctest tests NAME, or NAME.1 to NAME.<parts>.
function(lrti_test_in_parts program name parts)
  if(NOT parts)
    set(parts 1)
  endif()
  foreach(part RANGE 1 ${parts})
    set(test ${name})
    if(parts GREATER 1)
      string(APPEND test .${part})
    endif()
    math(EXPR index "${part} - 1")
    lrti_slow_test(${test} unit 900 $<TARGET_FILE:${program}>)
    set_tests_properties(${test} PROPERTIES
      ENVIRONMENT "${LRTI_TEST_ENVIRONMENT};GTEST_TOTAL_SHARDS=${parts};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

# lrti_slow_test(name label timeout command...): a test that `make test` skips where nothing changed since it passed.
function(lrti_slow_test name label timeout)
  add_test(NAME ${name} COMMAND Python3::Interpreter "${CMAKE_SOURCE_DIR}/tests/unchanged.py"
    "${CMAKE_BINARY_DIR}/passed/${name}" ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout} SKIP_RETURN_CODE 77
    ENVIRONMENT "${LRTI_TEST_ENVIRONMENT}")
endfunction()

# The folder's *_fuzz.cc as programs, each of its own.
function(lrti_fuzzers library torch)
  file(GLOB fuzzers CONFIGURE_DEPENDS *_fuzz.cc)
  foreach(source ${fuzzers})
    get_filename_component(target "${source}" NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" subject "${target}")
    add_executable(${target} "${source}")
    target_link_libraries(${target} PRIVATE ${library})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    lrti_settings(${target} PRIVATE "${torch}")
    set_target_properties(${target} PROPERTIES
      OUTPUT_NAME ${subject} RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
    if(NOT TARGET fuzzers)
      add_custom_target(fuzzers)
    endif()
    add_dependencies(fuzzers ${target})
  endforeach()
endfunction()

# Warnings, include root and, with LibTorch, its precompiled header.
function(lrti_settings target scope torch)
  target_include_directories(${target} ${scope} "${CMAKE_SOURCE_DIR}")
  if(scope STREQUAL "INTERFACE")
    return()
  endif()
  target_link_libraries(${target} PRIVATE lrti_build)
  if(torch)
    target_link_libraries(${target} ${scope} lrti::torch)
    target_precompile_headers(${target} REUSE_FROM lrti_torch_pch)
  endif()
endfunction()
