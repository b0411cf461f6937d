#include "train/checkpoint/checkpoint.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "common/base/check.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "train/checkpoint/manifest.h"
#include "train/checkpoint/publish.h"

namespace lrti::checkpoint {
namespace {

constexpr const char* kPrefix = "step-";
constexpr const char* kTemporaryPrefix = ".tmp-";
constexpr uint64_t kTextBytesMax = uint64_t{64} << 20;  // of manifest.json and of config.yaml

std::string FolderName(int64_t step) { return fmt::format("{}{:08d}", kPrefix, step); }

std::string TemporaryPath(const std::string& root, const std::string& name) {
  return JoinPath(root, fmt::format("{}{}.{}", kTemporaryPrefix, name, ::getpid()));
}

// The step that a folder is named for; -1 for any other name.
int64_t StepOf(const std::string& name) {
  const std::string prefix = kPrefix;
  if (!name.starts_with(prefix)) return -1;
  int64_t step = -1;
  const char* last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), last, step);
  if (error != std::errc() || end != last || step < 0) return -1;
  return name == FolderName(step) ? step : -1;
}

absl::StatusOr<FileDigest> WriteText(const std::string& path, const std::string& text) {
  LRTI_ASSIGN_OR_RETURN(FileWriter writer, FileWriter::CreateAtomic(path));
  LRTI_RETURN_IF_ERROR(writer.Write(text));
  return writer.Finish();
}

// Writes all files into `folder`; gives their size in total.
absl::StatusOr<uint64_t> WriteFiles(const std::string& folder, const Snapshot& snapshot,
                                    absl::Time now) {
  Manifest manifest{snapshot.step, now, snapshot.lineage, snapshot.extra, {}};
  for (const auto& [group, tensors] : snapshot.groups) {
    const std::string name = group + kTensorsSuffix;
    LRTI_ASSIGN_OR_RETURN(manifest.files[name],
                          WriteSafetensors(JoinPath(folder, name), tensors, {{"format", "pt"}}));
  }
  LRTI_ASSIGN_OR_RETURN(manifest.files[kConfigName],
                        WriteText(JoinPath(folder, kConfigName), snapshot.config));
  LRTI_ASSIGN_OR_RETURN(const FileDigest own,
                        WriteText(JoinPath(folder, kManifestName), ManifestText(manifest)));
  uint64_t bytes = own.bytes;
  for (const auto& [name, digest] : manifest.files) bytes += digest.bytes;
  return bytes;
}

absl::StatusOr<Info> WriteUnder(const std::string& temporary, const std::string& path,
                                const Snapshot& snapshot, absl::Time now) {
  LRTI_RETURN_IF_ERROR(RemoveAll(temporary));
  LRTI_RETURN_IF_ERROR(MakeFolders(temporary));
  LRTI_ASSIGN_OR_RETURN(const uint64_t bytes, WriteFiles(temporary, snapshot, now));
  LRTI_RETURN_IF_ERROR(SyncFolder(temporary));
  LRTI_RETURN_IF_ERROR(Publish(temporary, path));
  return Info{path, snapshot.step, bytes};
}

absl::StatusOr<Manifest> ReadManifest(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(JoinPath(path, kManifestName), kTextBytesMax);
  if (!text.ok() && text.status().code() == absl::StatusCode::kNotFound &&
      ::access(path.c_str(), F_OK) == 0) {
    return DataLoss("{}: {} is missing: this is no finished checkpoint", path, kManifestName);
  }
  if (!text.ok()) return text.status();
  absl::StatusOr<Manifest> manifest = ParseManifest(*text);
  if (!manifest.ok()) return Prefixed(manifest.status(), JoinPath(path, kManifestName));
  return manifest;
}

absl::Status VerifyFile(const std::string& path, const std::string& name,
                        const FileDigest& wanted) {
  absl::StatusOr<FileDigest> found = DigestFile(JoinPath(path, name));
  if (!found.ok() && found.status().code() == absl::StatusCode::kNotFound) {
    return DataLoss("{}: altered or torn: {} is missing, manifest names it", path, name);
  }
  if (!found.ok()) return found.status();
  if (found->bytes != wanted.bytes) {
    return DataLoss("{}: altered or torn: {} has {} bytes, manifest says {}", path, name,
                    found->bytes, wanted.bytes);
  }
  if (found->sha256 != wanted.sha256) {
    return DataLoss("{}: altered or torn: {} has sha256 {}, manifest says {}", path, name,
                    found->sha256, wanted.sha256);
  }
  return absl::OkStatus();
}

absl::StatusOr<Manifest> ReadVerified(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(path));
  for (const auto& [name, digest] : manifest.files) {
    LRTI_RETURN_IF_ERROR(VerifyFile(path, name, digest));
  }
  return manifest;
}

