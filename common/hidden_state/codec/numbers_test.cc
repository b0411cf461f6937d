#include "common/hidden_state/codec/numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace lrti::codec {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }

// What the 16 bits mean by IEEE 754's definition, for a format with `mantissa_bits` of mantissa.
double Meaning(uint32_t bits, int mantissa_bits) {
  const int exponent_bits = 15 - mantissa_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = static_cast<int>((bits & 0x7fff) >> mantissa_bits);
  const int mantissa = static_cast<int>(bits) & ((1 << mantissa_bits) - 1);
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa == 0 ? sign * HUGE_VAL : std::numeric_limits<double>::quiet_NaN();
  }
  const int leading = exponent == 0 ? 0 : 1 << mantissa_bits;
  return sign * std::ldexp(leading + mantissa, std::max(exponent, 1) - bias - mantissa_bits);
}

struct Format {
  const char* name;
  int mantissa_bits;
  uint16_t (*to)(float);
  float (*from)(uint16_t);
};

class SixteenBits : public ::testing::TestWithParam<Format> {};

TEST_P(SixteenBits, EveryPatternMeansWhatTheStandardSaysAndComesBackAsItself) {
  const Format& format = GetParam();
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const auto pattern = static_cast<uint16_t>(bits);
    const float value = format.from(pattern);
    const double meaning = Meaning(bits, format.mantissa_bits);
    if (std::isnan(meaning)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      // Quiet, same sign, same payload.
      ASSERT_EQ(format.to(value), pattern | 1u << (format.mantissa_bits - 1)) << bits;
      continue;
    }
    ASSERT_EQ(value, meaning) << bits;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
    ASSERT_EQ(format.to(value), pattern) << bits;
  }
}

// Both functions are monotonic between neighbours, so the points around each middle tell all.
TEST_P(SixteenBits, RoundsToTheNearestAndTiesToEven) {
  const Format& format = GetParam();
  const uint32_t infinity = (0x7fffu >> format.mantissa_bits) << format.mantissa_bits;
  for (uint32_t low = 0; low < infinity; ++low) {
    const double below = Meaning(low, format.mantissa_bits);
    const double step = Meaning(1, format.mantissa_bits) *
                        std::exp2(std::max<double>(low >> format.mantissa_bits, 1) - 1);
    const auto middle = static_cast<float>(below + step / 2);
    ASSERT_EQ(middle, below + step / 2) << "an exact fp32 value";
    const uint32_t even = low % 2 == 0 ? low : low + 1;
    ASSERT_EQ(format.to(middle), even) << low;
    ASSERT_EQ(format.to(std::nextafter(middle, 0.0f)), low);
    ASSERT_EQ(format.to(std::nextafter(middle, kInf)), low + 1);
    ASSERT_EQ(format.to(-middle), even | 0x8000);
  }
}

TEST_P(SixteenBits, KeepsInfinitiesAndNeverTurnsANanIntoOne) {
  const Format& format = GetParam();
  EXPECT_EQ(format.from(format.to(kInf)), kInf);
  EXPECT_EQ(format.from(format.to(-kInf)), -kInf);
  for (const uint32_t nan : {0x7f800001u, 0x7fffffffu, 0x7fc00000u, 0xff800001u, 0xffffffffu}) {
    const float decoded = format.from(format.to(std::bit_cast<float>(nan)));
    EXPECT_TRUE(std::isnan(decoded)) << nan;
    EXPECT_EQ(Bits(decoded) >> 31, nan >> 31) << nan;
  }
}

TEST_P(SixteenBits, LargestFloatBecomesInfinity) {
  const Format& format = GetParam();
  EXPECT_EQ(format.from(format.to(std::numeric_limits<float>::max())), kInf);
  EXPECT_EQ(format.from(format.to(std::numeric_limits<float>::lowest())), -kInf);
}

INSTANTIATE_TEST_SUITE_P(Formats, SixteenBits,
                         testing::Values(Format{"bf16", 7, ToBf16, FromBf16},
                                         Format{"fp16", 10, ToFp16, FromFp16}),
                         [](const auto& param) { return param.param.name; });

TEST(Fp16, Holds65504AndOverflowsFrom65520) {
  EXPECT_EQ(FromFp16(ToFp16(65504.0f)), 65504.0f);
  EXPECT_EQ(FromFp16(ToFp16(std::nextafter(65520.0f, 0.0f))), 65504.0f);
  EXPECT_EQ(FromFp16(ToFp16(65520.0f)), kInf);
}

}  // namespace
}  // namespace lrti::codec
