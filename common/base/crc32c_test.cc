#include "common/base/crc32c.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace lrti {
namespace {

uint32_t Crc(const std::string& text, uint32_t crc = 0) { return Crc32c(text, crc); }

// Bit by bit, as the polynomial says.
uint32_t Slow(std::string_view text) {
  uint32_t crc = ~0U;
  for (const char byte : text) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

// RFC 3720, appendix B.4, and the check value of the polynomial.
TEST(Crc32c, KnownValues) {
  EXPECT_EQ(Crc(""), 0u);
  EXPECT_EQ(Crc("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(Crc32c, EqualsTheSlowOneAtEveryLengthAndInPieces) {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text.push_back(static_cast<char>(i * 37 + i / 256));
    ASSERT_EQ(Crc(text), Slow(text)) << i;
  }
  for (const size_t cut : {0u, 1u, 7u, 64u, 2048u, 3000u}) {
    EXPECT_EQ(Crc(text.substr(cut), Crc(text.substr(0, cut))), Slow(text)) << cut;
  }
}

TEST(Crc32c, SeesEveryFlippedBit) {
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
}  // namespace lrti
