#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/events/progress.h"
#include "common/hidden_state/memory_store.h"
#include "common/job/job.h"
#include "data/dataset.h"
#include "train/trainer.h"

namespace lrti::bench {

/// One training run on the CPU that advances when it is told to, and says what it took.
///
/// What a run holds before its first step is the baseline that its peak memory is counted from:
/// libraries, weights, every decoded frame, and what one small convolution leaves behind.
class Session {
 public:
  /// Errors: those of the job file, its data and Trainer::Make.
  static absl::StatusOr<std::unique_ptr<Session>> Open(const std::string& config,
                                                       const std::vector<std::string>& overrides);

  /// The answer, one JSON object, to a command:
  ///     steps N       N updates: {"seconds", "steps", "loss"}
  ///     infer N       N passes without a graph over a clip of clip_frames random frames of the
  ///                   size that training crops: {"seconds", "frames"}
  ///     memory        resident bytes: {"baseline_bytes", "peak_bytes"}
  ///     save FOLDER   writes a checkpoint below FOLDER: {"path"}
  /// Errors: InvalidArgument for any other command; those of Trainer::Step and of writing.
  absl::StatusOr<std::string> Obey(const std::string& command);

 private:
  explicit Session(job::Spec spec);

  absl::Status Prepare();
  absl::Status DecodeEveryFrame() const;
  absl::StatusOr<std::string> Steps(int64_t count);
  absl::StatusOr<std::string> Infer(int64_t count);
  absl::StatusOr<std::string> Memory() const;
  absl::StatusOr<std::string> Save(const std::string& folder) const;

  const job::Spec spec_;
  const SystemClock clock_;
  events::Progress progress_;
  hidden_state::MemoryStore store_;
  std::unique_ptr<data::Dataset> dataset_;
  train::LocalCollective alone_;
  std::unique_ptr<train::Trainer> trainer_;
  at::Tensor frames_;  // [1, clip_frames, 3, H, W], what Infer runs over; made when first asked for
  int64_t baseline_bytes_ = 0;
};

}  // namespace lrti::bench
