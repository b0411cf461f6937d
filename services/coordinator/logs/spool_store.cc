#include "services/coordinator/logs/spool_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <utility>

#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/open_file.h"
#include "common/base/status.h"

namespace lrti::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kTailBytesMax = uint64_t{1} << 20;
constexpr size_t kJobLettersMax = 64;
constexpr uint64_t kMarkBytesMax = 64;

bool IsJobName(const std::string& job) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !job.empty() && job.size() <= kJobLettersMax &&
         std::all_of(job.begin(), job.end(), letter);
}

uint64_t SizeOf(const std::string& path) {
  std::error_code missing;
  const auto size = fs::file_size(path, missing);
  return missing ? 0 : size;
}

/// Beside a file to which nothing will be added: how many bytes its rank wrote.
std::string EndMark(const std::string& path) { return path + ".end"; }

/// What the mark says, if it is there.
std::optional<uint64_t> WrittenOf(const std::string& path) {
  const auto text = ReadFile(EndMark(path), kMarkBytesMax);
  if (!text.ok()) return std::nullopt;
  uint64_t written = 0;
  std::from_chars(text->data(), text->data() + text->size(), written);
  return written;
}

/// Makes the bytes of a file survive a power cut. One that is not there has none.
absl::Status SyncFile(const std::string& path) {
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return absl::OkStatus();
  if (!file.valid() || ::fsync(file.fd()) != 0) return FileError(errno, path, "cannot sync");
  return absl::OkStatus();
}

/// The numbers that names of entries begin with, sorted, each once.
std::vector<int64_t> NumbersIn(const std::string& folder) {
  std::vector<int64_t> numbers;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) {
    const std::string name = entry.path().filename().string();
    int64_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec == std::errc()) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

}  // namespace

SpoolStore::SpoolStore(std::string folder, uint64_t bytes_max)
    : folder_(std::move(folder)), bytes_max_(bytes_max) {}

std::string SpoolStore::FolderOf(const std::string& job, int64_t attempt) const {
  return fmt::format("{}/{}/{}", folder_, job, attempt);
}

std::string SpoolStore::PathOf(const SpoolName& name) const {
  return fmt::format("{}/{}.{}", FolderOf(name.job, name.attempt), name.rank,
                     name.stream == Stream::kLog ? "log" : "events");
}

absl::Status SpoolStore::Check(const SpoolName& name) const {
  if (!IsJobName(name.job)) return InvalidArgument("'{}' is no job", name.job);
  if (name.attempt < 1) return InvalidArgument("attempt {}: the first is 1", name.attempt);
  if (name.rank < 0) return InvalidArgument("rank {}: the first is 0", name.rank);
  return absl::OkStatus();
}

Mutex& SpoolStore::LockOf(const std::string& path) const {
  return locks_[std::hash<std::string>()(path) % locks_.size()];
}

/// What the mark promises is on the disk before it: the agent then deletes the only other copy.
absl::Status SpoolStore::MarkEnd(const SpoolName& name, uint64_t written) const {
  const std::string path = PathOf(name);
  LRTI_RETURN_IF_ERROR(SyncFile(path));
  const std::string attempt = FolderOf(name.job, name.attempt);
  for (const std::string& folder : {attempt, JoinPath(folder_, name.job), folder_}) {
    LRTI_RETURN_IF_ERROR(SyncFolder(folder));
  }
  return WriteFileAtomic(EndMark(path), fmt::format("{}\n", written));
}

absl::StatusOr<uint64_t> SpoolStore::Append(const SpoolName& name, uint64_t offset,
                                            std::string_view data, bool complete) {
  LRTI_RETURN_IF_ERROR(Check(name));
  const std::string path = PathOf(name);
  MutexLock lock(LockOf(path));
  const uint64_t size = SizeOf(path);
  const uint64_t end = offset + data.size();
  const bool gap = offset > size && size < bytes_max_;
  if (gap || end < offset) return size;
  LRTI_RETURN_IF_ERROR(MakeFolders(FolderOf(name.job, name.attempt)));
  // All is acknowledged, though no more is kept than may be: the agent must get to its end.
  const uint64_t kept = std::max(size, std::min(end, bytes_max_));
  if (kept > size) {
    LRTI_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path));
    LRTI_RETURN_IF_ERROR(file.Append(data.substr(size - offset, kept - size)));
  }
  if (complete && end >= size && !fs::exists(EndMark(path))) {
    LRTI_RETURN_IF_ERROR(MarkEnd(name, end));
  }
  return std::max(size, end);
}

absl::StatusOr<SpoolStore::Piece> SpoolStore::Read(const SpoolName& name, uint64_t offset,
                                                   size_t bytes_max) const {
  LRTI_RETURN_IF_ERROR(Check(name));
  const std::string path = PathOf(name);
  Piece piece;
  const auto written = WrittenOf(path);  // before the size: what comes after it is complete
  piece.complete = written.has_value();
  piece.size = SizeOf(path);
  piece.written = std::max(piece.size, written.value_or(0));
  if (offset >= piece.size) return piece;
  std::ifstream file(path, std::ios::binary);
  piece.data.resize(std::min<uint64_t>(bytes_max, piece.size - offset));
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(piece.data.data(), static_cast<std::streamsize>(piece.data.size()));
  if (!file) {
    return DataLoss("{}: cannot read {} bytes at {}", path, piece.data.size(), offset);
  }
  return piece;
}

absl::StatusOr<uint64_t> SpoolStore::BeginOfLastLines(const SpoolName& name, int64_t lines) const {
  LRTI_RETURN_IF_ERROR(Check(name));
  const uint64_t size = SizeOf(PathOf(name));
  const uint64_t from = size > kTailBytesMax ? size - kTailBytesMax : 0;
  LRTI_ASSIGN_OR_RETURN(const Piece tail, Read(name, from, kTailBytesMax));
  size_t begin = tail.data.size();
  if (begin > 0 && tail.data[begin - 1] == '\n') --begin;  // ends the last line
  for (int64_t line = 0; line < lines && begin > 0; ++line) {
    const size_t newline = tail.data.rfind('\n', begin - 1);
    if (newline == std::string::npos) return from;
    if (line + 1 == lines) return from + newline + 1;
    begin = newline;
  }
  return begin == 0 ? from : from + begin;
}

std::vector<int64_t> SpoolStore::Attempts(const std::string& job) const {
  return IsJobName(job) ? NumbersIn(folder_ + "/" + job) : std::vector<int64_t>();
}

std::vector<int64_t> SpoolStore::Ranks(const std::string& job, int64_t attempt) const {
  return IsJobName(job) ? NumbersIn(FolderOf(job, attempt)) : std::vector<int64_t>();
}

absl::Status SpoolStore::Remove(const std::string& job) {
  if (!IsJobName(job)) return InvalidArgument("'{}' is no job", job);
  return RemoveAll(JoinPath(folder_, job));
}

}  // namespace lrti::coordinator
