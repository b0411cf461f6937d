#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::checkpoint {

/// One tensor's entry in the header of a .safetensors file.
struct TensorEntry {
  std::string name;
  c10::ScalarType dtype = c10::ScalarType::Float;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // of its bytes in the data
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<TensorEntry> entries;  // in the order of the data
  std::map<std::string, std::string> metadata;
};

/// The name that the format keeps for the map of texts.
inline constexpr const char* kMetadataName = "__metadata__";

/// The format's word for a dtype, such as BF16. Errors: InvalidArgument.
absl::StatusOr<std::string> DtypeName(c10::ScalarType dtype);

/// The header as JSON, padded with spaces to a multiple of 8 bytes.
/// REQUIRES: dtypes that DtypeName knows.
std::string HeaderText(const SafetensorsHeader& header);

/// Reads the header of a file with `data_bytes` bytes of data. The entries cover the data in order,
/// without holes or overlaps. Errors: DataLoss naming the tensor (not the file).
absl::StatusOr<SafetensorsHeader> ParseHeader(const std::string& text, uint64_t data_bytes);

}  // namespace lrti::checkpoint
