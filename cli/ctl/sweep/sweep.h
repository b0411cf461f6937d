#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/node.h"

namespace lrti::ctl {

/// One job of a sweep: the fields that it has of its own.
struct Variation {
  std::string suffix;                                       // "-01", of its name
  std::vector<std::pair<std::string, std::string>> values;  // path and value, as in --set

  /// The values as labels: `spec.` is left out of the path, `optimizer.lr: 2e-4`.
  std::vector<std::pair<std::string, std::string>> Labels() const;
};

inline constexpr size_t kSweepJobsMax = 1000;

/// Reads the block under `sweep:` of a job file:
///
///     sweep: {grid: {spec.optimizer.lr: [1e-4, 2e-4], spec.train.seed: [1, 2, 3]}}
///     sweep:
///       random:
///         samples: 20
///         seed: 7
///         spec.optimizer.lr: {min: 1e-5, max: 1e-3, log: true}
///         spec.strategy.clip_frames: [5, 8, 15]
///
/// A grid gives every combination, the last path changing fastest. Random draws are uniform, over
/// the logarithm with `log`; whole numbers where min and max are whole. The same seed draws the
/// same values on every machine.
/// Errors: InvalidArgument with every finding, one a line, `sweep.grid (line 3): ...`; more than
/// kSweepJobsMax jobs.
absl::StatusOr<std::vector<Variation>> ExpandSweep(const config::Node& sweep);

}  // namespace lrti::ctl
