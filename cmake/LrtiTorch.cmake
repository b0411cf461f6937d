# lrti::torch, made by hand from the files of an unpacked LibTorch or a `torch` wheel, CPU or CUDA.
# find_package(Torch) would force CUDA flags, an empty protobuf target and dead library paths on us.
#
# Searched in this order: -DLRTI_TORCH_ROOT, TORCH_DIR in the environment, CMAKE_PREFIX_PATH, .venv.
set(LRTI_TORCH_ROOT "" CACHE PATH "Folder of LibTorch (holds lib/ and include/), or of the torch wheel")

# What an earlier run found itself gives way to TORCH_DIR; what -DLRTI_TORCH_ROOT named does not.
if(NOT "$ENV{TORCH_DIR}" STREQUAL "" AND LRTI_TORCH_ROOT STREQUAL "${LRTI_TORCH_FOUND}")
  set(LRTI_TORCH_ROOT "" CACHE PATH "" FORCE)
endif()
if(NOT LRTI_TORCH_ROOT)
  file(GLOB venv_torch "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
  foreach(root "$ENV{TORCH_DIR}" ${CMAKE_PREFIX_PATH} ${venv_torch})
    foreach(candidate "${root}" "${root}/torch" "${root}/../../..")  # ../../..: share/cmake/Torch
      if(NOT LRTI_TORCH_ROOT AND EXISTS "${candidate}/lib/libtorch_cpu.so")
        get_filename_component(found "${candidate}" REALPATH)
        set(LRTI_TORCH_ROOT "${found}" CACHE PATH "" FORCE)
        if(LRTI_TORCH_FOUND AND NOT "${found}" STREQUAL "${LRTI_TORCH_FOUND}")  # these were the other one's
          foreach(old LRTI_CUDA_INCLUDE LRTI_CUDART LRTI_NCCL_INCLUDE)
            unset(${old} CACHE)
          endforeach()
        endif()
        set(LRTI_TORCH_FOUND "${found}" CACHE INTERNAL "LRTI_TORCH_ROOT as it was found here")
      endif()
    endforeach()
  endforeach()
endif()
if(NOT EXISTS "${LRTI_TORCH_ROOT}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch was not found (looked at '${LRTI_TORCH_ROOT}', TORCH_DIR, "
    "CMAKE_PREFIX_PATH and .venv). Run tools/setup, or name it: TORCH_DIR=/path/to/site-packages/torch")
endif()

add_library(lrti_torch INTERFACE)
add_library(lrti::torch ALIAS lrti_torch)
set(torch_libraries torch torch_cpu c10)

if(EXISTS "${LRTI_TORCH_ROOT}/lib/libtorch_cuda.so")
  list(PREPEND torch_libraries torch_cuda c10_cuda)
  set(cuda_homes "$ENV{CUDA_HOME}" "${LRTI_TORCH_ROOT}/../nvidia/cu13"
    "${LRTI_TORCH_ROOT}/../nvidia/cuda_runtime" /usr/local/cuda)
  find_path(LRTI_CUDA_INCLUDE cuda_runtime.h REQUIRED NO_DEFAULT_PATH PATHS ${cuda_homes}
    PATH_SUFFIXES include)
  find_file(LRTI_CUDART NAMES libcudart.so libcudart.so.13 libcudart.so.12 REQUIRED NO_DEFAULT_PATH
    PATHS ${cuda_homes} PATH_SUFFIXES lib64 lib)
  target_include_directories(lrti_torch SYSTEM INTERFACE "${LRTI_CUDA_INCLUDE}")
  target_link_libraries(lrti_torch INTERFACE "${LRTI_CUDART}")
  target_compile_definitions(lrti_torch INTERFACE LRTI_CUDA=1)
  # The NVIDIA libraries behind libtorch_cuda.so need not be installed to link.
  target_link_options(lrti_torch INTERFACE LINKER:--allow-shlib-undefined)
endif()

foreach(library ${torch_libraries})
  add_library(lrti_torch_${library} SHARED IMPORTED)
  set_target_properties(lrti_torch_${library} PROPERTIES
    IMPORTED_LOCATION "${LRTI_TORCH_ROOT}/lib/lib${library}.so")
  target_link_libraries(lrti_torch INTERFACE lrti_torch_${library})
endforeach()
target_link_options(lrti_torch INTERFACE LINKER:--no-as-needed)  # libtorch_cuda registers statically
target_include_directories(lrti_torch SYSTEM INTERFACE "${LRTI_TORCH_ROOT}/include"
  "${LRTI_TORCH_ROOT}/include/torch/csrc/api/include")
# The wheel brings its own fmt headers, another version than the system's library.
target_compile_definitions(lrti_torch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO FMT_HEADER_ONLY=1)
message(STATUS "LibTorch: ${LRTI_TORCH_ROOT}")

file(WRITE "${CMAKE_BINARY_DIR}/lrti_torch_pch.cc" "// Owner of the precompiled header.\n")
add_library(lrti_torch_pch STATIC "${CMAKE_BINARY_DIR}/lrti_torch_pch.cc")
target_link_libraries(lrti_torch_pch PRIVATE lrti_build lrti::torch)
target_precompile_headers(lrti_torch_pch PRIVATE <torch/torch.h>)
