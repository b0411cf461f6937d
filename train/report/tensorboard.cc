#include "train/report/tensorboard.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <cctype>

#include "absl/time/time.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::report {
namespace {

constexpr int kNamesMax = 1000;

// Field numbers of tensorflow/core/util/event.proto and framework/summary.proto.
namespace event {
constexpr uint32_t kWallTime = 1;
constexpr uint32_t kStep = 2;
constexpr uint32_t kFileVersion = 3;
constexpr uint32_t kSummary = 5;
constexpr uint32_t kSessionLog = 7;
}  // namespace event
namespace session_log {
constexpr uint32_t kStatus = 1;
constexpr uint64_t kStart = 1;
}  // namespace session_log
namespace summary {
constexpr uint32_t kValue = 1;
constexpr uint32_t kTag = 1;
constexpr uint32_t kSimpleValue = 2;
constexpr uint32_t kImage = 4;
}  // namespace summary
namespace image {
constexpr uint32_t kHeight = 1;
constexpr uint32_t kWidth = 2;
constexpr uint32_t kColorspace = 3;
constexpr uint32_t kEncoded = 4;
constexpr uint64_t kRgb = 3;
}  // namespace image

// Wire types of protobuf.
enum Wire : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string LittleEndian(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  return text;
}

std::string Varint(uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text.push_back(static_cast<char>((value & 0x7f) | 0x80));
  text.push_back(static_cast<char>(value));
  return text;
}

std::string Key(uint32_t field, Wire wire) { return Varint(field << 3 | wire); }
std::string Number(uint32_t field, uint64_t value) { return Key(field, kVarint) + Varint(value); }
std::string Double(uint32_t field, double value) {
  return Key(field, kFixed64) + LittleEndian(std::bit_cast<uint64_t>(value), 8);
}
std::string Float(uint32_t field, float value) {
  return Key(field, kFixed32) + LittleEndian(std::bit_cast<uint32_t>(value), 4);
}
std::string Bytes(uint32_t field, std::string_view bytes) {
  std::string text = Key(field, kBytes) + Varint(bytes.size());
  text += bytes;
  return text;
}

std::string OneValue(std::string_view tag, std::string_view content) {
  std::string value = Bytes(summary::kTag, tag);
  value += content;
  return Bytes(event::kSummary, Bytes(summary::kValue, value));
}

std::string Record(std::string_view data) {
  const std::string length = LittleEndian(data.size(), 8);
  std::string record = length + LittleEndian(MaskedCrc32c(Crc32c(length)), 4);
  record += data;
  return record + LittleEndian(MaskedCrc32c(Crc32c(data)), 4);
}

// The host's name as part of a file's name.
std::string HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  std::string host = name.data();
  for (char& c : host) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') c = '_';
  }
  return host;
}

// A run that restarts within a second needs another name.
absl::StatusOr<AppendFile> CreateFile(const std::string& folder, absl::Time now) {
  const std::string name =
      fmt::format("events.out.tfevents.{}.{}.{}", absl::ToUnixSeconds(now), HostName(), ::getpid());
  for (int n = 0; n < kNamesMax; ++n) {
    const std::string path = JoinPath(folder, n == 0 ? name : fmt::format("{}.{}", name, n));
    absl::StatusOr<AppendFile> file = AppendFile::CreateNew(path);
    if (file.ok() || ::access(path.c_str(), F_OK) != 0) return file;
  }
  return InvalidArgument("{}: {} files are named {}; clear the folder", folder, kNamesMax, name);
}

}  // namespace

absl::StatusOr<EventFileWriter> EventFileWriter::Create(const std::string& folder,
                                                        int64_t first_step, const Clock& clock) {
  LRTI_RETURN_IF_ERROR(MakeFolders(folder));
  LRTI_ASSIGN_OR_RETURN(AppendFile file, CreateFile(folder, clock.Now()));
  EventFileWriter writer(std::move(file), clock);
  LRTI_RETURN_IF_ERROR(writer.WriteEvent(0, Bytes(event::kFileVersion, "brain.Event:2")));
  if (first_step > 0) {
    const std::string start = Number(session_log::kStatus, session_log::kStart);
    LRTI_RETURN_IF_ERROR(writer.WriteEvent(first_step, Bytes(event::kSessionLog, start)));
  }
  return writer;
}

absl::Status EventFileWriter::Scalar(std::string_view tag, double value, int64_t step) {
  return WriteEvent(step, OneValue(tag, Float(summary::kSimpleValue, static_cast<float>(value))));
}

absl::Status EventFileWriter::Picture(std::string_view tag, std::string_view png, int64_t height,
                                      int64_t width, int64_t step) {
  LRTI_CHECK(height > 0 && width > 0);
  const std::string content = Number(image::kHeight, static_cast<uint64_t>(height)) +
                              Number(image::kWidth, static_cast<uint64_t>(width)) +
                              Number(image::kColorspace, image::kRgb) + Bytes(image::kEncoded, png);
  return WriteEvent(step, OneValue(tag, Bytes(summary::kImage, content)));
}

absl::Status EventFileWriter::WriteEvent(int64_t step, std::string_view fields) {
  LRTI_CHECK(step >= 0);
  const absl::Duration since_epoch = clock_->Now() - absl::UnixEpoch();
  std::string data = Double(event::kWallTime, absl::ToDoubleSeconds(since_epoch));
  if (step > 0) data += Number(event::kStep, static_cast<uint64_t>(step));
  data += fields;
  return file_.Append(Record(data));
}

}  // namespace lrti::report
