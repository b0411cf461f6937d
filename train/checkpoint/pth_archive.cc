#include "train/checkpoint/pth_archive.h"

#include <ATen/ATen.h>

#include "common/base/status.h"
#include "train/checkpoint/dtype.h"
#include "train/formats/shown.h"

namespace lrti::checkpoint {
namespace {

using formats::PickleDocument;
using formats::Shown;

constexpr size_t kByteOrderBytesMax = 16;

}  // namespace

absl::Status PthArchive::Open(const formats::UnpickleLimits& limits) {
  LRTI_RETURN_IF_ERROR(CheckByteOrder());
  LRTI_ASSIGN_OR_RETURN(const std::string pickle, ReadText(kPickleRecord, limits.bytes_max));
  absl::StatusOr<PickleDocument> document = formats::Unpickle(pickle, limits);
  if (!document.ok()) return document.status();
  document_ = *std::move(document);
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> PthArchive::Tensor(const formats::TensorRef& ref) {
  LRTI_ASSIGN_OR_RETURN(const at::Tensor storage, StorageOf(ref.storage));
  return storage.as_strided(ref.shape, ref.strides, ref.offset);
}

absl::Status PthArchive::CheckByteOrder() {
  if (!reader_.hasRecord(kByteOrderRecord)) return absl::OkStatus();  // before PyTorch 2.1
  LRTI_ASSIGN_OR_RETURN(const std::string order, ReadText(kByteOrderRecord, kByteOrderBytesMax));
  if (order == "little") return absl::OkStatus();
  return InvalidArgument("its numbers are {}-endian; only little-endian files are read",
                         Shown(order));
}

// Torch compresses nothing, so more must be a trick.
absl::Status PthArchive::Charge(const std::string& record, uint64_t bytes) {
  if (bytes > bytes_left_) {
    return DataLoss("record '{}' of {} bytes is larger than the file", Shown(record), bytes);
  }
  bytes_left_ -= bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::string> PthArchive::ReadText(const std::string& record, uint64_t bytes_max) {
  const uint64_t bytes = reader_.getRecordSize(record);
  LRTI_RETURN_IF_ERROR(Charge(record, bytes));
  if (bytes > bytes_max) {
    return DataLoss("record '{}' has {} bytes; {} are allowed", record, bytes, bytes_max);
  }
  std::string text(bytes, '\0');
  reader_.getRecord(record, text.data(), text.size());
  return text;
}

absl::StatusOr<at::Tensor> PthArchive::StorageOf(uint32_t number) {
  if (const auto known = loaded_.find(number); known != loaded_.end()) return known->second;
  const formats::Storage& storage = document_.storages[number];
  const std::string record = kDataPrefix + storage.key;
  if (!reader_.hasRecord(record)) return DataLoss("record '{}' is missing", Shown(record));
  const uint64_t bytes = reader_.getRecordSize(record);
  // The product cannot overflow: Unpickle has looked at it.
  const auto wanted = static_cast<uint64_t>(storage.numel * formats::BytesOf(storage.dtype));
  if (bytes != wanted) {
    return DataLoss("record '{}' has {} bytes, but {} elements of {} are {}", Shown(record), bytes,
                    storage.numel, formats::StorageName(storage.dtype), wanted);
  }
  LRTI_RETURN_IF_ERROR(Charge(record, bytes));
  at::Tensor elements = at::empty({storage.numel}, at::TensorOptions(TensorDtype(storage.dtype)));
  if (bytes > 0) reader_.getRecord(record, elements.mutable_data_ptr(), bytes);
  if (!BoolsAreSound(elements)) {
    return DataLoss("record '{}' holds a bool that is neither 0 nor 1", Shown(record));
  }
  return loaded_.emplace(number, std::move(elements)).first->second;
}

}  // namespace lrti::checkpoint
