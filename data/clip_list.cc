#include "data/clip_list.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/config/text.h"
#include "data/image_file.h"
#include "data/limits.h"
#include "data/natural_order.h"

namespace lrti::data {
namespace {

namespace fs = std::filesystem;

/// The endings by which a folder's files are known to be clips. A single file may have any.
bool HasVideoName(const fs::path& path) {
  constexpr std::array<std::string_view, 17> kEndings = {
      ".mp4",  ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts",
      ".m2ts", ".mts", ".wmv", ".flv", ".ogv",  ".y4m", ".nut", ".mxf"};
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

/// The last component, also of "frames/"; the folder's true name for ".".
std::string FolderName(const std::string& path) {
  std::error_code error;
  fs::path full = fs::weakly_canonical(path, error);
  if (error) full = fs::path(path);
  if (!full.has_filename()) full = full.parent_path();
  return full.filename().string();
}

struct Contents {
  bool images = false;
  std::vector<ClipPath> clips;  // unsorted
};

absl::StatusOr<Contents> LookInto(const std::string& folder) {
  Contents contents;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    if (path.filename().string().starts_with(".")) continue;
    std::error_code ignored;  // a dangling link is neither folder nor file
    const bool is_folder = it->is_directory(ignored);
    const bool is_file = it->is_regular_file(ignored);
    contents.images = contents.images || (is_file && HasImageName(path.string()));
    if (is_folder) contents.clips.push_back({path.filename().string(), path.string(), ""});
    if (is_file && HasVideoName(path)) {
      contents.clips.push_back({path.stem().string(), path.string(), ""});
    }
    if (static_cast<int64_t>(contents.clips.size()) > kClipsMax) {
      return InvalidArgument("{}: more than {} clips", folder, kClipsMax);
    }
  }
  if (error) return Error(absl::StatusCode::kUnavailable, "{}: {}", folder, error.message());
  return contents;
}

absl::StatusOr<std::vector<ClipPath>> SortedClips(const std::string& folder, Contents contents) {
  std::vector<ClipPath>& clips = contents.clips;
  if (clips.empty()) {
    return InvalidArgument("{}: no images, no video files and no folders in it", folder);
  }
  std::sort(clips.begin(), clips.end(),
            [](const ClipPath& a, const ClipPath& b) { return NaturalLess(a.name, b.name); });
  const auto twin =
      std::adjacent_find(clips.begin(), clips.end(),
                         [](const ClipPath& a, const ClipPath& b) { return a.name == b.name; });
  if (twin != clips.end()) {
    return InvalidArgument("{} and {} would both be clip '{}'; rename one", twin->hr,
                           std::next(twin)->hr, twin->name);
  }
  return clips;
}

/// All clips at the path, without filter and LR side.
absl::StatusOr<std::vector<ClipPath>> ListAll(const job::Source& source) {
  const std::string& path = source.path;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    return Error(absl::StatusCode::kNotFound, "{}: no such file or folder", path);
  }
  if (!fs::is_directory(status)) {
    if (source.layout == job::Layout::kAuto || source.layout == job::Layout::kVideo) {
      return std::vector{ClipPath{fs::path(path).stem().string(), path, ""}};
    }
    return InvalidArgument("{}: a file, but its layout asks for a folder; use layout: video", path);
  }
  if (source.layout == job::Layout::kVideo) {
    return InvalidArgument("{}: a folder, but layout: video asks for a file", path);
  }
  LRTI_ASSIGN_OR_RETURN(Contents contents, LookInto(path));
  const bool is_clip = source.layout == job::Layout::kFrames ||
                       (source.layout == job::Layout::kAuto && contents.images);
  if (is_clip) return std::vector{ClipPath{FolderName(path), path, ""}};
  return SortedClips(path, std::move(contents));
}

/// `did you mean '011'? known: 000, 001, 002, ... (266 in all)`
std::string KnownNames(const std::string& name, const std::vector<std::string>& known) {
  constexpr size_t kShown = 8;
  if (known.size() <= kShown) return config::Suggest(name, known);
  const std::string nearest = config::Nearest(name, known);
  const std::vector<std::string> first(known.begin(), known.begin() + kShown);
  return fmt::format("{}known: {}, ... ({} in all)",
                     nearest.empty() ? "" : fmt::format("did you mean '{}'? ", nearest),
                     absl::StrJoin(first, ", "), known.size());
}

absl::Status CheckNames(const std::vector<std::string>& wanted, const std::vector<ClipPath>& clips,
                        const std::string& path) {
  std::vector<std::string> known;
  for (const ClipPath& clip : clips) known.push_back(clip.name);
  for (const std::string& name : wanted) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return InvalidArgument("{}: no clip is named '{}'; {}", path, name, KnownNames(name, known));
  }
  return absl::OkStatus();
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

absl::StatusOr<std::vector<ClipPath>> Filtered(const job::Source& source,
                                               std::vector<ClipPath> clips) {
  LRTI_RETURN_IF_ERROR(CheckNames(source.clips, clips, source.path));
  LRTI_RETURN_IF_ERROR(CheckNames(source.exclude, clips, source.path));
  std::erase_if(clips, [&](const ClipPath& clip) {
    const bool chosen = source.clips.empty() || Contains(source.clips, clip.name);
    return !chosen || Contains(source.exclude, clip.name);
  });
  if (clips.empty()) {
    return InvalidArgument("{}: no clip is left after clips and exclude", source.path);
  }
  return clips;
}

/// Finds the LR side of each clip: the same tree, where a video may have another ending.
absl::Status AddLr(const job::Source& source, std::vector<ClipPath>& clips) {
  const bool is_single = clips.size() == 1 && clips.front().hr == source.path;
  if (is_single) {
    clips.front().lr = source.lr_path;
    return absl::OkStatus();
  }
  std::error_code ignored;  // a folder that cannot be looked at is none
  if (!fs::is_directory(source.lr_path, ignored)) {
    return Error(absl::StatusCode::kNotFound, "lr_path {}: no such folder", source.lr_path);
  }
  LRTI_ASSIGN_OR_RETURN(const Contents contents, LookInto(source.lr_path));
  std::map<std::string, std::string> paths;
  for (const ClipPath& clip : contents.clips) paths[clip.name] = clip.hr;
  for (ClipPath& clip : clips) {
    const auto found = paths.find(clip.name);
    if (found == paths.end()) {
      return Error(absl::StatusCode::kNotFound, "lr_path {}: clip '{}' of {} is missing there",
                   source.lr_path, clip.name, source.path);
    }
    clip.lr = found->second;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ClipPath>> ListClips(const job::Source& source) {
  LRTI_ASSIGN_OR_RETURN(std::vector<ClipPath> all, ListAll(source));
  LRTI_ASSIGN_OR_RETURN(std::vector<ClipPath> clips, Filtered(source, std::move(all)));
  if (!source.lr_path.empty()) LRTI_RETURN_IF_ERROR(AddLr(source, clips));
  return clips;
}

job::Source WithPartition(const job::TrainData& data) {
  job::Source source = data.source;
  if (data.partition != job::Partition::kReds4) return source;
  const absl::StatusOr<std::vector<ClipPath>> all = ListAll(source);
  if (!all.ok()) return source;  // Dataset::Open will meet the same error, and can return it
  for (const ClipPath& clip : *all) {
    const bool held_out = Contains({"000", "011", "015", "020"}, clip.name);
    if (held_out && !Contains(source.exclude, clip.name)) source.exclude.push_back(clip.name);
  }
  return source;
}

}  // namespace lrti::data
