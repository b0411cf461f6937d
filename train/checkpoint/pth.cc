#include "train/checkpoint/pth.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_join.h"
#include "common/base/files.h"
#include "common/base/open_file.h"
#include "common/base/status.h"
#include "train/checkpoint/guarded.h"
#include "train/checkpoint/pth_archive.h"
#include "train/formats/naming.h"
#include "train/formats/shown.h"

namespace lrti::checkpoint {
namespace {

using formats::PickleDocument;
using formats::Shown;

constexpr size_t kKeysListed = 10;

// What a file is by its first bytes and its length.
enum class Form { kArchive, kOlder, kOther };

struct Look {
  Form form = Form::kOther;
  uint64_t bytes = 0;
};

// A pickle begins with its protocol, 2 to 5. So may the length of a .safetensors file's header, but
// that is followed by zeros and a brace.
bool BeginsAsPickle(std::string_view head) {
  if (head.size() < 2 || head[0] != '\x80' || head[1] < 2 || head[1] > 5) return false;
  return head.size() <= 8 || head[7] != 0 || head[8] != '{';
}

bool BeginsAsTar(std::string_view head) {
  constexpr size_t kMagicAt = 257;
  return head.size() > kMagicAt && head.substr(kMagicAt).starts_with("ustar");
}

Form FormOf(std::string_view head) {
  if (head.starts_with("PK\x03\x04")) return Form::kArchive;
  return BeginsAsPickle(head) || BeginsAsTar(head) ? Form::kOlder : Form::kOther;
}

absl::StatusOr<Look> LookAt(const std::string& path) {
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return FileError(errno, path, "cannot open");
  struct stat info {};
  if (::fstat(file.fd(), &info) != 0) return FileError(errno, path, "cannot look at");
  if (!S_ISREG(info.st_mode)) return InvalidArgument("{}: is not a file", path);
  std::array<char, 512> block{};
  const ssize_t got = ::pread(file.fd(), block.data(), block.size(), 0);
  if (got < 0) return FileError(errno, path, "cannot read");
  const std::string_view head(block.data(), static_cast<size_t>(got));
  return Look{.form = FormOf(head), .bytes = static_cast<uint64_t>(info.st_size)};
}

absl::Status OlderForm(const std::string& path) {
  return InvalidArgument(
      "{0}: is in the form of PyTorch before 1.6, which is not read here; convert it with: python3 "
      "-c \"import torch; torch.save(torch.load('{0}', map_location='cpu', weights_only=True), "
      "'converted.pth')\"",
      path);
}

struct Group {
  const formats::Dict* dict = nullptr;
  std::string name;
};

absl::StatusOr<Group> Choose(const PickleDocument& document, Which which) {
  const auto* top = std::get_if<formats::Dict>(&document[document.root]);
  if (top == nullptr) return InvalidArgument("holds no dict of tensors");
  std::array<std::string, 3> names = {formats::kBasicSrAverageGroup, formats::kBasicSrGroup,
                                      formats::kMmagicGroup};
  if (which == Which::kRaw) std::swap(names[0], names[1]);
  for (const std::string& name : names) {
    const formats::PickleValue* value = document.Find(*top, name);
    const auto* dict = value == nullptr ? nullptr : std::get_if<formats::Dict>(value);
    if (dict != nullptr) return Group{dict, name};
  }
  return Group{top, ""};
}

std::string KeysOf(const PickleDocument& document, const formats::Dict& dict) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : dict.items) {
    const auto* text = std::get_if<std::string>(&document[key]);
    if (text != nullptr && keys.size() < kKeysListed) keys.push_back(Shown(*text));
  }
  return fmt::format("{} keys: {}", dict.items.size(), absl::StrJoin(keys, ", "));
}

absl::StatusOr<Pth> Read(const std::string& path, uint64_t bytes, Which which,
                         const PthLimits& limits) {
  PthArchive archive(path, bytes);
  LRTI_RETURN_IF_ERROR(archive.Open(limits.pickle));
  const PickleDocument& document = archive.document();
  LRTI_ASSIGN_OR_RETURN(const Group group, Choose(document, which));
  Pth pth{.tensors = {}, .group = group.name};
  for (const auto& [key, value] : group.dict->items) {
    const auto* name = std::get_if<std::string>(&document[key]);
    const auto* ref = std::get_if<formats::TensorRef>(&document[value]);
    if (name == nullptr || ref == nullptr) continue;
    absl::StatusOr<at::Tensor> tensor = archive.Tensor(*ref);
    if (!tensor.ok()) {
      return Prefixed(tensor.status(), fmt::format("tensor '{}'", Shown(*name)));
    }
    if (!pth.tensors.emplace(*name, *std::move(tensor)).second) {
      return DataLoss("tensor '{}' occurs twice", Shown(*name));
    }
  }
  if (pth.tensors.empty()) {
    return InvalidArgument(
        "no tensors under params_ema, params, state_dict or at its top, which has {}",
        KeysOf(document, *group.dict));
  }
  return pth;
}

}  // namespace

absl::StatusOr<bool> LooksLikePth(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const Look look, LookAt(path));
  return look.form != Form::kOther;
}

absl::StatusOr<Pth> ReadPth(const std::string& path, Which which, const PthLimits& limits) {
  LRTI_ASSIGN_OR_RETURN(const Look look, LookAt(path));
  if (look.form == Form::kOlder) return OlderForm(path);
  if (look.form == Form::kOther) {
    return DataLoss("{}: is no .pth file: it does not begin as a zip archive does", path);
  }
  if (look.bytes > limits.file_bytes_max) {
    return DataLoss("{}: larger than the {} bytes allowed", path, limits.file_bytes_max);
  }
  absl::StatusOr<Pth> pth =
      Guarded(absl::StatusCode::kDataLoss, [&] { return Read(path, look.bytes, which, limits); });
  if (!pth.ok()) return Prefixed(pth.status(), path);
  return pth;
}

}  // namespace lrti::checkpoint
