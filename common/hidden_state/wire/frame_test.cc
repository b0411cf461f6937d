#include "common/hidden_state/wire/frame.h"

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "common/base/crc32c.h"
#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::wire {
namespace {

using ::testing::HasSubstr;

constexpr FrameHeader kData{.type = FrameType::kGetData,
                            .payload_bytes = 1000,
                            .request = 77,
                            .item = 3,
                            .offset = 2 * kChunkBytes,
                            .payload_crc = 0xdeadbeef};

// One sound header of each type.
std::vector<FrameHeader> EachType() {
  using enum FrameType;
  return {
      {.type = kHello, .flags = kMustUnderstand, .meta_bytes = 40, .deadline_us = 5},
      {.type = kHelloAck, .meta_bytes = 40},
      {.type = kPutBegin, .meta_bytes = 40, .request = 1, .deadline_us = 5},
      {.type = kPutBegin,
       .meta_bytes = 40,
       .payload_bytes = 9,
       .request = 1,
       .deadline_us = 5,
       .payload_crc = 7},
      {.type = kPutGrant, .meta_bytes = 40, .request = 1},
      {.type = kPutData, .payload_bytes = 9, .request = 1, .item = 2, .offset = kChunkBytes},
      {.type = kPutDone, .meta_bytes = kMetaBytesMax, .request = 1},
      {.type = kPutAbort, .request = 1, .outcome = Outcome::kTimeout},
      {.type = kGet, .meta_bytes = 40, .request = 1, .deadline_us = kDeadlineUsMax},
      {.type = kGetItem, .request = 1, .item = kKeysMax - 1, .outcome = Outcome::kMiss},
      kData,
      {.type = kGetEnd, .request = std::numeric_limits<uint64_t>::max()},
      {.type = kCancel, .request = 1},
      {.type = kCredit, .meta_bytes = 12},
      {.type = kPing, .request = 1},
      {.type = kPong, .request = 1},
      {.type = kInvalidate, .meta_bytes = 40, .request = 1, .deadline_us = 5},
      {.type = kInvalidateAck, .request = 1},
      {.type = kGoaway, .outcome = Outcome::kClosing},
      {.type = kError, .meta_bytes = 40, .outcome = Outcome::kWrongToken},
      {.type = kPool, .meta_bytes = 20},
      {.type = kLocate, .meta_bytes = 40, .request = 1, .deadline_us = 5},
      {.type = kPlace, .meta_bytes = 40, .request = 1, .item = 2, .outcome = Outcome::kStale},
      {.type = kLease, .meta_bytes = 40, .request = 1, .deadline_us = 5},
      {.type = kRelease, .meta_bytes = 40},
  };
}

// `header` with one place changed and the CRC that belongs to it then.
template <typename Number>
HeaderBytes Changed(const FrameHeader& header, size_t at, Number number) {
  HeaderBytes bytes = EncodeHeader(header);
  std::memcpy(bytes.data() + at, &number, sizeof number);
  std::memset(bytes.data() + 8, 0, 4);
  const uint32_t crc = Crc32c(bytes);
  std::memcpy(bytes.data() + 8, &crc, 4);
  return bytes;
}

TEST(Frame, EveryTypeComesBackAsItWas) {
  std::vector<bool> seen(256);
  for (const FrameHeader& header : EachType()) {
    SCOPED_TRACE(NameOf(header.type));
    const auto decoded = DecodeHeader(EncodeHeader(header));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, header);
    seen[static_cast<size_t>(header.type)] = true;
  }
  for (uint8_t type = 1; Known(static_cast<FrameType>(type)); ++type) {
    EXPECT_TRUE(seen[type]) << NameOf(static_cast<FrameType>(type));
  }
}

TEST(Frame, LiesInItsBytesAsDescribed) {
  const HeaderBytes bytes = EncodeHeader(kData);
  const auto at = [&](size_t offset, auto number) {
    std::memcpy(&number, bytes.data() + offset, sizeof number);
    return static_cast<uint64_t>(number);
  };
  EXPECT_EQ(std::memcmp(bytes.data(), "HSC1", 4), 0);
  EXPECT_EQ(at(4, uint8_t{}), 1u);             // version
  EXPECT_EQ(at(5, uint8_t{}), 10u);            // type GET_DATA
  EXPECT_EQ(at(6, uint16_t{}), 0u);            // flags
  EXPECT_EQ(at(12, uint32_t{}), 0u);           // meta length
  EXPECT_EQ(at(16, uint64_t{}), 1000u);        // payload length
  EXPECT_EQ(at(24, uint64_t{}), 77u);          // request id
  EXPECT_EQ(at(32, uint64_t{}), 0u);           // deadline
  EXPECT_EQ(at(40, uint32_t{}), 3u);           // item
  EXPECT_EQ(at(44, uint32_t{}), 0u);           // status
  EXPECT_EQ(at(48, uint64_t{}), 2u << 20);     // offset
  EXPECT_EQ(at(56, uint32_t{}), 0xdeadbeefu);  // payload CRC
  EXPECT_EQ(at(60, uint32_t{}), 0u);
}

