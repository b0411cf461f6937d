#include "train/checkpoint/pth.h"

#include <ATen/ATen.h>

#include <array>
#include <fstream>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "train/checkpoint/test_checkpoints.h"

namespace lrti::checkpoint {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::StartsWith;

Pth Read(const std::string& path, Which which = Which::kAveraged) {
  auto pth = ReadPth(path, which);
  EXPECT_TRUE(pth.ok()) << pth.status();
  return pth.ok() ? *std::move(pth) : Pth();
}

at::Tensor Weight(float add) { return at::arange(6, at::kFloat).reshape({2, 3}) + add; }

void ExpectEqual(const at::Tensor& got, const at::Tensor& wanted) {
  ASSERT_TRUE(got.defined());
  EXPECT_EQ(got.scalar_type(), wanted.scalar_type());
  EXPECT_TRUE(got.equal(wanted)) << got << wanted;
}

// Reads a file of these bytes; its error begins with its path.
absl::Status ReadPthBytes(const std::string& bytes) {
  const TemporaryFolder folder;
  std::ofstream(folder / "t.pth", std::ios::binary) << bytes;
  const absl::Status status = ReadPth(folder / "t.pth").status();
  if (!status.ok()) {
    EXPECT_THAT(Message(status), StartsWith(folder / "t.pth: "));
  }
  return status;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  EXPECT_EQ(from.size(), to.size());
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, to.size(), to);
}

// What torch.save writes.

TEST(ReadPth, ReadsADictAndAnOrderedDict) {
  for (const char* name : {"plain", "ordered"}) {
    SCOPED_TRACE(name);
    const Pth pth = Read(Saved(name));
    EXPECT_EQ(pth.group, "");
    ASSERT_THAT(pth.tensors, ElementsAre(Key("bias"), Key("weight")));
    ExpectEqual(pth.tensors.at("weight"), Weight(0));
    ExpectEqual(pth.tensors.at("bias"), at::tensor({-1.5f, 0.25f}));
  }
}

TEST(ReadPth, TakesTheAveragesOfBasicSrUnlessTheRawAreWanted) {
  const Pth averaged = Read(Saved("basicsr"));
  EXPECT_EQ(averaged.group, "params_ema");
  ExpectEqual(averaged.tensors.at("weight"), Weight(100));
  const Pth raw = Read(Saved("basicsr"), Which::kRaw);
  EXPECT_EQ(raw.group, "params");
  ExpectEqual(raw.tensors.at("weight"), Weight(0));
}

TEST(ReadPth, TakesTheStateDictOfMmagicAndPassesTheRestOver) {
  const Pth pth = Read(Saved("mmagic"));
  EXPECT_EQ(pth.group, "state_dict");
  EXPECT_THAT(pth.tensors,
              ElementsAre(Key("generator.bias"),
                          Key("generator.spynet.basic_module.0.basic_module.1.conv.bias"),
                          Key("generator.upsample1.upsample_conv.bias"), Key("generator.weight"),
                          Key("perceptual_loss.vgg.weight"), Key("step_counter")));
  ExpectEqual(pth.tensors.at("generator.weight"), Weight(0));
}

TEST(ReadPth, KeepsEveryDtype) {
  const Pth pth = Read(Saved("dtypes"));
  const std::array<std::pair<const char*, c10::ScalarType>, 10> cases = {{
      {"float64", at::kDouble},
      {"float32", at::kFloat},
      {"float16", at::kHalf},
      {"bfloat16", at::kBFloat16},
      {"int64", at::kLong},
      {"int32", at::kInt},
      {"int16", at::kShort},
      {"int8", at::kChar},
      {"uint8", at::kByte},
      {"bool", at::kBool},
  }};
  for (const auto& [name, dtype] : cases) {
    SCOPED_TRACE(name);
    ExpectEqual(pth.tensors.at(name), at::arange(6).reshape({2, 3}).to(dtype));
  }
  ExpectEqual(pth.tensors.at("scalar"), at::scalar_tensor(2.5f));
  ExpectEqual(pth.tensors.at("empty"), at::zeros({0, 3}));
}

TEST(ReadPth, ReadsViewsOfASharedStorage) {
  const Pth pth = Read(Saved("views"));
  const at::Tensor whole = at::arange(24, at::kFloat);
  const at::Tensor table = whole.view({4, 6});
  ExpectEqual(pth.tensors.at("whole"), whole);
  ExpectEqual(pth.tensors.at("turned"), table.t());
  ExpectEqual(pth.tensors.at("part"), table.slice(0, 1, 3).slice(1, 1, 6, 2));
  ExpectEqual(pth.tensors.at("tail"), whole.slice(0, 20));
  ExpectEqual(pth.tensors.at("parameter"), at::ones({2}));
  EXPECT_EQ(pth.tensors.at("turned").data_ptr(), pth.tensors.at("whole").data_ptr());
}

// What is refused.

TEST(ReadPth, RefusesCodeByNameAndFile) {
  const absl::Status status = ReadPth(Saved("code")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status),
              AllOf(StartsWith(Saved("code") + ": "), HasSubstr("asks for code: 'posix.system'")));
}

TEST(ReadPth, SaysHowToConvertTheOlderForms) {
  const std::string tar = std::string(257, 'a') + "ustar" + std::string(300, '\0');
  for (const std::string& bytes : {Content(Saved("legacy")), tar, std::string("\x80\x04}.")}) {
    const absl::Status status = ReadPthBytes(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), HasSubstr("import torch; torch.save(torch.load("));
  }
}

