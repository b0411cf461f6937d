#include "train/formats/unpickle.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <string>

#include "common/base/files.h"
#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What torch.save wrote (tests/data/checkpoints/make.py).
std::string Saved(const std::string& name) {
  return ReadFile(std::string(LRTI_TEST_FUZZ) + "/unpickle/" + name + ".pkl", 1 << 20).value();
}

PickleDocument Read(const std::string& bytes) {
  auto document = Unpickle(bytes);
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? *std::move(document) : PickleDocument{{None()}, {}, 0, 0};
}

// A pickle of protocol 2 with these opcodes.
std::string P2(const std::string& opcodes) { return "\x80\x02" + opcodes; }

template <typename Number>
std::string Raw(Number number) {
  std::string bytes(sizeof(number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}
std::string Text(const std::string& text) {
  return "X" + Raw(static_cast<uint32_t>(text.size())) + text;
}
std::string Int(int64_t number) { return std::string("\x8a\x08", 2) + Raw(number); }
std::string StorageOf(const std::string& type, const std::string& key, int64_t numel) {
  return "(" + Text("storage") + "ctorch\n" + type + "\n" + Text(key) + Text("cpu") + Int(numel) +
         "tQ";
}
std::string TensorOf(const std::string& storage, const std::string& place) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + place + "\x89}tR";
}

const PickleValue& Root(const PickleDocument& document) { return document[document.root]; }
const Dict& RootDict(const PickleDocument& document) { return std::get<Dict>(Root(document)); }

TensorRef TensorAt(const PickleDocument& document, const Dict& dict, const std::string& name) {
  const PickleValue* value = document.Find(dict, name);
  EXPECT_NE(value, nullptr) << name;
  return value == nullptr ? TensorRef() : std::get<TensorRef>(*value);
}

absl::Status Refusal(const std::string& bytes) { return Unpickle(bytes).status(); }

// What Python's torch.save writes.

TEST(Unpickle, ReadsAnOrderedDictInItsOrder) {
  const PickleDocument document = Read(Saved("ordered"));
  const Dict& dict = RootDict(document);
  ASSERT_EQ(dict.items.size(), 2u);  // `_metadata`, its attribute, is left out
  EXPECT_EQ(std::get<std::string>(document[dict.items[0].first]), "weight");
  EXPECT_EQ(std::get<std::string>(document[dict.items[1].first]), "bias");
  const TensorRef weight = TensorAt(document, dict, "weight");
  EXPECT_THAT(weight.shape, ElementsAre(2, 3));
  EXPECT_THAT(weight.strides, ElementsAre(3, 1));
  EXPECT_EQ(document.storages[weight.storage].dtype, Dtype::kFloat);
  EXPECT_EQ(document.storages[weight.storage].numel, 6);
  EXPECT_EQ(document.storages[weight.storage].device, "cpu");
}

TEST(Unpickle, ReadsTheDictsOfBasicSr) {
  const PickleDocument document = Read(Saved("basicsr"));
  for (const char* group : {"params", "params_ema"}) {
    const auto* dict = document.Find(RootDict(document), group);
    ASSERT_NE(dict, nullptr) << group;
    EXPECT_THAT(TensorAt(document, std::get<Dict>(*dict), "bias").shape, ElementsAre(2));
  }
}

TEST(Unpickle, ReadsWhatElseLiesInACheckpointOfMmagic) {
  const PickleDocument document = Read(Saved("mmagic"));
  const auto& meta = std::get<Dict>(*document.Find(RootDict(document), "meta"));
  EXPECT_EQ(std::get<std::string>(*document.Find(meta, "mmedit_version")), "0.15.0");
  EXPECT_EQ(std::get<int64_t>(*document.Find(meta, "iter")), 300000);
  EXPECT_EQ(std::get<double>(*document.Find(meta, "time")), 1.5);
  const auto& hooks = std::get<Dict>(*document.Find(meta, "hook_msgs"));
  EXPECT_TRUE(std::holds_alternative<None>(*document.Find(hooks, "last_ckpt")));
  EXPECT_TRUE(std::get<bool>(*document.Find(hooks, "key")));
  EXPECT_EQ(std::get<Bytes>(*document.Find(hooks, "raw")).data, std::string("\x00\xff", 2));
  const auto& range = std::get<Tuple>(*document.Find(hooks, "range")).items;
  ASSERT_EQ(range.size(), 3u);
  EXPECT_EQ(std::get<int64_t>(document[range[1]]), -2);
  EXPECT_EQ(std::get<int64_t>(document[range[2]]), int64_t{3} << 40);
}

TEST(Unpickle, KnowsEveryElementType) {
  const PickleDocument document = Read(Saved("dtypes"));
  const Dict& dict = RootDict(document);
  const std::array<std::pair<const char*, Dtype>, 10> cases = {{
      {"float64", Dtype::kDouble},
      {"float32", Dtype::kFloat},
      {"float16", Dtype::kHalf},
      {"bfloat16", Dtype::kBFloat16},
      {"int64", Dtype::kLong},
      {"int32", Dtype::kInt},
      {"int16", Dtype::kShort},
      {"int8", Dtype::kChar},
      {"uint8", Dtype::kByte},
      {"bool", Dtype::kBool},
  }};
  for (const auto& [name, dtype] : cases) {
    EXPECT_EQ(document.storages[TensorAt(document, dict, name).storage].dtype, dtype) << name;
  }
  EXPECT_THAT(TensorAt(document, dict, "scalar").shape, ElementsAre());
  EXPECT_THAT(TensorAt(document, dict, "empty").shape, ElementsAre(0, 3));
}

TEST(Unpickle, KeepsViewsOfOneStorageAsViews) {
  const PickleDocument document = Read(Saved("views"));
  const Dict& dict = RootDict(document);
  const TensorRef whole = TensorAt(document, dict, "whole");
  const TensorRef turned = TensorAt(document, dict, "turned");
  const TensorRef part = TensorAt(document, dict, "part");
  EXPECT_EQ(turned.storage, whole.storage);
  EXPECT_THAT(turned.strides, ElementsAre(1, 6));
  EXPECT_EQ(part.offset, 7);
  EXPECT_THAT(part.shape, ElementsAre(2, 3));
  EXPECT_THAT(part.strides, ElementsAre(6, 2));
  EXPECT_EQ(TensorAt(document, dict, "tail").offset, 20);
  EXPECT_THAT(TensorAt(document, dict, "parameter").shape, ElementsAre(2));
}

TEST(Unpickle, ReadsProtocolsThreeToFive) {
  for (const char* name : {"protocol3", "protocol4", "protocol5"}) {
    SCOPED_TRACE(name);
    const PickleDocument document = Read(Saved(name));
    const auto& a = std::get<List>(*document.Find(RootDict(document), "a")).items;
    ASSERT_EQ(a.size(), 5u);
    EXPECT_EQ(std::get<double>(document[a[1]]), -2.5);
    EXPECT_EQ(std::get<Bytes>(document[a[3]]).data, std::string(300, 'x'));
    EXPECT_EQ(std::get<std::string>(document[a[4]]), std::string(300, 'y'));
  }
}

TEST(Unpickle, ReadsAScoreOfNumpy) {
  // numpy.float64(0.5) by numpy 1.26: the dtype with its state, then eight bytes as Latin-1 text.
  const std::string dtype = "cnumpy\ndtype\n(" + Text("f8") + "\x89\x88tR(K\x03" + Text("<") +
                            "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" + std::string(1, '\0') + "tb";
  const std::string bytes = "c_codecs\nencode\n" + Text(std::string("\0\0\0\0\0\0\xc3\xa0?", 9)) +
                            Text("latin1") + "\x86R";
  const PickleDocument document =
      Read(P2("cnumpy.core.multiarray\nscalar\n" + dtype + bytes + "\x86R."));
  EXPECT_EQ(std::get<double>(Root(document)), 0.5);
}

// Code.

TEST(Unpickle, RefusesCodeByItsName) {
  const std::array<std::pair<std::string, std::string>, 6> cases = {{
      {Saved("code"), "asks for code: 'posix.system'"},
      {P2("cos\nsystem\n" + Text("echo harm") + "\x85R."), "asks for code: 'os.system'"},
      {P2("c__builtin__\neval\n."), "asks for code: '__builtin__.eval'"},
      {"\x80\x04\x8c\x08"
       "builtins\x8c\x04"
       "exec\x93.",
       "asks for code: 'builtins.exec'"},
      {P2("ctorch._utils\n_rebuild_tensor\n."), "asks for code: 'torch._utils._rebuild_tensor'"},
      {P2("c\x1b[31m" + std::string(500, 'm') + "\nx\n."), "asks for code: '\\x1b[31mmm"},
  }};
  for (const auto& [bytes, message] : cases) {
    EXPECT_EQ(Refusal(bytes).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(Refusal(bytes)), HasSubstr(message));
    EXPECT_LT(Message(Refusal(bytes)).size(), 400u);
  }
}

TEST(Unpickle, RefusesOpcodesThatMakeObjects) {
  for (const char opcode :
       {'i', 'o', '\x81', '\x92', 'P', '\x82', '\x97', '\x98', '\x8f', 'I', 'S'}) {
    const std::string bytes = P2("}}}" + std::string(1, opcode) + "x\ny\n.");
    EXPECT_EQ(Refusal(bytes).code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(Refusal(bytes)), HasSubstr("is not known"));
  }
}

// Damage.

TEST(Unpickle, SaysWhatIsWrongAndAtWhichByte) {
  const std::string storage = StorageOf("FloatStorage", "0", 6);
  const std::string two_three = "K\x02K\x03\x86";
  const std::string row_major = "K\x03K\x01\x86";
  const std::string zero = std::string("K\0", 2);
  struct Case {
    std::string bytes;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"", "the pickle is cut short after 0 bytes"},
      {"PK", "is no pickle of protocol 2 to 5"},
      {"\x80\x01N.", "byte 0 of the pickle: pickle protocol 1; 2 to 5 are known"},
      {"\x80\x06N.", "pickle protocol 6"},
      {P2(""), "the pickle is cut short after 2 bytes"},
      {P2("."), "byte 2 of the pickle: it ends without a value"},
      {P2("N"), "the pickle is cut short after 3 bytes"},
      {P2("(."), "it ends without a value"},
      {P2("Xabc"), "byte 2 of the pickle: is cut short"},
      {P2("X\xff\xff\xff\xff"
          "abc"),
       "is cut short"},
      {P2("\x8d" + std::string(8, '\xff') + "abc"), "is cut short"},
      {P2("\x95" + std::string(8, '\xff') + "N."), "is cut short"},
      {P2("cos\nsys"), "is cut short"},
      {P2("X\x02" + std::string(3, '\0') + "\xc3\x41."), "a text that is not UTF-8: \\xc3\\x41"},
      {P2("\x8a\x09" + std::string(9, 'x') + "."), "an integer of 9 bytes"},
      {P2("0."), "too few values"},
      {P2("1."), "too few values"},
      {P2("2."), "too few values"},
      {P2("q" + std::string(1, '\0')), "too few values"},
      {P2("N(R."), "too few values"},
      {P2("N(\x86."), "too few values"},
      {P2("t."), "too few values"},
      {P2("](Nu."), "too few values"},
      {P2("}(NNNu."), "too few values"},
      {P2("}(Ne."), "items appended to what is no list"},
      {P2("](NNu."), "items set in what is no dict"},
      {P2("h\x07."), "nothing is kept as number 7"},
      {P2("Nr\xff\xff\xff\x7f."), "a value kept as number 2147483647; 1000000 are allowed"},
      {P2("N)R."), "a call of what cannot be called"},
      {P2("ccollections\nOrderedDict\nNR."), "a call of what cannot be called"},
      {P2("ccollections\nOrderedDict\nN\x85R."), "1 arguments that do not fit"},
      {P2("NNb."), "attributes of an object that has none"},
      {P2("cnumpy\ndtype\n" + Text("f8") + "\x85RK\x03" + Text(">") +
          "\x86"
          "b."),
       "not little-endian"},
      {P2("NQ."), "a storage without its five facts"},
      {P2("(NNNNNtQ."), "a storage that is not ('storage', type, key"},
      {P2(StorageOf("FloatStorage", "0", -1)), "a storage that is not"},
      {P2(StorageOf("FloatStorage", std::string(300, 'k'), 1)), "a storage that is not"},
      {P2(StorageOf("FloatStorage", "0", INT64_MAX / 2)), "is larger than any memory"},
      {P2(StorageOf("ComplexFloatStorage", "0", 1)),
       "elements of type 'torch.ComplexFloatStorage' are not known"},
      {P2(storage + StorageOf("FloatStorage", "0", 7)),
       "storage '0' is 6 FloatStorage in one place"},
      {P2(storage + StorageOf("HalfStorage", "0", 6)), "and 6 HalfStorage in another"},
      {P2(TensorOf("N", zero + two_three + row_major)), "a tensor without a storage"},
      {P2(TensorOf(storage, "N" + two_three + row_major)), "a tensor without a storage"},
      {P2(TensorOf(storage, two_three + row_major)), "a tensor made from 5 arguments"},
      {P2(TensorOf(storage, zero + "N" + row_major)), "a tensor's shape is not a tuple"},
      {P2(TensorOf(storage, zero + two_three + "N\x85")), "a tensor's strides is not of integers"},
      {P2(TensorOf(storage, zero + "(" + std::string(34, 'N') + "t" + row_major)),
       "a tensor of 34 dimensions; 16 are allowed"},
      {P2(TensorOf(storage, "K\x01" + two_three + row_major)), "lies outside"},
      {P2(TensorOf(storage, zero + "K\x02\x85" + row_major)), "is not possible"},
      {P2(TensorOf(storage, Int(-1) + two_three + row_major)), "is not possible"},
      {P2(TensorOf(storage, zero + Int(INT64_MAX) + Int(3) + "\x86" + row_major)),
       "larger than any memory"},
      {P2("ctorch._utils\n_rebuild_parameter\nN\x88}\x87R."), "3 arguments that do not fit"},
      {P2("c_codecs\nencode\n" + Text("\xe2\x82\xac") + Text("latin1") + "\x86R."), "Latin-1"},
      {P2("c_codecs\nencode\n" + Text("a") + Text("rot13") + "\x86R."), "Latin-1"},
      {P2("cnumpy.core.multiarray\nscalar\n" + Text("O8") + "C\x01x\x86R."), "a numpy scalar"},
  };
  for (const auto& [bytes, message] : cases) {
    SCOPED_TRACE(testing::PrintToString(bytes.substr(0, 200)));
    EXPECT_EQ(Refusal(bytes).code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(Refusal(bytes)), HasSubstr(message));
  }
  const PickleDocument sound = Read(P2(TensorOf(storage, zero + two_three + row_major) + "."));
  EXPECT_THAT(std::get<TensorRef>(Root(sound)).shape, ElementsAre(2, 3));
}

