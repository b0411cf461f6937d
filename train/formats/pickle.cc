#include "train/formats/pickle.h"

#include <limits>
#include <string_view>

#include "common/base/check.h"
#include "fmt/format.h"
#include "train/formats/utf8.h"

namespace lrti::formats {
namespace {

// Opcodes by the letters of `pickletools`: c GLOBAL, ( MARK, t TUPLE, R REDUCE, Q BINPERSID,
// u SETITEMS, } EMPTY_DICT, ) EMPTY_TUPLE, X BINUNICODE, J BININT, \x8a LONG1, \x89 NEWFALSE.
constexpr std::string_view kOrderedDict = "ccollections\nOrderedDict\n)R";

template <typename Number>
std::string LittleEndian(Number number) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(number); ++i) {
    bytes += static_cast<char>(static_cast<uint64_t>(number) >> (8 * i) & 0xff);
  }
  return bytes;
}

std::string Text(const std::string& text) {
  LRTI_CHECK(IsUtf8(text) && text.size() <= std::numeric_limits<uint32_t>::max());
  return 'X' + LittleEndian(static_cast<uint32_t>(text.size())) + text;
}

std::string Integer(int64_t number) {
  LRTI_CHECK(number >= 0);
  if (number <= std::numeric_limits<int32_t>::max()) {
    return 'J' + LittleEndian(static_cast<int32_t>(number));
  }
  return "\x8a\x08" + LittleEndian(number);
}

std::string TupleOf(const std::vector<int64_t>& numbers) {
  std::string items;
  for (const int64_t number : numbers) items += Integer(number);
  return '(' + items + 't';
}

int64_t Numel(const std::vector<int64_t>& shape) {
  int64_t numel = 1;
  for (const int64_t size : shape) numel *= size;
  return numel;
}

std::vector<int64_t> RowMajorStrides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i > 1; --i) {
    strides[i - 2] = strides[i - 1] * (shape[i - 1] > 0 ? shape[i - 1] : 1);
  }
  return strides;
}

std::string StorageText(const PickledTensor& tensor, size_t number) {
  return '(' + Text("storage") + fmt::format("ctorch\n{}\n", StorageName(tensor.dtype)) +
         Text(std::to_string(number)) + Text("cpu") + Integer(Numel(tensor.shape)) + "tQ";
}

// torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())
std::string TensorText(const PickledTensor& tensor, size_t number) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + StorageText(tensor, number) + Integer(0) +
         TupleOf(tensor.shape) + TupleOf(RowMajorStrides(tensor.shape)) + '\x89' +
         std::string(kOrderedDict) + "tR";
}

std::string DictText(const std::vector<PickledTensor>& tensors) {
  std::string text = std::string(kOrderedDict) + '(';
  for (size_t i = 0; i < tensors.size(); ++i) {
    text += Text(tensors[i].name) + TensorText(tensors[i], i);
  }
  return text + 'u';
}

}  // namespace

std::string PickleTensors(const std::string& group, const std::vector<PickledTensor>& tensors) {
  const std::string dict = DictText(tensors);
  return "\x80\x02" + (group.empty() ? dict : "}(" + Text(group) + dict + 'u') + '.';
}

}  // namespace lrti::formats
