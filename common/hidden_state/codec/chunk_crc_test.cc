#include "common/hidden_state/codec/chunk_crc.h"

#include <string>

#include "common/base/crc32c.h"
#include "gtest/gtest.h"

namespace lrti::codec {
namespace {

uint32_t Crc(const std::string& text, uint32_t crc = 0) {
  return ChunkCrc(std::as_bytes(std::span(text)), crc);
}

// RFC 3720, appendix B.4, and the check value of the polynomial.
TEST(ChunkCrc, KnownValues) {
  EXPECT_EQ(Crc(""), 0u);
  EXPECT_EQ(Crc("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(ChunkCrc, EqualsTheSlowOneAtEveryLengthAndInPieces) {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text.push_back(static_cast<char>(i * 37 + i / 256));
    ASSERT_EQ(Crc(text), Crc32c(text)) << i;
  }
  for (const size_t cut : {0u, 1u, 7u, 64u, 2048u, 3000u}) {
    EXPECT_EQ(Crc(text.substr(cut), Crc(text.substr(0, cut))), Crc32c(text)) << cut;
  }
}

TEST(ChunkCrc, SeesEveryFlippedBit) {
  std::string text(512, 'x');
  const uint32_t whole = Crc(text);
  for (char& byte : text) {
    for (int bit = 0; bit < 8; ++bit) {
      byte = static_cast<char>(byte ^ (1 << bit));
      EXPECT_NE(Crc(text), whole);
      byte = static_cast<char>(byte ^ (1 << bit));
    }
  }
}

}  // namespace
}  // namespace lrti::codec
