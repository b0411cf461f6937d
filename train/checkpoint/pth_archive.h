#pragma once

#include <ATen/core/Tensor.h>
#include <caffe2/serialize/inline_container.h>

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "train/formats/pickle_value.h"
#include "train/formats/unpickle.h"

namespace lrti::checkpoint {

/// Records of a .pth archive; a tensor's elements lie in `data/KEY`.
inline constexpr const char* kPickleRecord = "data.pkl";
inline constexpr const char* kByteOrderRecord = "byteorder";
inline constexpr const char* kDataPrefix = "data/";

/// A .pth archive whose tensors are read on demand. All methods may also throw what LibTorch's
/// reader throws; messages do not name the file.
class PthArchive {
 public:
  /// `file_bytes`, the size of the file, bounds what is read from it.
  PthArchive(const std::string& path, uint64_t file_bytes)
      : reader_(path), bytes_left_(file_bytes) {}

  /// Reads the pickle; comes before all else. Errors: as Unpickle; DataLoss; InvalidArgument for a
  /// big-endian file.
  absl::Status Open(const formats::UnpickleLimits& limits);

  const formats::PickleDocument& document() const { return document_; }

  /// A tensor of the document, on the CPU. Views of one storage share it. Errors: DataLoss.
  absl::StatusOr<at::Tensor> Tensor(const formats::TensorRef& ref);

 private:
  absl::Status CheckByteOrder();
  /// Takes `bytes` from what the file can hold.
  absl::Status Charge(const std::string& record, uint64_t bytes);
  absl::StatusOr<std::string> ReadText(const std::string& record, uint64_t bytes_max);
  absl::StatusOr<at::Tensor> StorageOf(uint32_t number);

  caffe2::serialize::PyTorchStreamReader reader_;
  uint64_t bytes_left_;
  formats::PickleDocument document_;
  std::map<uint32_t, at::Tensor> loaded_;
};

}  // namespace lrti::checkpoint
