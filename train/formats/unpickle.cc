#include "train/formats/unpickle.h"

#include <bit>
#include <optional>
#include <string>

#include "common/base/status.h"
#include "train/formats/byte_reader.h"
#include "train/formats/pickle_objects.h"
#include "train/formats/shown.h"
#include "train/formats/utf8.h"

namespace lrti::formats {
namespace {

// The opcodes of protocols 2 to 5 that Python's pickler writes, by their names in `pickletools`.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersid = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kBinFloat = 'G',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinString = 'T',
  kShortBinString = 'U',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
};

constexpr uint8_t kProtocolMin = 2;
constexpr uint8_t kProtocolMax = 5;

absl::Status Cut() { return DataLoss("is cut short"); }
absl::Status TooFew() { return DataLoss("too few values for this opcode"); }

// Pickle's machine: a stack with marks in it, and a memo of values to be used again.
class Machine {
 public:
  Machine(std::string_view bytes, const UnpickleLimits& limits, PickleDocument& document)
      : reader_(bytes), limits_(limits), document_(document), objects_(document, limits) {}

  absl::Status Run();

 private:
  absl::Status Step(uint8_t opcode);
  absl::Status StepOnNumber(uint8_t opcode);
  absl::Status StepOnText(uint8_t opcode);
  absl::Status StepOnContainer(uint8_t opcode);
  absl::Status StepOnMemo(uint8_t opcode);
  absl::Status StepOnStack(uint8_t opcode);
  absl::Status StepOnObject(uint8_t opcode);

  absl::Status Push(ValueId id);
  absl::Status PushNew(PickleValue value);
  /// The pushed result of an operation that may fail.
  absl::Status PushResult(const absl::StatusOr<ValueId>& result);
  /// Values above the last mark.
  size_t Above() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
  /// Takes the top `count` values off, first one first; none where there are fewer.
  std::optional<std::vector<ValueId>> Take(size_t count);
  /// Takes the last mark and all above it off.
  std::optional<std::vector<ValueId>> TakeToMark();

  template <typename Number>
  absl::Status Integer();
  template <typename Length>
  absl::Status Text(bool is_text);
  absl::Status Long();
  absl::Status Float();
  absl::Status MakeTuple(std::optional<std::vector<ValueId>> items);
  absl::Status Append(std::optional<std::vector<ValueId>> items);
  absl::Status SetItems(std::optional<std::vector<ValueId>> items);
  template <typename Index>
  absl::Status Get();
  template <typename Index>
  absl::Status Put();
  absl::Status PutAt(size_t index);
  absl::Status Protocol();
  absl::Status Frame();
  absl::Status Global();
  absl::Status StackGlobal();

