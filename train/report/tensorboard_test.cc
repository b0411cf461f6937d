#include "train/report/tensorboard.h"

#include <cstring>
#include <map>
#include <variant>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::report {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::StartsWith;

// A reader that shares no code with the writer: bit-by-bit CRC, a protobuf walker of its own.
uint32_t SlowMaskedCrc(const std::string& bytes) {
  uint32_t crc = 0xffffffffU;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78U : crc >> 1;
  }
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

template <typename T>
T Fixed(const std::string& bytes, size_t at) {
  T value;
  EXPECT_LE(at + sizeof(T), bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

struct Value {
  uint64_t number = 0;
  std::string bytes;
};

// Field number -> value, of one message; every field occurs once in what we write.
std::map<int, Value> Fields(const std::string& message) {
  std::map<int, Value> fields;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(message.at(at++));
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const uint64_t key = varint();
    Value value;
    const uint64_t wire = key & 7;
    if (wire == 0) {
      value.number = varint();
    } else {
      const size_t size = wire == 1 ? 8 : wire == 5 ? 4 : varint();
      EXPECT_TRUE(wire == 1 || wire == 2 || wire == 5) << wire;
      value.bytes = message.substr(at, size);
      EXPECT_EQ(value.bytes.size(), size);
      at += size;
    }
    EXPECT_TRUE(fields.emplace(static_cast<int>(key >> 3), value).second);
  }
  return fields;
}

// The fields of each event of a file; every length and checksum is verified.
std::vector<std::map<int, Value>> Events(const std::string& path) {
  const std::string file = ReadFile(path, 1 << 24).value();
  std::vector<std::map<int, Value>> events;
  for (size_t at = 0; at < file.size();) {
    const auto size = static_cast<size_t>(Fixed<uint64_t>(file, at));
    EXPECT_EQ(Fixed<uint32_t>(file, at + 8), SlowMaskedCrc(file.substr(at, 8)));
    const std::string data = file.substr(at + 12, size);
    EXPECT_EQ(Fixed<uint32_t>(file, at + 12 + size), SlowMaskedCrc(data));
    events.push_back(Fields(data));
    at += 16 + size;
  }
  return events;
}

// Event.summary.value[0]
std::map<int, Value> SummaryValue(const std::map<int, Value>& event) {
  return Fields(Fields(event.at(5).bytes).at(1).bytes);
}

EventFileWriter Open(const std::string& folder, int64_t first_step, const Clock& clock) {
  return EventFileWriter::Create(folder, first_step, clock).value();
}

TEST(EventFileWriter, BeginsWithTheVersionAndWritesScalars) {
  const TemporaryFolder folder;
  FakeClock clock(absl::FromUnixMillis(1'700'000'000'250));
  EventFileWriter writer = Open(folder / "deep/tb", 0, clock);
  clock.Advance(absl::Seconds(1));
  ASSERT_TRUE(writer.Scalar("train/loss", 0.125, 0).ok());
  ASSERT_TRUE(writer.Scalar("eval/psnr", -31.5, 300'000).ok());

  const auto events = Events(writer.path());
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].at(3).bytes, "brain.Event:2");
  EXPECT_NEAR(Fixed<double>(events[0].at(1).bytes, 0), 1'700'000'000.25, 1e-6);
  EXPECT_NEAR(Fixed<double>(events[1].at(1).bytes, 0), 1'700'000'001.25, 1e-6);
  EXPECT_FALSE(events[1].contains(2)) << "step 0 is the default and is left out";
  EXPECT_EQ(events[2].at(2).number, 300'000u);
  EXPECT_EQ(SummaryValue(events[1]).at(1).bytes, "train/loss");
  EXPECT_EQ(Fixed<float>(SummaryValue(events[1]).at(2).bytes, 0), 0.125f);
  EXPECT_EQ(Fixed<float>(SummaryValue(events[2]).at(2).bytes, 0), -31.5f);
}

TEST(EventFileWriter, KeepsPicturesToTheByte) {
  const TemporaryFolder folder;
  const FakeClock clock;
  EventFileWriter writer = Open(folder.path(), 0, clock);
  std::string png = "\x89PNG\r\n";
  for (int i = 0; i < 300'000; ++i) png.push_back(static_cast<char>(i * 13));
  ASSERT_TRUE(writer.Picture("samples/000", png, 180, 960, 5).ok());
  const auto value = SummaryValue(Events(writer.path()).at(1));
  EXPECT_EQ(value.at(1).bytes, "samples/000");
  auto image = Fields(value.at(4).bytes);
  EXPECT_EQ(image.at(1).number, 180u);
  EXPECT_EQ(image.at(2).number, 960u);
  EXPECT_EQ(image.at(3).number, 3u);
  EXPECT_TRUE(image.at(4).bytes == png);
}

TEST(EventFileWriter, AResumedRunOpensAFileOfItsOwnAndSaysWhereItStarts) {
  const TemporaryFolder folder;
  const FakeClock clock(absl::FromUnixSeconds(1'700'000'000));
  const EventFileWriter first = Open(folder.path(), 0, clock);
  const EventFileWriter second = Open(folder.path(), 1001, clock);
  const auto names = ListFolder(folder.path());
  ASSERT_EQ(names->size(), 2u);
  EXPECT_THAT((*names)[0], StartsWith("events.out.tfevents.1700000000."));
  EXPECT_THAT((*names)[0], EndsWith(fmt::format(".{}", ::getpid())));
  EXPECT_EQ((*names)[1], (*names)[0] + ".1");
  const auto events = Events(second.path());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].at(2).number, 1001u);
  EXPECT_EQ(Fields(events[1].at(7).bytes).at(1).number, 1u);
}

TEST(EventFileWriter, AFullDiskLeavesWholeRecords) {
  const TemporaryFolder folder;
  const FakeClock clock;
  EventFileWriter writer = Open(folder.path(), 0, clock);
  absl::Status status;
  {
    const FileSizeLimit limit(100);
    status = writer.Picture("p", std::string(500, 'x'), 1, 1, 1);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(writer.Scalar("a", 1, 2).ok());
  EXPECT_EQ(Events(writer.path()).size(), 2u);
}

TEST(EventFileWriter, NamesTheFolderThatCannotBe) {
  const FakeClock clock;
  const absl::Status status = EventFileWriter::Create("/dev/null/tb", 0, clock).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(Message(status), StartsWith("/dev/null/tb"));
}

}  // namespace
}  // namespace lrti::report
