#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "train/formats/dtype.h"

namespace lrti::formats {

/// One tensor's entry in the header of a .safetensors file.
struct TensorEntry {
  std::string name;
  Dtype dtype = Dtype::kFloat;
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

/// The header as JSON, padded with spaces to a multiple of 8 bytes.
/// REQUIRES: names and metadata in UTF-8.
std::string HeaderText(const SafetensorsHeader& header);

/// Reads the header of a file with `data_bytes` bytes of data. The entries cover the data in order,
/// without holes or overlaps. Errors: DataLoss naming the tensor (not the file).
absl::StatusOr<SafetensorsHeader> ParseHeader(const std::string& text, uint64_t data_bytes);

}  // namespace lrti::formats
