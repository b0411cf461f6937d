#include "common/hidden_state/codec/codec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::codec {
namespace {

using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kMax = std::numeric_limits<float>::max();
constexpr std::array kAll = {Encoding::kFp32, Encoding::kBf16, Encoding::kFp16, Encoding::kInt8};

struct Encoded {
  std::vector<std::byte> bytes;
  std::vector<float> scales;
  Loss loss;
};

Encoded EncodeAll(Encoding encoding, const std::vector<float>& values, size_t planes = 1) {
  Encoded encoded;
  encoded.bytes.resize(values.size() * BytesPerValue(encoding));
  if (encoding == Encoding::kInt8) encoded.scales.resize(planes);
  encoded.loss = Encode(encoding, values, encoded.bytes, encoded.scales);
  return encoded;
}

std::vector<float> DecodeAll(Encoding encoding, const Encoded& encoded) {
  std::vector<float> values(encoded.bytes.size() / BytesPerValue(encoding));
  const absl::Status status = Decode(encoding, encoded.bytes, encoded.scales, values);
  EXPECT_TRUE(status.ok()) << status;
  return values;
}

// Values in -1..1, an odd number beyond one block.
std::vector<float> Values(size_t count) {
  Random random({7, count});
  std::vector<float> values(count);
  for (float& value : values) {
    value = static_cast<float>(random.Below(2'000'001) - 1'000'000) * 1e-6f;
  }
  return values;
}

TEST(Codec, Fp32IsExactForEveryPattern) {
  const std::vector<float> values = {0.0f, -0.0f, 1.5f, kInfinity, kNan, 1e-45f, kMax};
  const Encoded encoded = EncodeAll(Encoding::kFp32, values);
  EXPECT_EQ(encoded.loss, (Loss{.not_finite = 2}));
  const std::vector<float> decoded = DecodeAll(Encoding::kFp32, encoded);
  EXPECT_EQ(std::memcmp(decoded.data(), values.data(), values.size() * sizeof(float)), 0);
}

TEST(Codec, ErrorMaxIsTheLargestErrorOfWhatComesBack) {
  const std::vector<float> values = Values(9001 * 3);
  for (const Encoding encoding : kAll) {
    const Encoded encoded = EncodeAll(encoding, values, 3);
    const std::vector<float> decoded = DecodeAll(encoding, encoded);
    float largest = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      largest = std::max(largest, std::fabs(values[i] - decoded[i]));
    }
    EXPECT_EQ(encoded.loss, (Loss{.error_max = largest}));
    EXPECT_EQ(largest > 0, encoding != Encoding::kFp32);
  }
}

