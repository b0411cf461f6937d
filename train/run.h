#pragma once

#include <c10/core/Device.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/events/event_sink.h"
#include "common/events/progress.h"
#include "common/job/job.h"
#include "train/evaluate.h"
#include "train/ranks/ranks.h"

namespace lrti::train {

struct RunOptions {
  std::string folder;   // the run directory; made when it is not there
  bool resume = false;  // go on from the newest good checkpoint in it, where there is one
  c10::Device device = c10::kCPU;
  Ranks ranks;
};

/// How a run ended.
struct RunOutcome {
  std::string folder;
  std::string reason;  // "iterations", "time_max" or "stopped"
  int64_t step = 0;
  absl::Duration training_time;   // of this process
  int64_t peak_memory_bytes = 0;  // of training, without evaluations
  std::vector<SetScores> scores;  // of the last evaluation; empty when stopped before one
  std::string picture;            // path of the last sample picture, where there is one
};

/// Trains a job to its end, or until `stop` becomes true; then saves and returns.
///
/// The run directory holds config.yaml, metrics.jsonl, results.json, TensorBoard events, samples/
/// and checkpoints/. Every event goes to `sink` as well (docs/events.md).
///
/// Of several ranks rank 0 alone writes there; the others read its checkpoints. One that wants to
/// stop, or whose time is up, stops all after the same step. Checkpoints know nothing of ranks: a
/// run may go on with another number of them.
///
/// `stop` is looked at between steps, between the sequences of an epoch's long passes and between
/// the clips of an evaluation.
///
/// Errors: InvalidArgument for a job or a checkpoint that does not fit, AlreadyExists for a run
/// directory in use, FailedPrecondition when all its checkpoints are damaged, Unavailable when
/// another rank was lost or a newer attempt at the job has begun; those of the data; those of
/// Trainer::Step, and LibTorch's outside of a step. The last good checkpoint stays.
absl::StatusOr<RunOutcome> Run(const job::Job& job, const RunOptions& options,
                               events::EventSink& sink, events::Progress& progress,
                               const Clock& clock, const std::atomic<bool>& stop);

}  // namespace lrti::train
