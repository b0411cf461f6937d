#include "train/checkpoint/manifest.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "common/base/status.h"

namespace lrti::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kFormat = 1;
constexpr size_t kGroupNameMax = 64;

bool IsSha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::StatusOr<FileDigest> ParseFile(const std::string& name, const Json& json) {
  // A name decides what is read: nothing outside the folder, nothing unknown.
  if (name != kConfigName && GroupOf(name).empty()) {
    return DataLoss("'{}' is not the name of a checkpoint's file", name);
  }
  if (!json.is_object() || !json.contains("bytes") || !json["bytes"].is_number_unsigned() ||
      !json.contains("sha256") || !json["sha256"].is_string() ||
      !IsSha256(json["sha256"].get<std::string>())) {
    return DataLoss("files: {} has no bytes and sha256", name);
  }
  return FileDigest{json["bytes"].get<uint64_t>(), json["sha256"].get<std::string>()};
}

absl::StatusOr<uint64_t> ParseHex(const Json& json) {
  const std::string text = json.is_string() ? json.get<std::string>() : "";
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) {
    return DataLoss("lineage is not 16 hex digits");
  }
  return value;
}

}  // namespace

bool IsGroupName(const std::string& group) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  return !group.empty() && group.size() <= kGroupNameMax &&
         group.find_first_not_of(kAllowed) == std::string::npos;
}

std::string GroupOf(const std::string& name) {
  const std::string suffix = kTensorsSuffix;
  if (!name.ends_with(suffix)) return "";
  std::string group = name.substr(0, name.size() - suffix.size());
  return IsGroupName(group) ? group : "";
}

std::string ManifestText(const Manifest& manifest) {
  Json files = Json::object();
  for (const auto& [name, digest] : manifest.files) {
    files[name] = {{"bytes", digest.bytes}, {"sha256", digest.sha256}};
  }
  const Json json = {
      {"format", kFormat},
      {"step", manifest.step},
      {"created", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", manifest.created, absl::UTCTimeZone())},
      // Text: 64 bits do not survive readers that keep numbers as doubles.
      {"lineage", fmt::format("{:016x}", manifest.lineage)},
      {"extra", manifest.extra},
      {"files", files},
  };
  return json.dump(2) + '\n';
}

absl::StatusOr<Manifest> ParseManifest(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return DataLoss("is not a JSON object");
  const std::vector<std::string> fields = {"format",  "step",  "created",
                                           "lineage", "extra", "files"};
  for (const std::string& field : fields) {
    if (!json.contains(field)) return DataLoss("has no '{}'", field);
  }
  if (!json["format"].is_number_integer()) return DataLoss("format is not a number");
  if (json["format"].get<int64_t>() != kFormat) {
    return InvalidArgument("has format {}; this program reads format {}",
                           json["format"].get<int64_t>(), kFormat);
  }
  Manifest manifest;
  if (!json["step"].is_number_unsigned() || json["step"].get<uint64_t>() > INT64_MAX) {
    return DataLoss("step is not a number of steps");
  }
  manifest.step = json["step"].get<int64_t>();
  std::string error;
  if (!json["created"].is_string() ||
      !absl::ParseTime(absl::RFC3339_full, json["created"].get<std::string>(), &manifest.created,
                       &error)) {
    return DataLoss("created is not a time");
  }
  LRTI_ASSIGN_OR_RETURN(manifest.lineage, ParseHex(json["lineage"]));
  if (!json["extra"].is_object()) return DataLoss("extra is not an object");
  manifest.extra = json["extra"];
  if (!json["files"].is_object()) return DataLoss("files is not an object");
  for (const auto& [name, file] : json["files"].items()) {
    LRTI_ASSIGN_OR_RETURN(manifest.files[name], ParseFile(name, file));
  }
  if (!manifest.files.contains(kConfigName)) return DataLoss("does not name {}", kConfigName);
  return manifest;
}

}  // namespace lrti::checkpoint
