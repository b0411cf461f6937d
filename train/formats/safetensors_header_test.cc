#include "train/formats/safetensors_header.h"

#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::formats {
namespace {

using ::testing::HasSubstr;

TEST(SafetensorsHeader, SaysWhatIsWrong) {
  const std::string four = "1234";
  const auto one = [](const std::string& entry) { return "{\"w\":" + entry + "}"; };
  struct Case {
    std::string text;
    std::string data;
    std::string message;
  };
  const std::string good = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  const std::vector<Case> cases = {
      {"", "", "not the JSON object"},
      {"[]", "", "not the JSON object"},
      {"{\"w\":", four, "not the JSON object"},
      {"{} x", "", "not the JSON object"},
      {std::string(5000, '['), "", "not the JSON object"},
      {"{\"w\":{\"a\":{\"b\":{\"c\":{\"d\":1}}}}}", "", "not the JSON object"},
      {"{\"w\":" + good + ",\"w\":" + good + "}", four, "tensor 'w' occurs twice"},
      {R"({"__metadata__":{"a":1}})", "", "'a' is not a text"},
      {R"({"__metadata__":[]})", "", "is not a map of texts"},
      {one("7"), four, "tensor 'w': its entry is not {dtype, shape, data_offsets}"},
      {one(R"({"dtype":"F32","shape":[1]})"), four, "tensor 'w': its entry"},
      {one(R"({"dtype":"F31","shape":[1],"data_offsets":[0,4]})"), four,
       "tensor 'w': dtype F31 is not known"},
      {one(R"({"dtype":32,"shape":[1],"data_offsets":[0,4]})"), four, "dtype 32"},
      {one(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})"), four, "shape is not a list"},
      {one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"), four,
       "shape holds -1, which is no size"},
      {one(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})"), four, "shape holds 1.0"},
      {one(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]})"), four,
       "which is no size"},
      {one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]})"), four,
       "larger than any memory"},
      {one(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]})"), "",
       "larger than any memory"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"), four,
       "tensor 'w': data_offsets [0, 4] do not hold the 8 bytes"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})"), four, "do not hold"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})"), four, "are not two offsets"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[-4,0]})"), four, "are not two offsets"},
      {one(good), "123", "tensor 'w': ends at byte 4 of 3 bytes of data: the file is cut"},
      {one(good), "12345", "the tensors end at byte 4 of 5 bytes of data"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[1,5]})"), "12345",
       "tensor 'w': begins at byte 1, but the one before ends at 0"},
      {"{\"v\":" + good + ",\"w\":" + good + "}", four,
       "tensor 'w': begins at byte 0, but the one before ends at 4"},
  };
  for (const auto& [text, data, message] : cases) {
    SCOPED_TRACE(text.substr(0, 100));
    const absl::Status status = ParseHeader(text, data.size()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(status), HasSubstr(message));
  }
  EXPECT_TRUE(ParseHeader(one(good), 4).ok()) << "the table's sound header must be read";
}

// Whatever a flipped bit in the header does, the answer is a status or tensors that fit the data.
TEST(SafetensorsHeader, AFlippedBitNeverBreaksTheReader) {
  constexpr uint64_t kDataBytes = 28;
  SafetensorsHeader header;
  header.metadata = {{"format", "pt"}};
  header.entries = {{"a", Dtype::kFloat, {5}, 0, 20}, {"b", Dtype::kFloat, {2}, 20, kDataBytes}};
  const std::string whole = HeaderText(header);
  ASSERT_TRUE(ParseHeader(whole, kDataBytes).ok());
  int refused = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string text = whole;
      text[i] = static_cast<char>(text[i] ^ (1 << bit));
      const auto parsed = ParseHeader(text, kDataBytes);
      if (!parsed.ok()) {
        ++refused;
        continue;
      }
      uint64_t total = 0;
      for (const TensorEntry& entry : parsed->entries) {
        auto bytes = static_cast<uint64_t>(BytesOf(entry.dtype));
        for (const int64_t size : entry.shape) bytes *= static_cast<uint64_t>(size);
        EXPECT_EQ(bytes, entry.end - entry.begin) << text;
        total += bytes;
      }
      EXPECT_EQ(total, kDataBytes) << text;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace lrti::formats