TEST(ReadPth, ListsTheKeysWhereThereAreNoTensors) {
  const absl::Status status = ReadPth(Saved("deep")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status),
              HasSubstr("no tensors under params_ema, params, state_dict or at its "
                        "top, which has 4 keys: nested, a, b"));
}

TEST(ReadPth, RefusesWhatIsNoPth) {
  EXPECT_EQ(ReadPthBytes("").code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(ReadPthBytes("no weights at all")), HasSubstr("is no .pth file"));
  EXPECT_EQ(ReadPth("/none/such.pth").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadPth("/").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(ReadPth(Saved("plain"), Which::kRaw, {.file_bytes_max = 100}).status()),
              HasSubstr("larger than the 100 bytes allowed"));
}

TEST(ReadPth, RefusesSizesThatDoNotFitTheRecords) {
  const std::string whole = Content(Saved("plain"));
  ASSERT_TRUE(ReadPthBytes(whole).ok());
  const std::string six = std::string("q\x06K\x06t", 5);  // the storage of six floats
  std::string unlisted = whole;                           // the archive's directory comes last
  unlisted.replace(unlisted.rfind("plain/data/1"), 12, "plain/data/7");
  struct Case {
    std::string bytes;
    std::string message;
  };
  const std::array cases = {
      Case{Replaced(whole, six, std::string("q\x06K\x07t", 5)),
           "tensor 'weight': record 'data/0' has 24 bytes, but 7 elements of FloatStorage are 28"},
      Case{Replaced(whole, six, std::string("q\x06K\x05t", 5)), "lies outside"},
      Case{Replaced(whole, "\nFloatStorage", "\nQIntXStorage"),
           "'torch.QIntXStorage' are not known"},
      Case{Replaced(whole, std::string("K\x02K\x03\x86", 5), std::string("K\x02K\x09\x86", 5)),
           "a tensor of shape [2, 9], strides [3, 1] at element 0 of storage '0' with 6 lies "
           "outside"},
      Case{unlisted, "tensor 'bias': record 'data/1' is missing"},
  };
  for (const auto& [bytes, message] : cases) {
    const absl::Status status = ReadPthBytes(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << message;
    EXPECT_THAT(Message(status), HasSubstr(message));
  }
}

TEST(ReadPth, AFileCutAnywhereIsRefused) {
  const TemporaryFolder folder;
  const std::string whole = Content(Saved("views"));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ReadPthBytes(whole.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_TRUE(ReadPthBytes(whole).ok());
}

// Whatever a damaged byte does, there is an answer, and tensors that can be read.
TEST(ReadPth, ADamagedByteNeverBreaksTheReader) {
  const TemporaryFolder folder;
  const std::string whole = Content(Saved("basicsr"));
  int refused = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ (1 << i % 8));
    std::ofstream(folder / "t.pth", std::ios::binary) << bytes;
    const auto pth = ReadPth(folder / "t.pth");
    if (!pth.ok()) ++refused;
    if (!pth.ok()) continue;
    for (const auto& [name, tensor] : pth->tensors) EXPECT_GE(tensor.clone().numel(), 0) << name;
  }
  EXPECT_GT(refused, 500);
}

// Writing. That Python reads it is held by tests/export_test.py.

TEST(WritePth, IsReadBackToTheBit) {
  const TemporaryFolder folder;
  const NamedTensors tensors = {{"a", at::randn({3, 4}).t()},
                                {"b.half", at::randn({5}).to(at::kHalf)},
                                {"empty", at::zeros({0, 2})},
                                {"scalar", at::scalar_tensor(7)}};
  for (const std::string group : {"params", "state_dict", ""}) {
    SCOPED_TRACE(group);
    const auto digest = WritePth(folder / "t.pth", tensors, group);
    ASSERT_TRUE(digest.ok()) << digest.status();
    EXPECT_EQ(*digest, *DigestFile(folder / "t.pth"));
    const Pth pth = Read(folder / "t.pth");
    EXPECT_EQ(pth.group, group);
    ASSERT_EQ(pth.tensors.size(), tensors.size());
    for (const auto& [name, tensor] : tensors) ExpectEqual(pth.tensors.at(name), tensor);
  }
  EXPECT_EQ(*WritePth(folder / "a", tensors, "x"), *WritePth(folder / "b", tensors, "x"));
}

TEST(WritePth, RefusesWhatPythonCouldNotRead) {
  const TemporaryFolder folder;
  const std::array<std::pair<NamedTensors, std::string>, 3> cases = {{
      {{{"z", at::ones({2}, at::kComplexFloat)}}, "tensor 'z': dtype ComplexFloat"},
      {{{"\xff", at::ones({2})}}, "tensor '\\xff': is not named in UTF-8"},
      {{{"u", at::Tensor()}}, "tensor 'u': is not defined"},
  }};
  for (const auto& [tensors, message] : cases) {
    const absl::Status status = WritePth(folder / "t", tensors, "params").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), HasSubstr(folder / ("t: " + message)));
  }
  EXPECT_THAT(*ListFolder(folder.path()), IsEmpty());
}

TEST(WritePth, AFullDiskKeepsTheOldFile) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WritePth(folder / "t", {{"a", at::ones({3})}}, "params").ok());
  const std::string before = Content(folder / "t");
  absl::Status status;
  {
    const FileSizeLimit limit(10'000);
    status = WritePth(folder / "t", {{"a", at::ones({10'000})}}, "params").status();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Content(folder / "t"), before);
  EXPECT_THAT(*ListFolder(folder.path()), ElementsAre("t"));
}

}  // namespace
}  // namespace lrti::checkpoint
