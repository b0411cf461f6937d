#include "data/frame_list.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "common/base/status.h"
#include "data/image_file.h"
#include "data/limits.h"
#include "data/natural_order.h"

namespace lrti::data {
namespace {

namespace fs = std::filesystem;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// A name in turns of text and digits, text first: "im_07x4" is {"im_", "07", "x", "4"}.
std::vector<std::string> Parts(const std::string& name) {
  std::vector<std::string> parts{""};
  bool digits = false;
  for (const char c : name) {
    if (IsDigit(c) != digits) {
      parts.emplace_back();
      digits = !digits;
    }
    parts.back().push_back(c);
  }
  return parts;
}

std::string Stem(const std::string& path) { return fs::path(path).stem().string(); }

/// Which part of the names counts the frames: the only one that changes, if it is a number.
std::optional<size_t> CountingPart(const std::vector<std::vector<std::string>>& names) {
  std::optional<size_t> counting;
  for (const std::vector<std::string>& name : names) {
    if (name.size() != names.front().size()) return std::nullopt;
    for (size_t i = 0; i < name.size(); ++i) {
      if (name[i] == names.front()[i]) continue;
      if (i % 2 == 0 || (counting.has_value() && *counting != i)) return std::nullopt;
      counting = i;
    }
  }
  return counting;
}

std::optional<int64_t> ToNumber(const std::string& digits) {
  int64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

/// Numbers of the frames, or nothing where the names do not count.
std::vector<int64_t> Numbers(const std::vector<std::string>& paths) {
  std::vector<std::vector<std::string>> names;
  names.reserve(paths.size());
  for (const std::string& path : paths) names.push_back(Parts(Stem(path)));
  const std::optional<size_t> counting = CountingPart(names);
  if (!counting.has_value()) return {};
  std::vector<int64_t> numbers;
  numbers.reserve(paths.size());
  for (const std::vector<std::string>& name : names) {
    const std::optional<int64_t> number = ToNumber(name[*counting]);
    if (!number.has_value()) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

/// The path of `path` with its number, `from`, replaced by `to`, in the same number of digits.
std::string Renumbered(const std::string& path, int64_t from, int64_t to) {
  const fs::path file(path);
  std::string name;
  bool replaced = false;
  for (const std::string& part : Parts(file.stem().string())) {
    const bool is_counter =
        !replaced && !part.empty() && IsDigit(part[0]) && ToNumber(part) == from;
    name += is_counter ? fmt::format("{:0{}}", to, part.size()) : part;
    replaced = replaced || is_counter;
  }
  return (file.parent_path() / (name + file.extension().string())).string();
}

absl::Status CheckNumbers(const FrameList& list) {
  for (size_t i = 1; i < list.numbers.size(); ++i) {
    const int64_t before = list.numbers[i - 1];
    const int64_t here = list.numbers[i];
    if (here == before) {
      return InvalidArgument("{} and {} are both frame {}; remove one", list.paths[i - 1],
                             list.paths[i], here);
    }
    if (here != before + 1) {
      return InvalidArgument("{} is missing between {} and {}",
                             Renumbered(list.paths[i - 1], before, before + 1),
                             fs::path(list.paths[i - 1]).filename().string(),
                             fs::path(list.paths[i]).filename().string());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListImages(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with(".") || !HasImageName(name)) continue;
    if (static_cast<int64_t>(paths.size()) == kFramesMax) {
      return InvalidArgument("{}: more than {} frames; split the folder", folder, kFramesMax);
    }
    paths.push_back(it->path().string());
  }
  if (error) return Error(absl::StatusCode::kNotFound, "{}: {}", folder, error.message());
  std::sort(paths.begin(), paths.end(), NaturalLess);
  return paths;
}

}  // namespace

absl::StatusOr<FrameList> ListFrames(const std::string& folder) {
  FrameList list;
  LRTI_ASSIGN_OR_RETURN(list.paths, ListImages(folder));
  if (list.paths.empty()) {
    return InvalidArgument("{}: no images (png, jpg, bmp, tif) in this folder", folder);
  }
  if (list.paths.size() < 2) {
    return InvalidArgument("{}: one frame only; a video needs at least 2", folder);
  }
  list.numbers = Numbers(list.paths);
  LRTI_RETURN_IF_ERROR(CheckNumbers(list));
  return list;
}

}  // namespace lrti::data