TEST(Codec, ErrorsStayWithinHalfAStep) {
  const std::vector<float> values = Values(10'000);
  EXPECT_LE(EncodeAll(Encoding::kBf16, values).loss.error_max, 0x1p-9f);
  EXPECT_LE(EncodeAll(Encoding::kFp16, values).loss.error_max, 0x1p-12f);
  const Encoded int8 = EncodeAll(Encoding::kInt8, values, 10);
  EXPECT_LE(int8.loss.error_max, *std::ranges::max_element(int8.scales) * 0.5001f);
}

TEST(Codec, CountsWhatFp16CannotHoldAndTheCallerFallsBack) {
  const std::vector<float> values = {65504, 65519, 65520, -1e6f, kInfinity, kNan, 1};
  const Encoded half = EncodeAll(Encoding::kFp16, values);
  EXPECT_EQ(half.loss, (Loss{.not_finite = 2, .overflows = 2, .error_max = 15}));
  EXPECT_EQ(Instead(Encoding::kFp16, half.loss), Encoding::kBf16);

  const Encoded narrow = EncodeAll(Encoding::kBf16, values);
  EXPECT_EQ(narrow.loss.overflows, 0u);
  EXPECT_EQ(Instead(Encoding::kBf16, narrow.loss), Encoding::kBf16);

  const Encoded beyond = EncodeAll(Encoding::kBf16, {kMax, -kMax, 1});
  EXPECT_EQ(beyond.loss, (Loss{.overflows = 2}));
  EXPECT_EQ(Instead(Encoding::kBf16, beyond.loss), Encoding::kFp32);
}

TEST(Codec, NanAndInfinitiesComeBackFromSixteenBits) {
  for (const Encoding encoding : {Encoding::kBf16, Encoding::kFp16}) {
    const Encoded encoded = EncodeAll(encoding, {kNan, kInfinity, -kInfinity, -0.0f});
    EXPECT_EQ(encoded.loss, (Loss{.not_finite = 3}));
    EXPECT_EQ(Instead(encoding, encoded.loss), encoding) << "nothing was lost";
    const std::vector<float> values = DecodeAll(encoding, encoded);
    EXPECT_TRUE(std::isnan(values[0]));
    EXPECT_EQ(values[1], kInfinity);
    EXPECT_EQ(values[2], -kInfinity);
    EXPECT_TRUE(values[3] == 0 && std::signbit(values[3]));
  }
}

TEST(Int8, EachPlaneHasTheScaleOfItsOwnLargestValue) {
  const Encoded encoded = EncodeAll(Encoding::kInt8, {127, -1, 0.5f, 0.25f, -254, 2}, 3);
  EXPECT_EQ(encoded.scales, (std::vector<float>{1, 0.5f / 127, 2}));
  EXPECT_EQ(DecodeAll(Encoding::kInt8, encoded),
            (std::vector<float>{127, -1, 127 * (0.5f / 127), 64 * (0.5f / 127), -254, 2}));
}

TEST(Int8, TiesGoToTheEvenStep) {
  const Encoded encoded =
      EncodeAll(Encoding::kInt8, {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f});
  EXPECT_EQ(encoded.scales[0], 1);
  EXPECT_EQ(DecodeAll(Encoding::kInt8, encoded),
            (std::vector<float>{127, 0, 2, 2, 0, -2, -2, 126}));
}

TEST(Int8, PlanesOfZerosTinyAndHugeValuesComeBackFinite) {
  for (const float largest : {0.0f, 1e-45f, 1e-38f, 1.0f, kMax}) {
    const Encoded encoded = EncodeAll(Encoding::kInt8, {largest, -largest, 0, largest / 3});
    ASSERT_TRUE(IsScale(encoded.scales[0])) << largest;
    EXPECT_EQ(encoded.loss.overflows, 0u) << largest;
    for (const float value : DecodeAll(Encoding::kInt8, encoded)) {
      EXPECT_TRUE(std::isfinite(value)) << largest;
    }
    EXPECT_LE(encoded.loss.error_max, encoded.scales[0] * 0.5001f) << largest;
  }
}

TEST(Int8, ValuesThatAreNotFiniteAreCountedAndLeaveTheScaleAlone) {
  const Encoded encoded = EncodeAll(Encoding::kInt8, {kNan, kInfinity, -kInfinity, 127, 3});
  EXPECT_EQ(encoded.loss.not_finite, 3u);
  EXPECT_EQ(Instead(Encoding::kInt8, encoded.loss), Encoding::kFp32);
  EXPECT_EQ(DecodeAll(Encoding::kInt8, encoded), (std::vector<float>{0, 127, -127, 127, 3}));
  const Encoded nothing = EncodeAll(Encoding::kInt8, {kNan, kInfinity});
  EXPECT_TRUE(IsScale(nothing.scales[0]));
}

TEST(Codec, AnEmptyStateTakesNoBytes) {
  for (const Encoding encoding : kAll) {
    const Encoded encoded = EncodeAll(encoding, {}, 0);
    EXPECT_EQ(encoded.loss, Loss{});
    EXPECT_TRUE(DecodeAll(encoding, encoded).empty());
  }
}

TEST(Decode, RefusesScalesAndSizesThatDoNotFit) {
  struct Case {
    Encoding encoding;
    size_t bytes;
    std::vector<float> scales;
    std::string message;
  };
  const std::vector<Case> cases = {
      {Encoding::kInt8, 6, {}, "0 scales for 6 int8 values"},
      {Encoding::kInt8, 6, {1, 1, 1, 1}, "4 scales for 6 int8 values"},
      {Encoding::kInt8, 6, {1, kNan}, "scale 1 is nan"},
      {Encoding::kInt8, 6, {kInfinity, 1}, "scale 0 is inf"},
      {Encoding::kInt8, 6, {1, 0}, "scale 1 is 0"},
      {Encoding::kInt8, 6, {1, -1}, "scale 1 is -1"},
      {Encoding::kInt8, 7, {1}, "7 bytes for 6 values of 1 bytes"},
      {Encoding::kFp32, 23, {}, "23 bytes for 6 values of 4 bytes"},
      {Encoding::kFp32, 28, {}, "28 bytes for 6 values of 4 bytes"},
      {Encoding::kBf16, 13, {}, "13 bytes for 6 values of 2 bytes"},
      {Encoding::kFp16, 10, {}, "10 bytes for 6 values of 2 bytes"},
      {Encoding::kBf16, 12, {1}, "1 scales for values that are not int8"},
      {static_cast<Encoding>(4), 24, {}, "encoding 4 is not known"},
      {static_cast<Encoding>(255), 24, {}, "encoding 255 is not known"},
  };
  for (const auto& [encoding, bytes, scales, message] : cases) {
    SCOPED_TRACE(message);
    std::vector<float> values(6);
    const absl::Status status = Decode(encoding, std::vector<std::byte>(bytes), scales, values);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(status), HasSubstr(message));
  }
}

TEST(Decode, TakesBytesAtAnyAddress) {
  const std::vector<float> values = Values(100);
  for (const Encoding encoding : kAll) {
    const size_t size = values.size() * BytesPerValue(encoding);
    std::vector<std::byte> buffer(size + 1);
    std::vector<float> scales(encoding == Encoding::kInt8 ? 4 : 0);
    const std::span<std::byte> odd = std::span(buffer).subspan(1);
    Encode(encoding, values, odd, scales);
    std::vector<float> decoded(values.size());
    ASSERT_TRUE(Decode(encoding, odd, scales, decoded).ok());
    EXPECT_EQ(decoded, DecodeAll(encoding, EncodeAll(encoding, values, 4)));
  }
}

}  // namespace
}  // namespace lrti::codec
