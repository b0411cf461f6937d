#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/job/data.h"

namespace lrti::data {

/// Where a clip lies.
struct ClipPath {
  std::string name;
  std::string hr;
  std::string lr;  // empty: LR is made from HR
};

/// The clips of a source in natural order of their names, `clips` and `exclude` applied.
///
/// A folder is one clip when images lie in it, else a folder of clips: each sub-folder, or each
/// video file by its name without the ending.
/// Errors: NotFound for a path that is not there, or no LR side; InvalidArgument for a path that
/// does not suit the layout, two clips of one name, an unknown name (with the nearest known ones),
/// no clip left.
absl::StatusOr<std::vector<ClipPath>> ListClips(const job::Source& source);

/// The source of a training set with its partition applied: `reds4` excludes the clips 000, 011,
/// 015 and 020, as far as they are there.
job::Source WithPartition(const job::TrainData& data);

}  // namespace lrti::data
