#include "cli/ctl/runs/checkpoints.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "nlohmann/json.hpp"

namespace lrti::ctl {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPrefix = "step-";
constexpr uint64_t kManifestBytesMax = uint64_t{64} << 20;

struct Manifest {
  int64_t step = 0;
  std::string created;
  std::vector<std::pair<std::string, FileDigest>> files;
};

// The step that a folder is named for; -1 for another name.
int64_t StepOf(const std::string& name) {
  int64_t step = -1;
  if (!name.starts_with(kPrefix)) return -1;
  const char* const end = name.data() + name.size();
  const auto [last, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return error == std::errc() && last == end ? step : -1;
}

absl::StatusOr<Manifest> ReadManifest(const std::string& path) {
  const std::string file = JoinPath(path, "manifest.json");
  const absl::StatusOr<std::string> text = ReadFile(file, kManifestBytesMax);
  if (!text.ok()) return DataLoss("{}", Message(text.status()));
  Manifest manifest;
  try {
    const Json json = Json::parse(*text);
    manifest.step = json.at("step").get<int64_t>();
    manifest.created = json.at("created").get<std::string>();
    for (const auto& [name, digest] : json.at("files").items()) {
      // A name decides what is read: nothing outside the folder.
      if (name.empty() || name.find('/') != std::string::npos || name.front() == '.') {
        return DataLoss("{}: '{}' is no name of a checkpoint's file", file, name);
      }
      manifest.files.emplace_back(name, FileDigest{digest.at("bytes").get<uint64_t>(),
                                                   digest.at("sha256").get<std::string>()});
    }
  } catch (const Json::exception& error) {
    return DataLoss("{}: {}", file, error.what());
  }
  return manifest;
}

absl::Status CheckSize(const std::string& path, const std::string& name, uint64_t wanted) {
  struct stat about {};
  if (::stat(JoinPath(path, name).c_str(), &about) != 0) {
    return DataLoss("{}: {} is missing, the manifest names it", path, name);
  }
  if (static_cast<uint64_t>(about.st_size) == wanted) return absl::OkStatus();
  return DataLoss("{}: {} has {} bytes, the manifest says {}", path, name, about.st_size, wanted);
}

CheckpointInfo Describe(const std::string& path, int64_t step) {
  CheckpointInfo info{.step = step, .path = path, .created = "", .bytes = 0, .state = {}};
  const absl::StatusOr<Manifest> manifest = ReadManifest(path);
  info.state = manifest.status();
  if (!manifest.ok()) return info;
  info.created = manifest->created;
  if (manifest->step != step) {
    info.state = DataLoss("{}: its manifest is of step {}", path, manifest->step);
  }
  for (const auto& [name, digest] : manifest->files) {
    info.bytes += digest.bytes;
    if (info.state.ok()) info.state = CheckSize(path, name, digest.bytes);
  }
  return info;
}

}  // namespace

absl::StatusOr<std::vector<CheckpointInfo>> ListCheckpoints(const std::string& run) {
  LRTI_RETURN_IF_ERROR(ListFolder(run).status());
  const std::string root = JoinPath(run, "checkpoints");
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(root);
  std::vector<CheckpointInfo> checkpoints;
  if (absl::IsNotFound(names.status())) return checkpoints;
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const int64_t step = StepOf(name);
    if (step >= 0) checkpoints.push_back(Describe(JoinPath(root, name), step));
  }
  std::sort(checkpoints.begin(), checkpoints.end(),
            [](const auto& a, const auto& b) { return a.step < b.step; });
  return checkpoints;
}

absl::Status VerifyCheckpoint(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(path));
  for (const auto& [name, wanted] : manifest.files) {
    LRTI_RETURN_IF_ERROR(CheckSize(path, name, wanted.bytes));
    LRTI_ASSIGN_OR_RETURN(const FileDigest found, DigestFile(JoinPath(path, name)));
    if (found == wanted) continue;
    return DataLoss("{}: {} was altered: its sha256 is {}, the manifest says {}", path, name,
                    found.sha256, wanted.sha256);
  }
  return absl::OkStatus();
}

std::vector<CheckpointInfo> Superfluous(const std::vector<CheckpointInfo>& checkpoints,
                                        size_t keep) {
  LRTI_CHECK(keep >= 1);
  const auto newest_whole =
      std::find_if(checkpoints.rbegin(), checkpoints.rend(),
                   [](const CheckpointInfo& info) { return info.state.ok(); });
  std::vector<CheckpointInfo> old;
  for (size_t i = 0; i + keep < checkpoints.size(); ++i) {
    const bool needed =
        newest_whole != checkpoints.rend() && checkpoints[i].step == newest_whole->step;
    if (!needed) old.push_back(checkpoints[i]);
  }
  return old;
}

}  // namespace lrti::ctl