TEST(Unpickle, APickleCutAnywhereIsRefused) {
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(LRTI_TEST_FUZZ) + "/unpickle")) {
    const std::string name = file.path().stem().string();
    const std::string whole = Saved(name);
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(Unpickle(whole.substr(0, size)).ok()) << name << " of " << size;
    }
    EXPECT_EQ(Unpickle(whole).ok(), name != "code") << name;
  }
}

// Bombs.

TEST(Unpickle, NestingCostsNoStack) {
  std::string bytes = "\x80\x02";
  constexpr int kDepth = 300'000;
  for (int i = 0; i < kDepth; ++i) bytes += ']';
  for (int i = 1; i < kDepth; ++i) bytes += 'a';
  const PickleDocument document = Read(bytes + ".");
  EXPECT_EQ(document.values.size(), static_cast<size_t>(kDepth));

  EXPECT_TRUE(Unpickle(P2("]2a.")).ok()) << "a list that holds itself";
}

TEST(Unpickle, SharedValuesAreNotMultiplied) {
  // A list of ten references to a list of ten references ...: ten to the power of 40 in all.
  std::string bytes = P2("]q" + std::string(1, '\0'));
  for (char level = 0; level < 40; ++level) {
    bytes += "](";
    for (int i = 0; i < 10; ++i) bytes += std::string("h") + level;
    bytes += std::string("eq") + static_cast<char>(level + 1);
  }
  EXPECT_EQ(Read(bytes + ".").values.size(), 41u);
}

