#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/sha256.h"

namespace lrti::checkpoint {

/// Tensors by name.
using NamedTensors = std::map<std::string, at::Tensor>;

/// Writes a .safetensors file, atomically and without a second copy in memory:
///
///     header length (8 bytes, little-endian) | header (JSON, padded with spaces to 8) | data
///
/// The header gives each tensor's dtype, shape and place in the data; the data has no holes, wider
/// elements first, so that every tensor is aligned. Tensors of any device and stride are taken;
/// they are stored row-major. Equal tensors and metadata give equal files. Errors: InvalidArgument
/// for another dtype than F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL or a reserved name, naming the
/// tensor; as FileWriter.
absl::StatusOr<FileDigest> WriteSafetensors(
    const std::string& path, const NamedTensors& tensors,
    const std::map<std::string, std::string>& metadata = {});

/// What a reader allows; the bound on the header is the format's own.
struct SafetensorsLimits {
  uint64_t header_bytes_max = 100'000'000;
  uint64_t file_bytes_max = uint64_t{1} << 40;
};

struct Safetensors {
  NamedTensors tensors;  // on the CPU, contiguous
  std::map<std::string, std::string> metadata;
};

/// Reads a whole .safetensors file. Every length, offset and shape is checked against the file
/// before memory is taken for it.
/// Errors: as ReadFile; DataLoss naming the file and, where there is one, the tensor.
absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path,
                                            const SafetensorsLimits& limits = {});

}  // namespace lrti::checkpoint
