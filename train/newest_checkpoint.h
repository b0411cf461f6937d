#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "train/checkpoint/checkpoint.h"
#include "train/collective/collective.h"

namespace lrti::train {

/// The checkpoint in `folder` that a run goes on from; nothing where there is none. Rank 0 chooses
/// the newest one that is whole, and tells the others, which read the same. All ranks call it.
/// Errors: FailedPrecondition when there are only damaged ones, or when a rank does not see what
/// rank 0 sees; those of reading; those of `group`.
absl::StatusOr<std::optional<checkpoint::Found>> NewestCheckpoint(const std::string& folder,
                                                                  const checkpoint::OnBad& on_bad,
                                                                  Collective& group);

}  // namespace lrti::train
