#include "train/formats/safetensors_header.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"
#include "nlohmann/json.hpp"

namespace lrti::formats {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr size_t kDimensionsMax = 64;
constexpr int kDepthMax = 3;  // {"name": {"shape": [..]}}

// Parses an object; says why not. A name that occurs twice would hide a tensor, and deep nesting
// would cost memory: both are refused while parsing.
absl::StatusOr<Json> ParseObject(const std::string& text) {
  std::set<std::string> names;
  std::string twice;
  bool deep = false;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 &&
        !names.insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    deep = deep || depth > kDepthMax;
    return depth <= kDepthMax;
  };
  Json header = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (deep || header.is_discarded() || !header.is_object()) {
    return DataLoss("the header is not the JSON object that it should be");
  }
  if (!twice.empty()) return DataLoss("tensor '{}' occurs twice in the header", twice);
  return header;
}

absl::StatusOr<std::map<std::string, std::string>> ParseMetadata(const Json& json) {
  if (!json.is_object()) return DataLoss("{} is not a map of texts", kMetadataName);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) return DataLoss("{}: '{}' is not a text", kMetadataName, key);
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

absl::StatusOr<Dtype> ParseDtype(const Json& json) {
  const std::string name = json.is_string() ? json.get<std::string>() : json.dump().substr(0, 40);
  if (const std::optional<Dtype> dtype = FromSafetensorsName(name)) return *dtype;
  return DataLoss("dtype {} is not known", name);
}

// Also gives the number of bytes that shape and dtype say.
absl::StatusOr<uint64_t> ParseShape(const Json& json, TensorEntry& entry) {
  if (!json.is_array() || json.size() > kDimensionsMax) {
    return DataLoss("shape is not a list of at most {} sizes", kDimensionsMax);
  }
  auto bytes = static_cast<uint64_t>(BytesOf(entry.dtype));
  for (const Json& size : json) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > INT64_MAX) {
      return DataLoss("shape holds {}, which is no size", size.dump().substr(0, 40));
    }
    if (__builtin_mul_overflow(bytes, size.get<uint64_t>(), &bytes) || bytes > INT64_MAX) {
      return DataLoss("shape is larger than any memory");
    }
    entry.shape.push_back(size.get<int64_t>());
  }
  return bytes;
}

absl::StatusOr<TensorEntry> ParseEntry(const std::string& name, const Json& json) {
  TensorEntry entry;
  entry.name = name;
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") ||
      !json.contains("data_offsets")) {
    return DataLoss("its entry is not {{dtype, shape, data_offsets}}");
  }
  LRTI_ASSIGN_OR_RETURN(entry.dtype, ParseDtype(json["dtype"]));
  LRTI_ASSIGN_OR_RETURN(const uint64_t bytes, ParseShape(json["shape"], entry));
  const Json& offsets = json["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    return DataLoss("data_offsets are not two offsets");
  }
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
    return DataLoss("data_offsets [{}, {}] do not hold the {} bytes of its shape", entry.begin,
                    entry.end, bytes);
  }
  return entry;
}

// Sorts the entries into the order of the data and holds them to cover it exactly.
absl::Status Arrange(std::vector<TensorEntry>& entries, uint64_t data_bytes) {
  std::stable_sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t covered = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.end > data_bytes) {
      return DataLoss("tensor '{}': ends at byte {} of {} bytes of data: the file is cut short",
                      entry.name, entry.end, data_bytes);
    }
    if (entry.begin != covered) {
      return DataLoss("tensor '{}': begins at byte {}, but the one before ends at {}", entry.name,
                      entry.begin, covered);
    }
    covered = entry.end;
  }
  if (covered != data_bytes) {
    return DataLoss("the tensors end at byte {} of {} bytes of data", covered, data_bytes);
  }
  return absl::OkStatus();
}

}  // namespace

std::string HeaderText(const SafetensorsHeader& header) {
  OrderedJson json = OrderedJson::object();
  if (!header.metadata.empty()) json[kMetadataName] = header.metadata;
  for (const TensorEntry& entry : header.entries) {
    json[entry.name] = {{"dtype", SafetensorsName(entry.dtype)},
                        {"shape", entry.shape},
                        {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string text = json.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

absl::StatusOr<SafetensorsHeader> ParseHeader(const std::string& text, uint64_t data_bytes) {
  LRTI_ASSIGN_OR_RETURN(const Json json, ParseObject(text));
  SafetensorsHeader header;
  for (const auto& [name, value] : json.items()) {
    if (name == kMetadataName) {
      LRTI_ASSIGN_OR_RETURN(header.metadata, ParseMetadata(value));
      continue;
    }
    absl::StatusOr<TensorEntry> entry = ParseEntry(name, value);
    if (!entry.ok()) return Prefixed(entry.status(), fmt::format("tensor '{}'", name));
    header.entries.push_back(*std::move(entry));
  }
  LRTI_RETURN_IF_ERROR(Arrange(header.entries, data_bytes));
  return header;
}

}  // namespace lrti::formats