  ByteReader reader_;
  const UnpickleLimits& limits_;
  PickleDocument& document_;
  PickleObjects objects_;
  std::vector<ValueId> stack_;
  std::vector<size_t> marks_;
  std::vector<std::optional<ValueId>> memo_;
  size_t memoized_ = 0;
};

absl::Status Machine::Push(ValueId id) {
  if (stack_.size() >= limits_.values_max) {
    return DataLoss("more than {} values on the stack", limits_.values_max);
  }
  stack_.push_back(id);
  return absl::OkStatus();
}

absl::Status Machine::PushResult(const absl::StatusOr<ValueId>& result) {
  return result.ok() ? Push(*result) : result.status();
}

absl::Status Machine::PushNew(PickleValue value) {
  return PushResult(objects_.Add(std::move(value)));
}

std::optional<std::vector<ValueId>> Machine::Take(size_t count) {
  if (Above() < count) return std::nullopt;
  const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
  std::vector<ValueId> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  return items;
}

std::optional<std::vector<ValueId>> Machine::TakeToMark() {
  if (marks_.empty()) return std::nullopt;
  auto items = Take(Above());
  marks_.pop_back();
  return items;
}

// Numbers.

template <typename Number>
absl::Status Machine::Integer() {
  Number number = 0;
  if (!reader_.Read(number)) return Cut();
  return PushNew(static_cast<int64_t>(number));
}

// Two's complement, little-endian, as short as possible; torch needs no more than 64 bits.
absl::Status Machine::Long() {
  uint8_t size = 0;
  std::string_view bytes;
  if (!reader_.Read(size) || !reader_.ReadBytes(size, bytes)) return Cut();
  if (size > sizeof(int64_t)) return DataLoss("an integer of {} bytes; 8 are allowed", size);
  const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
  uint64_t number = negative ? ~uint64_t{0} : 0;
  for (size_t i = bytes.size(); i > 0; --i)
    number = number << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return PushNew(static_cast<int64_t>(number));
}

absl::Status Machine::Float() {
  uint64_t bits = 0;
  if (!reader_.Read(bits)) return Cut();
  return PushNew(std::bit_cast<double>(__builtin_bswap64(bits)));  // the one big-endian number
}

absl::Status Machine::StepOnNumber(uint8_t opcode) {
  switch (opcode) {
    case kNone:
      return PushNew(None());
    case kNewTrue:
      return PushNew(true);
    case kNewFalse:
      return PushNew(false);
    case kBinInt:
      return Integer<int32_t>();
    case kBinInt1:
      return Integer<uint8_t>();
    case kBinInt2:
      return Integer<uint16_t>();
    case kLong1:
      return Long();
    default:
      return Float();
  }
}

// Texts.

template <typename Length>
absl::Status Machine::Text(bool is_text) {
  Length length = 0;
  std::string_view bytes;
  if (!reader_.Read(length) || !reader_.ReadBytes(length, bytes)) return Cut();
  if (!is_text) return PushNew(Bytes{std::string(bytes)});
  if (!IsUtf8(bytes)) return DataLoss("a text that is not UTF-8: {}", Shown(bytes));
  return PushNew(std::string(bytes));
}

absl::Status Machine::StepOnText(uint8_t opcode) {
  switch (opcode) {
    case kShortBinUnicode:
    case kShortBinString:
      return Text<uint8_t>(true);
    case kBinUnicode:
    case kBinString:
      return Text<uint32_t>(true);
    case kBinUnicode8:
      return Text<uint64_t>(true);
    case kShortBinBytes:
      return Text<uint8_t>(false);
    case kBinBytes:
      return Text<uint32_t>(false);
    default:
      return Text<uint64_t>(false);
  }
}

// Containers.

absl::Status Machine::MakeTuple(std::optional<std::vector<ValueId>> items) {
  if (!items) return TooFew();
  return PushNew(Tuple{*std::move(items)});
}

absl::Status Machine::Append(std::optional<std::vector<ValueId>> items) {
  if (!items || Above() == 0) return TooFew();
  auto* list = std::get_if<List>(&document_.values[stack_.back()]);
  if (list == nullptr) return DataLoss("items appended to what is no list");
  list->items.insert(list->items.end(), items->begin(), items->end());
  return absl::OkStatus();
}

absl::Status Machine::SetItems(std::optional<std::vector<ValueId>> items) {
  if (!items || items->size() % 2 != 0 || Above() == 0) return TooFew();
  auto* dict = std::get_if<Dict>(&document_.values[stack_.back()]);
  if (dict == nullptr) return DataLoss("items set in what is no dict");
  for (size_t i = 0; i < items->size(); i += 2) {
    dict->items.emplace_back((*items)[i], (*items)[i + 1]);
  }
  return absl::OkStatus();
}

absl::Status Machine::StepOnContainer(uint8_t opcode) {
  switch (opcode) {
    case kEmptyDict:
      return PushNew(Dict());
    case kEmptyList:
      return PushNew(List());
    case kEmptyTuple:
      return PushNew(Tuple());
    case kTuple:
      return MakeTuple(TakeToMark());
    case kTuple1:
      return MakeTuple(Take(1));
    case kTuple2:
      return MakeTuple(Take(2));
    case kTuple3:
      return MakeTuple(Take(3));
    case kAppend:
      return Append(Take(1));
    case kAppends:
      return Append(TakeToMark());
    case kSetItem:
      return SetItems(Take(2));
    default:
      return SetItems(TakeToMark());
  }
}

// The memo.

template <typename Index>
absl::Status Machine::Get() {
  Index index = 0;
  if (!reader_.Read(index)) return Cut();
  if (index >= memo_.size() || !memo_[index])
    return DataLoss("nothing is kept as number {}", index);
  return Push(*memo_[index]);
}

template <typename Index>
absl::Status Machine::Put() {
  Index index = 0;
  if (!reader_.Read(index)) return Cut();
  return PutAt(index);
}

absl::Status Machine::PutAt(size_t index) {
  if (Above() == 0) return TooFew();
  if (index >= limits_.values_max) {
    return DataLoss("a value kept as number {}; {} are allowed", index, limits_.values_max);
  }
  if (index >= memo_.size()) memo_.resize(index + 1);
  if (!memo_[index]) ++memoized_;
  memo_[index] = stack_.back();
  return absl::OkStatus();
}

absl::Status Machine::StepOnMemo(uint8_t opcode) {
  switch (opcode) {
    case kBinGet:
      return Get<uint8_t>();
    case kLongBinGet:
      return Get<uint32_t>();
    case kBinPut:
      return Put<uint8_t>();
    case kLongBinPut:
      return Put<uint32_t>();
    default:
      return PutAt(memoized_);
  }
}

// The stack.

absl::Status Machine::Protocol() {
  uint8_t protocol = 0;
  if (!reader_.Read(protocol)) return Cut();
  if (protocol < kProtocolMin || protocol > kProtocolMax) {
    return DataLoss("pickle protocol {}; {} to {} are known", protocol, kProtocolMin, kProtocolMax);
  }
  return absl::OkStatus();
}

absl::Status Machine::Frame() {
  uint64_t size = 0;
  if (!reader_.Read(size) || size > reader_.left()) return Cut();
  return absl::OkStatus();
}

absl::Status Machine::StepOnStack(uint8_t opcode) {
  switch (opcode) {
    case kProto:
      return Protocol();
    case kFrame:
      return Frame();
    case kMark:
      if (marks_.size() >= limits_.values_max) {
        return DataLoss("nested deeper than {}", limits_.values_max);
      }
      marks_.push_back(stack_.size());
      return absl::OkStatus();
    case kDup:
      return Above() == 0 ? TooFew() : Push(stack_.back());
    case kPopMark:
      return TakeToMark() ? absl::OkStatus() : TooFew();
    default:
      return Take(1) || TakeToMark() ? absl::OkStatus() : TooFew();
  }
}

// Names, calls, storages.

absl::Status Machine::Global() {
  std::string_view module;
  std::string_view name;
  if (!reader_.ReadLine(module) || !reader_.ReadLine(name)) return Cut();
  LRTI_ASSIGN_OR_RETURN(const Name known, Resolve(module, name));
  return PushNew(known);
}

absl::Status Machine::StackGlobal() {
  const auto names = Take(2);
  if (!names) return TooFew();
  const auto* module = std::get_if<std::string>(&document_.values[(*names)[0]]);
  const auto* name = std::get_if<std::string>(&document_.values[(*names)[1]]);
  if (module == nullptr || name == nullptr) return DataLoss("a name that is no text");
  LRTI_ASSIGN_OR_RETURN(const Name known, Resolve(*module, *name));
  return PushNew(known);
}

absl::Status Machine::StepOnObject(uint8_t opcode) {
  if (opcode == kGlobal) return Global();
  if (opcode == kStackGlobal) return StackGlobal();
  const auto operands = Take(opcode == kBinPersid ? 1 : 2);
  if (!operands) return TooFew();
  const ValueId first = operands->front();
  if (opcode == kBinPersid) return PushResult(objects_.FindStorage(first));
  const ValueId second = operands->back();
  if (opcode == kReduce) return PushResult(objects_.Apply(first, second));
  LRTI_RETURN_IF_ERROR(objects_.CheckState(first, second));
  return Push(first);
}

absl::Status Machine::Step(uint8_t opcode) {
  switch (opcode) {
    case kNone:
    case kNewTrue:
    case kNewFalse:
    case kBinInt:
    case kBinInt1:
    case kBinInt2:
    case kLong1:
    case kBinFloat:
      return StepOnNumber(opcode);
    case kShortBinUnicode:
    case kBinUnicode:
    case kBinUnicode8:
    case kShortBinString:
    case kBinString:
    case kShortBinBytes:
    case kBinBytes:
    case kBinBytes8:
    case kByteArray8:
      return StepOnText(opcode);
    case kEmptyDict:
    case kEmptyList:
    case kEmptyTuple:
    case kTuple:
    case kTuple1:
    case kTuple2:
    case kTuple3:
    case kAppend:
    case kAppends:
    case kSetItem:
    case kSetItems:
      return StepOnContainer(opcode);
    case kBinGet:
    case kLongBinGet:
    case kBinPut:
    case kLongBinPut:
    case kMemoize:
      return StepOnMemo(opcode);
    case kProto:
    case kFrame:
    case kMark:
    case kDup:
    case kPop:
    case kPopMark:
      return StepOnStack(opcode);
    case kGlobal:
    case kStackGlobal:
    case kReduce:
    case kBuild:
    case kBinPersid:
      return StepOnObject(opcode);
    default:
      return DataLoss("opcode {:#04x} is not known", opcode);
  }
}

absl::Status Machine::Run() {
  uint8_t opcode = 0;
  for (bool first = true; reader_.Read(opcode); first = false) {
    const size_t at = reader_.position() - 1;
    if (first && opcode != kProto) return DataLoss("is no pickle of protocol 2 to 5");
    if (opcode == kStop) {
      if (Above() == 0) return DataLoss("byte {} of the pickle: it ends without a value", at);
      document_.root = stack_.back();
      document_.bytes = reader_.position();
      return absl::OkStatus();
    }
    if (const absl::Status status = Step(opcode); !status.ok()) {
      return Prefixed(status, fmt::format("byte {} of the pickle", at));
    }
  }
  return DataLoss("the pickle is cut short after {} bytes", reader_.position());
}

}  // namespace

absl::StatusOr<PickleDocument> Unpickle(std::string_view bytes, const UnpickleLimits& limits) {
  if (bytes.size() > limits.bytes_max) {
    return DataLoss("a pickle of {} bytes; {} are allowed", bytes.size(), limits.bytes_max);
  }
  PickleDocument document;
  LRTI_RETURN_IF_ERROR(Machine(bytes, limits, document).Run());
  return document;
}

}  // namespace lrti::formats
