# lrti_proto(path/to/name.proto): the library lrti::proto.name from a file below proto/, messages and gRPC services.
# Generated files are compiled without our warnings; only .cc files include them, as "lrti/v1/name.grpc.pb.h".
function(lrti_proto file)
  get_filename_component(name "${file}" NAME_WE)
  get_filename_component(folder "${file}" DIRECTORY)
  set(source_root "${CMAKE_SOURCE_DIR}/proto")
  set(generated_root "${CMAKE_BINARY_DIR}/proto")
  set(stem "${generated_root}/${folder}/${name}")
  file(MAKE_DIRECTORY "${generated_root}/${folder}")
  add_custom_command(
    OUTPUT "${stem}.pb.cc" "${stem}.pb.h" "${stem}.grpc.pb.cc" "${stem}.grpc.pb.h"
    COMMAND protobuf::protoc "--cpp_out=${generated_root}" "--grpc_out=${generated_root}"
      "--plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>" "-I${source_root}" "${source_root}/${file}"
    DEPENDS "${source_root}/${file}" VERBATIM)
  add_library(lrti_proto_${name} STATIC "${stem}.pb.cc" "${stem}.grpc.pb.cc")
  add_library(lrti::proto.${name} ALIAS lrti_proto_${name})
  target_include_directories(lrti_proto_${name} SYSTEM PUBLIC "${generated_root}")
  target_link_libraries(lrti_proto_${name} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  lrti_quick_to_compile(lrti_proto_${name})
  if(LRTI_SANITIZE)
    target_compile_options(lrti_proto_${name} PRIVATE -fsanitize=${LRTI_SANITIZE})
  endif()
endfunction()
