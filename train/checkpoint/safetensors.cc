#include "train/checkpoint/safetensors.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/open_file.h"
#include "common/base/status.h"
#include "train/checkpoint/dtype.h"
#include "train/formats/safetensors_header.h"
#include "train/formats/utf8.h"

namespace lrti::checkpoint {
namespace {

using formats::SafetensorsHeader;
using formats::TensorEntry;

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr size_t kPieceBytes = size_t{64} << 20;

absl::StatusOr<SafetensorsHeader> Plan(const NamedTensors& tensors,
                                       const std::map<std::string, std::string>& metadata) {
  SafetensorsHeader header;
  header.metadata = metadata;
  for (const auto& [name, tensor] : tensors) {
    if (!formats::IsUtf8(name)) return InvalidArgument("tensor '{}': is not named in UTF-8", name);
    if (name == formats::kMetadataName)
      return InvalidArgument("tensor '{}': the name is taken", name);
    if (!tensor.defined()) return InvalidArgument("tensor '{}': is not defined", name);
    const absl::StatusOr<formats::Dtype> dtype = FileDtype(tensor.scalar_type());
    if (!dtype.ok()) return Prefixed(dtype.status(), fmt::format("tensor '{}'", name));
    header.entries.push_back({name, *dtype, tensor.sizes().vec(), 0, 0});
  }
  std::stable_sort(header.entries.begin(), header.entries.end(),
                   [](const TensorEntry& a, const TensorEntry& b) {
                     return formats::BytesOf(a.dtype) > formats::BytesOf(b.dtype);
                   });
  uint64_t end = 0;
  for (TensorEntry& entry : header.entries) {
    entry.begin = end;
    end += tensors.at(entry.name).nbytes();
    entry.end = end;
  }
  return header;
}

// A file that is read from its front to its end, with its length known.
class Source {
 public:
  static absl::StatusOr<Source> Open(const std::string& path) {
    OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return FileError(errno, path, "cannot open");
    struct stat info {};
    if (::fstat(file.fd(), &info) != 0) return FileError(errno, path, "cannot look at");
    if (!S_ISREG(info.st_mode)) return InvalidArgument("{}: is not a file", path);
    return Source(std::move(file), path, static_cast<uint64_t>(info.st_size));
  }

  uint64_t bytes() const { return bytes_; }

  absl::Status Read(void* to, uint64_t size) {
    char* at = static_cast<char*>(to);
    while (size > 0) {
      const ssize_t got = ::read(file_.fd(), at, std::min<uint64_t>(size, kPieceBytes));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FileError(errno, path_, "cannot read");
      if (got == 0) return DataLoss("{}: became shorter while it was read", path_);
      at += got;
      size -= static_cast<uint64_t>(got);
    }
    return absl::OkStatus();
  }

 private:
  Source(OpenFile file, std::string path, uint64_t bytes)
      : file_(std::move(file)), path_(std::move(path)), bytes_(bytes) {}

  OpenFile file_;
  std::string path_;
  uint64_t bytes_;
};

absl::StatusOr<SafetensorsHeader> ReadHeader(Source& source, const std::string& path,
                                             const SafetensorsLimits& limits) {
  if (source.bytes() > limits.file_bytes_max) {
    return DataLoss("{}: larger than the {} bytes allowed", path, limits.file_bytes_max);
  }
  uint64_t size = 0;
  if (source.bytes() < sizeof(size)) {
    return DataLoss("{}: {} bytes are too few for a .safetensors file", path, source.bytes());
  }
  LRTI_RETURN_IF_ERROR(source.Read(&size, sizeof(size)));
  const uint64_t rest = source.bytes() - sizeof(size);
  if (size > limits.header_bytes_max || size > rest) {
    return DataLoss("{}: a header of {} bytes is not possible ({} allowed, {} in the file)", path,
                    size, limits.header_bytes_max, rest);
  }
  std::string text(size, '\0');
  LRTI_RETURN_IF_ERROR(source.Read(text.data(), text.size()));
  absl::StatusOr<SafetensorsHeader> header = formats::ParseHeader(text, rest - size);
  if (!header.ok()) return Prefixed(header.status(), path);
  return header;
}

}  // namespace

absl::StatusOr<FileDigest> WriteSafetensors(const std::string& path, const NamedTensors& tensors,
                                            const std::map<std::string, std::string>& metadata) {
  absl::StatusOr<SafetensorsHeader> header = Plan(tensors, metadata);
  if (!header.ok()) return Prefixed(header.status(), path);
  LRTI_ASSIGN_OR_RETURN(FileWriter writer, FileWriter::CreateAtomic(path));
  const std::string text = formats::HeaderText(*header);
  const uint64_t size = text.size();
  std::string length(sizeof(size), '\0');
  std::memcpy(length.data(), &size, sizeof(size));
  LRTI_RETURN_IF_ERROR(writer.Write(length));
  LRTI_RETURN_IF_ERROR(writer.Write(text));
  for (const TensorEntry& entry : header->entries) {
    const at::Tensor flat = tensors.at(entry.name).detach().to(at::kCPU).contiguous();
    LRTI_RETURN_IF_ERROR(
        writer.Write({static_cast<const char*>(flat.const_data_ptr()), flat.nbytes()}));
  }
  return writer.Finish();
}

absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path,
                                            const SafetensorsLimits& limits) {
  LRTI_ASSIGN_OR_RETURN(Source source, Source::Open(path));
  LRTI_ASSIGN_OR_RETURN(SafetensorsHeader header, ReadHeader(source, path, limits));
  Safetensors file;
  file.metadata = std::move(header.metadata);
  for (const TensorEntry& entry : header.entries) {
    const at::Tensor tensor = at::empty(entry.shape, at::TensorOptions(TensorDtype(entry.dtype)));
    LRTI_RETURN_IF_ERROR(source.Read(tensor.mutable_data_ptr(), tensor.nbytes()));
    if (!BoolsAreSound(tensor)) {
      return DataLoss("{}: tensor '{}': holds a BOOL that is neither 0 nor 1", path, entry.name);
    }
    file.tensors.emplace(entry.name, tensor);
  }
  return file;
}

}  // namespace lrti::checkpoint