// A folder goes by way of a temporary name: a crash halfway must not leave a torn checkpoint.
absl::Status Delete(const std::string& root, const Entry& entry) {
  const std::string temporary = TemporaryPath(root, "delete-" + FolderName(entry.step));
  LRTI_RETURN_IF_ERROR(RemoveAll(temporary));
  LRTI_RETURN_IF_ERROR(Rename(entry.path, temporary));
  return RemoveAll(temporary);
}

}  // namespace

absl::StatusOr<Info> WriteCheckpoint(const std::string& root, const Snapshot& snapshot,
                                     absl::Time now) {
  LRTI_CHECK(snapshot.step >= 0);
  for (const auto& [group, tensors] : snapshot.groups) {
    if (!IsGroupName(group)) {
      return InvalidArgument("{}: '{}' cannot name a group of tensors; use [a-z0-9_-]", root,
                             group);
    }
  }
  LRTI_RETURN_IF_ERROR(MakeFolders(root));
  const std::string name = FolderName(snapshot.step);
  const std::string temporary = TemporaryPath(root, name);
  absl::StatusOr<Info> info = WriteUnder(temporary, JoinPath(root, name), snapshot, now);
  // What is left under the temporary name: a failed attempt, or the checkpoint that was replaced.
  const absl::Status cleared = RemoveAll(temporary);
  if (!info.ok()) return info;
  LRTI_RETURN_IF_ERROR(cleared);
  LRTI_RETURN_IF_ERROR(SyncFolder(root));
  return info;
}

absl::StatusOr<Snapshot> ReadCheckpoint(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(Manifest manifest, ReadVerified(path));
  Snapshot snapshot{manifest.step, manifest.lineage, std::move(manifest.extra), {}, {}};
  LRTI_ASSIGN_OR_RETURN(snapshot.config, ReadFile(JoinPath(path, kConfigName), kTextBytesMax));
  for (const auto& [name, digest] : manifest.files) {
    if (name == kConfigName) continue;
    LRTI_ASSIGN_OR_RETURN(Safetensors file, ReadSafetensors(JoinPath(path, name)));
    snapshot.groups.emplace(GroupOf(name), std::move(file.tensors));
  }
  return snapshot;
}

absl::StatusOr<Info> VerifyCheckpoint(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const Manifest manifest, ReadVerified(path));
  Info info{path, manifest.step, 0};
  for (const auto& [name, digest] : manifest.files) info.bytes += digest.bytes;
  return info;
}

absl::StatusOr<std::vector<Entry>> ListCheckpoints(const std::string& root) {
  absl::StatusOr<std::vector<std::string>> names = ListFolder(root);
  if (!names.ok() && names.status().code() == absl::StatusCode::kNotFound) {
    return std::vector<Entry>();
  }
  if (!names.ok()) return names.status();
  std::vector<Entry> entries;
  for (const std::string& name : *names) {
    if (const int64_t step = StepOf(name); step >= 0)
      entries.push_back({step, JoinPath(root, name)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.step < b.step; });
  return entries;
}

absl::StatusOr<Found> FindNewest(const std::string& root, const OnBad& on_bad) {
  LRTI_ASSIGN_OR_RETURN(std::vector<Entry> entries, ListCheckpoints(root));
  std::reverse(entries.begin(), entries.end());
  for (const Entry& entry : entries) {
    absl::StatusOr<Snapshot> snapshot = ReadCheckpoint(entry.path);
    if (snapshot.ok() && snapshot->step != entry.step) {
      snapshot = DataLoss("{}: altered: its manifest is of step {}", entry.path, snapshot->step);
    }
    if (snapshot.ok()) return Found{entry.path, *std::move(snapshot)};
    on_bad(entry.path, snapshot.status());
  }
  return Error(absl::StatusCode::kNotFound, "{}: no checkpoint to go on from ({} damaged)", root,
               entries.size());
}

absl::Status Prune(const std::string& root, int64_t keep) {
  LRTI_CHECK(keep >= 1);
  LRTI_ASSIGN_OR_RETURN(std::vector<Entry> entries, ListCheckpoints(root));
  std::reverse(entries.begin(), entries.end());
  const auto kept = static_cast<size_t>(keep);
  bool whole = false;  // whether one that stays is known to be whole
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool needed = !whole && VerifyCheckpoint(entries[i].path).ok();
    whole = whole || needed;
    if (i >= kept && !needed) LRTI_RETURN_IF_ERROR(Delete(root, entries[i]));
  }
  return absl::OkStatus();
}

absl::Status RemoveLeftovers(const std::string& root) {
  absl::StatusOr<std::vector<std::string>> names = ListFolder(root);
  if (!names.ok() && names.status().code() == absl::StatusCode::kNotFound) return absl::OkStatus();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (name.starts_with(kTemporaryPrefix)) LRTI_RETURN_IF_ERROR(RemoveAll(JoinPath(root, name)));
  }
  return absl::OkStatus();
}

}  // namespace lrti::checkpoint