TEST(Unpickle, ObeysTheCallersLimits) {
  const UnpickleLimits limits{.bytes_max = 100, .values_max = 10};
  const std::string ten = P2("NNNNNNNNNN.");
  EXPECT_TRUE(Unpickle(ten, limits).ok());
  EXPECT_THAT(Message(Unpickle(P2("NNNNNNNNNNN."), limits).status()),
              HasSubstr("more than 10 values"));
  EXPECT_THAT(Message(Unpickle(P2("N2222222222."), limits).status()),
              HasSubstr("more than 10 values on the stack"));
  EXPECT_THAT(Message(Unpickle(P2("(((((((((((N."), limits).status()),
              HasSubstr("nested deeper than 10"));
  EXPECT_THAT(Message(Unpickle(std::string(101, 'x'), limits).status()),
              StartsWith("a pickle of 101 bytes; 100 are allowed"));
  // One text of 40 bytes, made into bytes three times.
  const std::string encode = "c_codecs\nencode\nq" + std::string(1, '\0') +
                             Text(std::string(40, 'x')) + Text("latin1") + "\x86q\x01R";
  EXPECT_THAT(Message(Unpickle(P2(encode + std::string("h\0h\1Rh\0h\1R.", 12)), limits).status()),
              HasSubstr("more bytes than the pickle itself may have"));
}

}  // namespace
}  // namespace lrti::formats
