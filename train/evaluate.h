#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/events/progress.h"
#include "common/job/data.h"
#include "common/job/train.h"
#include "data/dataset.h"
#include "nn/models/model.h"
#include "train/collective/collective.h"
#include "train/metrics/score.h"

namespace lrti::train {

/// Scores of one frame, the network's and bicubic enlargement's.
struct FrameScores {
  int64_t frame = 0;  // number in its video
  Score network, bicubic;
};

struct ClipScores {
  std::string name;
  std::vector<FrameScores> frames;
};

/// One frame to look at.
struct Sample {
  std::string clip;
  int64_t frame = 0;
  data::Image bicubic, network, target;
};

/// Scores of one set: means over the frames of each clip, then over clips.
struct SetScores {
  std::string name;
  job::Channel channel = job::Channel::kRgb;
  Score network, bicubic;
  std::vector<ClipScores> clips;
  Sample sample;  // the middle frame of the first clip; rank 0 has it
};

/// Measures a network on the evaluation sets of a job: whole clips from cold states, as users run
/// them, PSNR and SSIM as in the papers (metrics/score.h), bicubic beside them. Ranks divide the
/// clips among them, and all get all scores.
class Evaluator {
 public:
  /// Opens all sets. Errors: those of Dataset::Open, with the set's name.
  static absl::StatusOr<std::unique_ptr<Evaluator>> Open(const job::DataConfig& config);

  /// Errors: those of reading frames; LibTorch's errors as Internal, memory as ResourceExhausted;
  /// those of `group`, whose ranks all call it; Cancelled, of all ranks, when `stop` became true on
  /// one: they look at it before each clip.
  absl::StatusOr<std::vector<SetScores>> Run(nn::Model& model, const c10::Device& device,
                                             job::Precision precision, events::Progress& progress,
                                             Collective& group, const std::atomic<bool>& stop);

  bool empty() const { return sets_.empty(); }

 private:
  struct Set {
    job::EvalData config;
    std::unique_ptr<data::Dataset> dataset;
    std::vector<std::vector<Score>> bicubic;  // by clip and frame, once measured
  };

  /// What a network is measured with.
  struct Setup {
    nn::Model& model;
    const c10::Device& device;
    job::Precision precision;
    events::Progress& progress;
    const std::atomic<bool>& stop;
  };

  static absl::StatusOr<SetScores> RunSet(Set& set, const Setup& setup, Collective& group);
  static absl::Status RunClip(Set& set, size_t clip, const Setup& setup, SetScores& result);

  std::vector<Set> sets_;
};

}  // namespace lrti::train