TEST(Frame, EachFieldWrongInTurnIsNamed) {
  using enum FrameType;
  const FrameHeader get{.type = kGet, .meta_bytes = 40, .request = 1, .deadline_us = 5};
  const FrameHeader error{.type = kError, .meta_bytes = 40, .outcome = Outcome::kQuota};
  constexpr auto kLast = std::numeric_limits<uint64_t>::max();
  const std::vector<std::pair<HeaderBytes, std::string>> cases = {
      {Changed(kData, 0, uint32_t{0x32435348}), "frame: magic 0x32435348, not 0x31435348"},
      {Changed(kData, 4, uint8_t{0}), "frame: version 0, not 1"},
      {Changed(kData, 4, uint8_t{2}), "frame: version 2, not 1"},
      {Changed(kData, 4, uint8_t{255}), "frame: version 255, not 1"},
      {Changed(get, 5, uint8_t{10}), "GET_DATA frame: it has no meta length, but that is 40"},
      {Changed(kData, 6, uint16_t{0x8000}), "frame: flags is 32768, beyond 1"},
      {Changed(kData, 12, uint32_t{1}), "GET_DATA frame: it has no meta length"},
      {Changed(get, 12, uint32_t{0}), "GET frame: its meta length is zero"},
      {Changed(get, 12, kMetaBytesMax + 1), "frame: meta length is 65537, beyond 65536"},
      {Changed(kData, 16, uint64_t{0}), "GET_DATA frame: its payload length is zero"},
      {Changed(kData, 16, kChunkBytes + 1), "frame: payload length is 1048577, beyond 1048576"},
      {Changed(kData, 16, kLast), "frame: payload length is"},
      {Changed(get, 16, uint64_t{1}), "GET frame: it has no payload length, but that is 1"},
      {Changed(kData, 24, uint64_t{0}), "GET_DATA frame: its request id is zero"},
      {Changed(kData, 32, uint64_t{1}), "GET_DATA frame: it has no deadline, but that is 1"},
      {Changed(get, 32, uint64_t{0}), "GET frame: its deadline is zero"},
      {Changed(get, 32, kDeadlineUsMax + 1), "frame: deadline is 3600000001, beyond 3600000000"},
      {Changed(kData, 40, kKeysMax), "frame: item is 1024, beyond 1023"},
      {Changed(get, 40, uint32_t{1}), "GET frame: it has no item, but that is 1"},
      {Changed(kData, 44, uint32_t{1}), "GET_DATA frame: it has no status, but that is 1"},
      {Changed(error, 44, uint32_t{0}), "ERROR frame: its status is zero"},
      {Changed(error, 44, kOutcomes), "frame: status is"},
      {Changed(error, 44, ~uint32_t{0}), "frame: status is 4294967295"},
      {Changed(kData, 48, uint64_t{1}), "GET_DATA frame: offset 1 is no multiple of 1048576"},
      {Changed(kData, 48, kItemBytesMax), "frame: offset is 1073741824, beyond"},
      {Changed(kData, 48, kLast - 500), "frame: offset is 18446744073709551115, beyond"},
      {Changed(get, 48, kChunkBytes), "GET frame: it has no offset, but that is 1048576"},
      {Changed(get, 56, uint32_t{5}), "GET frame: it has no payload CRC, but that is 5"},
      {Changed(kData, 60, uint32_t{1}), "frame: the last four bytes are 0x1, not zero"},
  };
  for (const auto& [bytes, message] : cases) {
    SCOPED_TRACE(message);
    const absl::Status status = DecodeHeader(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(status), HasSubstr(message));
  }
}

TEST(Frame, AnyFlippedBitIsSeen) {
  for (const FrameHeader& header : EachType()) {
    for (size_t i = 0; i < kHeaderBytes; ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        HeaderBytes bytes = EncodeHeader(header);
        bytes[i] ^= static_cast<std::byte>(1 << bit);
        EXPECT_FALSE(DecodeHeader(bytes).ok()) << NameOf(header.type) << " byte " << i;
      }
    }
  }
}

TEST(Frame, AnUnknownTypeIsSkippedUnlessItMustBeUnderstood) {
  for (const uint8_t type : {uint8_t{0}, uint8_t{25}, uint8_t{255}}) {
    const auto skipped = DecodeHeader(Changed(kData, 5, type));
    ASSERT_TRUE(skipped.ok()) << skipped.status();
    EXPECT_FALSE(Known(skipped->type));
    EXPECT_EQ(skipped->payload_bytes, kData.payload_bytes) << "how much to skip";

    FrameHeader firm = kData;
    firm.flags = kMustUnderstand;
    EXPECT_THAT(Message(DecodeHeader(Changed(firm, 5, type)).status()),
                HasSubstr("is not known and must be understood"));
    FrameHeader large = kData;
    HeaderBytes bytes = Changed(large, 5, type);
    const uint64_t beyond = kChunkBytes + 1;
    std::memcpy(bytes.data() + 16, &beyond, 8);
    EXPECT_FALSE(DecodeHeader(bytes).ok()) << "bounds hold for what is skipped too";
  }
}

TEST(Frame, AChunkHasOnePlaceInItsItem) {
  const auto place = [](uint64_t offset, uint64_t bytes, uint64_t item_bytes) {
    FrameHeader header = kData;
    header.offset = offset;
    header.payload_bytes = bytes;
    return CheckPlace(header, item_bytes).ok();
  };
  constexpr uint64_t kStateBytes = 1'966'080;
  EXPECT_TRUE(place(0, kChunkBytes, kStateBytes));
  EXPECT_TRUE(place(kChunkBytes, kStateBytes - kChunkBytes, kStateBytes));
  EXPECT_FALSE(place(0, kChunkBytes - 1, kStateBytes)) << "short";
  EXPECT_FALSE(place(kChunkBytes, kChunkBytes, kStateBytes)) << "beyond the end";
  EXPECT_FALSE(place(2 * kChunkBytes, 1, kStateBytes)) << "behind the end";
  EXPECT_FALSE(place(5, 10, kStateBytes)) << "between chunks";
  EXPECT_FALSE(place(0, 1, 0)) << "an empty item has no chunk";
  EXPECT_FALSE(place(0 - kChunkBytes, kChunkBytes, kStateBytes)) << "wraps around";
}

}  // namespace
}  // namespace lrti::wire
