#include "train/evaluate.h"

#include <torch/torch.h>

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "data/resize.h"
#include "train/infer.h"
#include "train/metrics/ssim.h"
#include "train/tensor/frames.h"

namespace lrti::train {
namespace {

/// The centred window of a set, or whole frames; `frames` of them from `first` on.
data::Cut WindowOf(const job::EvalData& config, const data::ClipInfo& clip, int64_t index,
                   int64_t first, int64_t frames) {
  data::Cut cut{.clip = index, .first_frame = first, .frames = frames};
  const int64_t height = clip.hr_height / 4, width = clip.hr_width / 4;
  cut.height = config.crop == 0 ? height : std::min(config.crop, height);
  cut.width = config.crop == 0 ? width : std::min(config.crop, width);
  cut.top = (height - cut.height) / 2;
  cut.left = (width - cut.width) / 2;
  return cut;
}

data::Image Interleaved(const std::vector<uint8_t>& planes, int64_t height, int64_t width) {
  data::Image image{.height = height, .width = width, .pixels = {}};
  image.pixels.resize(planes.size());
  const auto plane = static_cast<size_t>(height * width);
  for (size_t i = 0; i < plane; ++i) {
    for (size_t c = 0; c < 3; ++c) image.pixels[3 * i + c] = planes[c * plane + i];
  }
  return image;
}

absl::Status CheckSize(const job::EvalData& config, const data::Dataset& dataset) {
  for (size_t i = 0; i < dataset.clips().size(); ++i) {
    const data::ClipInfo& clip = dataset.clips()[i];
    const data::Cut window = WindowOf(config, clip, static_cast<int64_t>(i), 0, 1);
    const int64_t side = 4 * std::min(window.height, window.width) - 2 * config.crop_border;
    if (side < kSsimWindow) {
      return InvalidArgument(
          "spec.data.eval '{}': {} leaves {} pixels to compare, and SSIM needs {}; raise crop or "
          "lower crop_border",
          config.name, clip.name, std::max<int64_t>(side, 0), kSsimWindow);
    }
  }
  return absl::OkStatus();
}

struct Frame {
  data::Image lr, hr;
};

absl::StatusOr<Frame> LoadFrame(const data::Dataset& dataset, const data::Cut& cut) {
  LRTI_ASSIGN_OR_RETURN(const data::Sequence frame, dataset.Load(cut));
  return Frame{Interleaved(frame.lr.front(), frame.height, frame.width),
               Interleaved(frame.hr.front(), 4 * frame.height, 4 * frame.width)};
}

/// Of every clip's frames the network's scores, or bicubic's.
std::vector<std::vector<Score>> ScoresOf(const std::vector<ClipScores>& clips,
                                         Score FrameScores::*whose) {
  std::vector<std::vector<Score>> scores(clips.size());
  for (size_t i = 0; i < clips.size(); ++i) {
    for (const FrameScores& frame : clips[i].frames) scores[i].push_back(frame.*whose);
  }
  return scores;
}

/// Fills in what other ranks measured: each has zeros where another has scores. Cancelled where one
/// was stopped.
absl::Status Exchange(std::vector<ClipScores>& clips, bool stopped, Collective& group) {
  const auto for_each = [&](const auto& use) {
    for (ClipScores& clip : clips) {
      for (FrameScores& frame : clip.frames) {
        for (Score* score : {&frame.network, &frame.bicubic}) {
          use(score->psnr);
          use(score->ssim);
        }
      }
    }
  };
  std::vector<double> values = {stopped ? 1.0 : 0.0};
  for_each([&](const double& value) { values.push_back(value); });
  LRTI_ASSIGN_OR_RETURN(values, group.Sum(std::move(values)));
  if (values.front() > 0) return absl::CancelledError("evaluation: stopped");
  size_t next = 1;
  for_each([&](double& value) { value = values[next++]; });
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Evaluator>> Evaluator::Open(const job::DataConfig& config) {
  auto evaluator = std::make_unique<Evaluator>();
  const int64_t cache_bytes = config.frame_cache_mib << 20;
  for (const job::EvalData& eval : config.eval) {
    auto dataset = data::Dataset::Open(eval.source, eval.degradation, cache_bytes);
    if (!dataset.ok()) return Prefixed(dataset.status(), "spec.data.eval '" + eval.name + "'");
    LRTI_RETURN_IF_ERROR(CheckSize(eval, **dataset));
    evaluator->sets_.push_back({eval, *std::move(dataset), {}});
  }
  return evaluator;
}

absl::StatusOr<std::vector<SetScores>> Evaluator::Run(nn::Model& model, const c10::Device& device,
                                                      job::Precision precision,
                                                      events::Progress& progress, Collective& group,
                                                      const std::atomic<bool>& stop) {
  progress.SetPhase(events::Phase::kEvaluating);
  std::vector<SetScores> results;
  try {
    for (Set& set : sets_) {
      LRTI_ASSIGN_OR_RETURN(results.emplace_back(),
                            RunSet(set, {model, device, precision, progress, stop}, group));
    }
  } catch (const c10::OutOfMemoryError& error) {
    return Error(absl::StatusCode::kResourceExhausted,
                 "evaluation: the device's memory is full; set spec.data.eval crop ({})",
                 error.what_without_backtrace());
  } catch (const c10::Error& error) {
    return Error(absl::StatusCode::kInternal, "evaluation: {}", error.what_without_backtrace());
  }
  return results;
}

absl::StatusOr<SetScores> Evaluator::RunSet(Set& set, const Setup& setup, Collective& group) {
  SetScores result{.name = set.config.name, .channel = set.config.channel};
  const auto& clips = set.dataset->clips();
  set.bicubic.resize(clips.size());
  for (const data::ClipInfo& info : clips) {
    ClipScores& scores = result.clips.emplace_back(ClipScores{.name = info.name, .frames = {}});
    for (int64_t i = 0; i < info.frames; ++i) scores.frames.push_back({info.first_frame + i});
  }
  for (auto c = static_cast<size_t>(group.rank()); c < clips.size() && !setup.stop;
       c += static_cast<size_t>(group.world_size())) {
    LRTI_RETURN_IF_ERROR(RunClip(set, c, setup, result));
  }
  if (!group.alone()) setup.progress.SetPhase(events::Phase::kWaiting);
  LRTI_RETURN_IF_ERROR(Exchange(result.clips, setup.stop, group));
  result.network = ClipMean(ScoresOf(result.clips, &FrameScores::network));
  result.bicubic = ClipMean(ScoresOf(result.clips, &FrameScores::bicubic));
  return result;
}

absl::Status Evaluator::RunClip(Set& set, size_t clip, const Setup& setup, SetScores& result) {
  const data::ClipInfo& info = set.dataset->clips()[clip];
  std::vector<Score>& bicubic = set.bicubic[clip];
  const bool first_time = bicubic.empty();
  const auto window = [&](int64_t frame) {
    return WindowOf(set.config, info, static_cast<int64_t>(clip), frame, 1);
  };
  std::vector<at::Tensor> rows;
  for (int64_t frame = 0; frame < info.frames; ++frame) {
    LRTI_ASSIGN_OR_RETURN(const data::Sequence part, set.dataset->Load(window(frame)));
    rows.push_back(FromPlanes(part.lr, 3, part.height, part.width));
  }
  const at::Tensor frames = at::cat(rows, 1).to(setup.device);
  rows.clear();

  absl::Status status;
  const auto measure = [&](int64_t number, const at::Tensor& output) {
    if (!status.ok()) return;
    auto frame = LoadFrame(*set.dataset, window(number));
    if (!frame.ok()) {
      status = frame.status();
      return;
    }
    data::Image picture{output.size(1), output.size(2), ToPixels(output)};
    const auto compare = [&](const data::Image& image) {
      return Compare(image, frame->hr, set.config.channel, set.config.crop_border);
    };
    const bool is_sample = clip == 0 && number == info.frames / 2;
    data::Image enlarged;
    if (first_time || is_sample) enlarged = data::BicubicUp4(frame->lr);
    if (first_time) bicubic.push_back(compare(enlarged));
    FrameScores& scores = result.clips[clip].frames[static_cast<size_t>(number)];
    scores.network = compare(picture);
    scores.bicubic = bicubic[static_cast<size_t>(number)];
    if (is_sample) {
      result.sample = {info.name, scores.frame, std::move(enlarged), std::move(picture),
                       std::move(frame->hr)};
    }
    setup.progress.SetPhase(events::Phase::kEvaluating);  // a sign of life for each frame
  };
  ForEachOutput(setup.model, frames, ChunkFrames(frames.size(3), frames.size(4)), setup.precision,
                measure);
  return status;
}

}  // namespace lrti::train
