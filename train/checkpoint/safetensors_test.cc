#include "train/checkpoint/safetensors.h"

#include <ATen/ATen.h>

#include <cstring>
#include <fstream>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace lrti::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

NamedTensors EveryDtype() {
  NamedTensors tensors;
  const std::array dtypes = {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong,
                             at::kInt,    at::kShort, at::kChar, at::kByte,     at::kBool};
  for (const c10::ScalarType dtype : dtypes) {
    const std::string name = c10::toString(dtype);
    tensors[name + ".plain"] = at::arange(6).reshape({2, 3}).remainder(2).to(dtype);
    tensors[name + ".scalar"] = at::ones({}, dtype);
    tensors[name + ".empty"] = at::empty({0, 3}, dtype);
  }
  tensors["float.fractions"] = at::linspace(-1, 1, 77).reshape({7, 11});
  return tensors;
}

void ExpectSame(const NamedTensors& got, const NamedTensors& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (const auto& [name, tensor] : wanted) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(got.contains(name));
    EXPECT_EQ(got.at(name).scalar_type(), tensor.scalar_type());
    EXPECT_EQ(got.at(name).sizes(), tensor.sizes());
    EXPECT_TRUE(got.at(name).equal(tensor));
  }
}

// A file with this header text and data, lengths as given.
std::string File(uint64_t header_bytes, const std::string& header, const std::string& data) {
  std::string file(8, '\0');
  std::memcpy(file.data(), &header_bytes, 8);
  return file + header + data;
}
std::string File(const std::string& header, const std::string& data) {
  return File(header.size(), header, data);
}

absl::Status ReadSafetensorsBytes(const std::string& bytes) {
  const TemporaryFolder folder;
  std::ofstream(folder / "t", std::ios::binary) << bytes;
  const absl::Status status = ReadSafetensors(folder / "t").status();
  if (!status.ok()) {
    EXPECT_THAT(Message(status), StartsWith(folder / "t: "));
  }
  return status;
}

TEST(Safetensors, EveryDtypeAndShapeComesBackToTheBit) {
  const TemporaryFolder folder;
  const NamedTensors tensors = EveryDtype();
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"note", "ä \"q\""}};
  const auto digest = WriteSafetensors(folder / "t", tensors, metadata);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, *DigestFile(folder / "t"));
  const auto file = ReadSafetensors(folder / "t");
  ASSERT_TRUE(file.ok()) << file.status();
  ExpectSame(file->tensors, tensors);
  EXPECT_EQ(file->metadata, metadata);
}

TEST(Safetensors, NoTensorsAreAFileToo) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteSafetensors(folder / "t", {}).ok());
  const auto file = ReadSafetensors(folder / "t");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->tensors, IsEmpty());
}

TEST(Safetensors, StoresWhatATensorShowsNotHowItLies) {
  const TemporaryFolder folder;
  const at::Tensor whole = at::arange(24, at::kFloat).reshape({4, 6}).requires_grad_(true);
  const NamedTensors tensors = {{"turned", whole.t()}, {"part", whole.slice(1, 1, 6, 2)}};
  ASSERT_TRUE(WriteSafetensors(folder / "t", tensors).ok());
  ExpectSame(ReadSafetensors(folder / "t")->tensors, tensors);
}

// The layout as the format's own description gives it, read without any code of ours.
TEST(Safetensors, LaysTheFileOutAsTheFormatSays) {
  const TemporaryFolder folder;
  const NamedTensors tensors = {{"a", at::tensor({1, 2, 3}, at::kByte)},
                                {"b", at::tensor({1.5, -2.0}, at::kFloat)}};
  ASSERT_TRUE(WriteSafetensors(folder / "t", tensors, {{"format", "pt"}}).ok());
  const std::string file = Content(folder / "t");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), 8);
  EXPECT_EQ(header_bytes % 8, 0u);
  const auto header = nlohmann::json::parse(file.substr(8, header_bytes));
  EXPECT_EQ(header, nlohmann::json::parse(R"({
      "__metadata__": {"format": "pt"},
      "b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
      "a": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}})"));
  const std::string data = file.substr(8 + header_bytes);
  ASSERT_EQ(data.size(), 11u);
  std::array<float, 2> floats{};
  std::memcpy(floats.data(), data.data(), 8);
  EXPECT_THAT(floats, ElementsAre(1.5f, -2.0f));
  EXPECT_EQ(data.substr(8), "\x01\x02\x03");
}

