#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/sha256.h"
#include "train/checkpoint/safetensors.h"
#include "train/formats/unpickle.h"

namespace lrti::checkpoint {

/// Which weights are wanted where there are averaged ones beside the raw ones.
enum class Which { kAveraged, kRaw };

/// A .pth file's tensors.
struct Pth {
  NamedTensors tensors;  // on the CPU, dtypes and names as in the file; some may share memory
  std::string group;     // the key they stood under, such as params_ema; empty: at the top
};

struct PthLimits {
  uint64_t file_bytes_max = uint64_t{1} << 40;
  formats::UnpickleLimits pickle;
};

/// Reads what Python's `torch.save` wrote (PyTorch 1.6 and later: a zip archive with a pickle in
/// it). The tensors are those under `params_ema` (raw: `params`), else under the other of the two,
/// else under `state_dict`, else at the top; what else lies there is passed over. Nothing of the
/// file is run, and no memory is taken that the file's own size does not cover.
///
/// Errors: as ReadFile; InvalidArgument for the older form (it says how to convert), for a file
/// that asks for code, and where there are no tensors (it lists the keys there are); DataLoss for
/// damage. All name the file.
absl::StatusOr<Pth> ReadPth(const std::string& path, Which which = Which::kAveraged,
                            const PthLimits& limits = {});

/// Whether a file begins as a .pth file of either form does. Errors: as ReadFile.
absl::StatusOr<bool> LooksLikePth(const std::string& path);

/// Writes `{group: OrderedDict(tensors)}`, or the OrderedDict alone where `group` is empty, so that
/// `torch.load(path, weights_only=True)` reads it; whole or not at all. Tensors of any device and
/// stride are taken. Equal tensors give equal files.
/// Errors: InvalidArgument for dtypes that safetensors does not know either and for names that are
/// not UTF-8; as FileWriter.
absl::StatusOr<FileDigest> WritePth(const std::string& path, const NamedTensors& tensors,
                                    const std::string& group);

}  // namespace lrti::checkpoint
