# One interface target, lrti_build, carries warnings and sanitizers for every target of ours.
add_library(lrti_build INTERFACE)
target_compile_options(lrti_build INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  -Wno-missing-field-initializers)  # designated initialisers name what differs from the default
if(LRTI_WERROR)
  target_compile_options(lrti_build INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(lrti_build INTERFACE -Wthread-safety)
else()
  # g++ 12 reports false "may be used uninitialized" inside std::variant and std::optional moves.
  target_compile_options(lrti_build INTERFACE -Wno-maybe-uninitialized)
endif()
if(LRTI_SANITIZE)
  target_compile_options(lrti_build INTERFACE -fsanitize=${LRTI_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(lrti_build INTERFACE -fsanitize=${LRTI_SANITIZE})
endif()
if(LRTI_SANITIZE MATCHES thread)
  # ThreadSanitizer does not see fences: g++ warns of each, and Asio has a way without.
  target_compile_definitions(lrti_build INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(lrti_build INTERFACE -Wno-tsan)
  endif()
endif()

# Presets that compile everything from nothing (release, asan, tsan) take a folder's files together, in under
# half of the time. So two files of a folder have no two different things of one name, hidden or not; dev, clang and fuzz
# compile each file alone.
if(CMAKE_UNITY_BUILD)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 10)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(lrti_build INTERFACE -Wno-subobject-linkage)  # takes an included .cc file for a header
  endif()
endif()

# ccache must be told that a precompiled header may be cached.
find_program(LRTI_CCACHE ccache)
if(LRTI_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${LRTI_CCACHE})
endif()

find_program(LRTI_MOLD mold)
if(LRTI_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Programs are compiled as libraries are, so that all can share one precompiled header.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE "-fPIC")
