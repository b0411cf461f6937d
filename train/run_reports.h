#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/events/event_sink.h"
#include "train/evaluate.h"
#include "train/report/jsonl.h"
#include "train/report/tensorboard.h"
#include "train/run_folder.h"

namespace lrti::train {

/// What a run leaves for people, beside its checkpoints: metrics.jsonl, TensorBoard events,
/// results.json and sample pictures. Errors: those of the file system.
class RunReports {
 public:
  /// `step`: the one that the run goes on from; lines of later ones are dropped. The clock outlives
  /// it.
  static absl::StatusOr<RunReports> Open(const RunFolder& folder, int64_t step, const Clock& clock);

  /// A `step` event, whole.
  absl::Status Step(const events::Event& event);

  /// An evaluation; returns the path of the first set's picture, empty where there is none.
  absl::StatusOr<std::string> Scores(const std::vector<SetScores>& scores, int64_t step);

 private:
  RunReports(std::string results, std::string samples, report::JsonlWriter metrics,
             report::EventFileWriter tensorboard)
      : results_(std::move(results)),
        samples_(std::move(samples)),
        metrics_(std::move(metrics)),
        tensorboard_(std::move(tensorboard)) {}

  absl::StatusOr<std::string> WriteSample(const SetScores& set, int64_t step) const;

  std::string results_, samples_;  // paths
  report::JsonlWriter metrics_;
  report::EventFileWriter tensorboard_;
};

}  // namespace lrti::train
