#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>

#include <vector>

#include "common/base/file_writer.h"
#include "common/base/status.h"
#include "train/checkpoint/dtype.h"
#include "train/checkpoint/guarded.h"
#include "train/checkpoint/pth.h"
#include "train/checkpoint/pth_archive.h"
#include "train/formats/pickle.h"
#include "train/formats/shown.h"
#include "train/formats/utf8.h"

namespace lrti::checkpoint {
namespace {

using caffe2::serialize::PyTorchStreamWriter;
using formats::Shown;

// Hands what LibTorch writes to a FileWriter. LibTorch's writer must never see a failure, because
// its destructor would throw; the status tells afterwards.
class Output {
 public:
  explicit Output(FileWriter& writer) : writer_(writer) {}

  size_t Write(const void* bytes, size_t size) {
    if (status_.ok()) status_ = writer_.Write({static_cast<const char*>(bytes), size});
    return size;
  }
  const absl::Status& status() const { return status_; }

 private:
  FileWriter& writer_;
  absl::Status status_;
};

absl::StatusOr<std::vector<formats::PickledTensor>> Describe(const NamedTensors& tensors) {
  std::vector<formats::PickledTensor> described;
  for (const auto& [name, tensor] : tensors) {
    if (!formats::IsUtf8(name)) {
      return InvalidArgument("tensor '{}': is not named in UTF-8", Shown(name));
    }
    if (!tensor.defined()) return InvalidArgument("tensor '{}': is not defined", name);
    const absl::StatusOr<formats::Dtype> dtype = FileDtype(tensor.scalar_type());
    if (!dtype.ok()) return Prefixed(dtype.status(), fmt::format("tensor '{}'", name));
    described.push_back({name, *dtype, tensor.sizes().vec()});
  }
  return described;
}

absl::Status WriteArchive(Output& output, const NamedTensors& tensors, const std::string& pickle) {
  PyTorchStreamWriter archive(
      [&output](const void* bytes, size_t size) { return output.Write(bytes, size); });
  const std::string order = "little";
  archive.writeRecord(kPickleRecord, pickle.data(), pickle.size());
  archive.writeRecord(kByteOrderRecord, order.data(), order.size());
  size_t number = 0;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor flat = tensor.detach().to(at::kCPU).contiguous();
    archive.writeRecord(fmt::format("{}{}", kDataPrefix, number++), flat.const_data_ptr(),
                        flat.nbytes());
    LRTI_RETURN_IF_ERROR(output.status());
  }
  archive.writeEndOfFile();
  return output.status();
}

}  // namespace

absl::StatusOr<FileDigest> WritePth(const std::string& path, const NamedTensors& tensors,
                                    const std::string& group) {
  const auto described = Describe(tensors);
  if (!described.ok()) return Prefixed(described.status(), path);
  LRTI_ASSIGN_OR_RETURN(FileWriter writer, FileWriter::CreateAtomic(path));
  Output output(writer);
  const std::string pickle = formats::PickleTensors(group, *described);
  const absl::Status written =
      Guarded(absl::StatusCode::kInternal, [&] { return WriteArchive(output, tensors, pickle); });
  LRTI_RETURN_IF_ERROR(output.status());
  if (!written.ok()) return Prefixed(written, path);
  return writer.Finish();
}

}  // namespace lrti::checkpoint