TEST(Safetensors, EqualContentGivesEqualFiles) {
  const TemporaryFolder folder;
  EXPECT_EQ(*WriteSafetensors(folder / "a", EveryDtype()),
            *WriteSafetensors(folder / "b", EveryDtype()));
}

TEST(Safetensors, RefusesWhatTheFormatCannotHold) {
  const TemporaryFolder folder;
  const std::array<std::pair<NamedTensors, std::string>, 3> cases = {{
      {{{"z", at::ones({2}, at::kComplexFloat)}}, "tensor 'z': dtype ComplexFloat"},
      {{{"__metadata__", at::ones({2})}}, "tensor '__metadata__': the name is taken"},
      {{{"u", at::Tensor()}}, "tensor 'u': is not defined"},
  }};
  for (const auto& [tensors, message] : cases) {
    const absl::Status status = WriteSafetensors(folder / "t", tensors).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), HasSubstr(folder / ("t: " + message)));
  }
  EXPECT_THAT(*ListFolder(folder.path()), IsEmpty());
}

TEST(Safetensors, AFullDiskKeepsTheOldFile) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteSafetensors(folder / "t", {{"a", at::ones({3})}}).ok());
  const std::string before = Content(folder / "t");
  absl::Status status;
  {
    const FileSizeLimit limit(10'000);
    status = WriteSafetensors(folder / "t", {{"a", at::ones({10'000})}}).status();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Content(folder / "t"), before);
  EXPECT_THAT(*ListFolder(folder.path()), ElementsAre("t"));
}

TEST(Safetensors, SaysWhatIsWrongWithADamagedFile) {
  const std::string four = "1234";
  const auto one = [](const std::string& entry) { return "{\"w\":" + entry + "}"; };
  struct Case {
    std::string file;
    std::string message;
  };
  const std::string good = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  const std::vector<Case> cases = {
      {"", "0 bytes are too few"},
      {"1234567", "7 bytes are too few"},
      {File(~uint64_t{0}, "{}", ""), "is not possible"},
      {File(3, "{}", ""), "a header of 3 bytes is not possible"},
      {File(100'000'001, "{}", ""), "is not possible (100000000 allowed, 2 in the file)"},
      {File("{\"w\":", four), "not the JSON object"},
      {File(one(good), "123"), "tensor 'w': ends at byte 4 of 3 bytes of data: the file is cut"},
      {File(one(R"({"dtype":"BOOL","shape":[4],"data_offsets":[0,4]})"), four),
       "tensor 'w': holds a BOOL that is neither 0 nor 1"},
  };
  for (const auto& [file, message] : cases) {
    SCOPED_TRACE(file.substr(0, 100));
    const absl::Status status = ReadSafetensorsBytes(file);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(status), HasSubstr(message));
  }
  EXPECT_TRUE(ReadSafetensorsBytes(File(one(good), four)).ok())
      << "the table's sound file must be read";
}

TEST(Safetensors, AFileCutAnywhereIsRefused) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteSafetensors(folder / "t", {{"a", at::ones({5})}, {"b", at::ones({2})}}).ok());
  const std::string whole = Content(folder / "t");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ReadSafetensorsBytes(whole.substr(0, size)).code(), absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_TRUE(ReadSafetensorsBytes(whole).ok());
}

TEST(Safetensors, ObeysTheCallersLimits) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteSafetensors(folder / "t", {{"a", at::ones({500})}}).ok());
  EXPECT_THAT(Message(ReadSafetensors(folder / "t", {.file_bytes_max = 2000}).status()),
              HasSubstr("larger than the 2000 bytes allowed"));
  EXPECT_THAT(Message(ReadSafetensors(folder / "t", {.header_bytes_max = 8}).status()),
              HasSubstr("is not possible (8 allowed"));
  EXPECT_EQ(ReadSafetensors(folder / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadSafetensors(folder.path()).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lrti::checkpoint
