#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/sha256.h"
#include "nlohmann/json.hpp"

namespace lrti::checkpoint {

inline constexpr const char* kManifestName = "manifest.json";
inline constexpr const char* kConfigName = "config.yaml";
inline constexpr const char* kTensorsSuffix = ".safetensors";

/// What a checkpoint's manifest.json says.
struct Manifest {
  int64_t step = 0;
  absl::Time created;
  uint64_t lineage = 0;
  nlohmann::ordered_json extra = nlohmann::ordered_json::object();
  std::map<std::string, FileDigest> files;
};

/// Whether `group` may name a file of tensors: 1 to 64 of [a-z0-9_-].
bool IsGroupName(const std::string& group);

/// The group whose file `name` is; empty for any other file.
std::string GroupOf(const std::string& name);

std::string ManifestText(const Manifest& manifest);

/// Errors: DataLoss naming what is wrong (not the file); InvalidArgument for a newer format.
absl::StatusOr<Manifest> ParseManifest(const std::string& text);

}  // namespace lrti::checkpoint
