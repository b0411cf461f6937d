#include "common/job/check.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <set>
#include <variant>

#include "fmt/format.h"

namespace lrti::job {
namespace {

constexpr size_t kNameBytesMax = 100;
constexpr int64_t kCropMin = 8;

bool IsFileName(const std::string& name) {
  const auto is_allowed = [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-');
  };
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), is_allowed);
}

/// Frames of a clip that `source` may give; -1: as many as the videos have.
int64_t FramesSelected(const Source& source) {
  return source.last_frame == -1 ? -1 : source.last_frame - source.first_frame + 1;
}

class Checker {
 public:
  Checker(const Job& job, const config::Node& root, config::Findings& findings)
      : spec_(job.spec), metadata_(job.metadata), root_(root), findings_(findings) {}

  void All() {
    Names();
    TrainingFrames();
    Evaluation();
    Optimizer();
    Training();
    Cache();
    Resources();
    if (Sound({"spec.model"})) std::visit([this](const auto& model) { Model(model); }, spec_.model);
    if (Sound({"spec.strategy", "spec.model"})) {
      std::visit([this](const auto& strategy) { Strategy(strategy); }, spec_.strategy);
    }
  }

 private:
  bool Sound(std::initializer_list<std::string> paths) const { return !findings_.Touch(paths); }

  void Add(const std::string& path, const std::string& message) {
    const config::Node* node = config::At(root_, path);
    findings_.Add(path, node == nullptr ? 0 : node->line, message);
  }

  void FileName(const std::string& path, const std::string& name) {
    if (!Sound({path}) || IsFileName(name)) return;
    Add(path, fmt::format("names files: use 1 to {} letters, digits, '.', '_' and '-', and no '.' "
                          "in front",
                          kNameBytesMax));
  }

  void Names() { FileName("metadata.name", metadata_.name); }

  void FrameRange(const std::string& path, const Source& source) {
    if (!Sound({path + ".first_frame", path + ".last_frame"})) return;
    if (source.last_frame != -1 && source.last_frame < source.first_frame) {
      Add(path + ".last_frame", fmt::format("{} lies before first_frame ({}); -1 means to the end",
                                            source.last_frame, source.first_frame));
    }
  }

  void Crop(const std::string& path, int64_t crop) {
    if (!Sound({path}) || crop == 0 || crop >= kCropMin) return;
    Add(path, fmt::format("{} is too small; at least {}, or 0 for whole frames", crop, kCropMin));
  }

  void TrainingFrames() {
    FrameRange("spec.data.train", spec_.data.train.source);
    Crop("spec.data.train.crop", spec_.data.train.crop);
  }

  void Evaluation() {
    std::set<std::string> names;
    for (size_t i = 0; i < spec_.data.eval.size(); ++i) {
      const EvalData& set = spec_.data.eval[i];
      const std::string path = fmt::format("spec.data.eval.{}", i);
      FileName(path + ".name", set.name);
      FrameRange(path, set.source);
      Crop(path + ".crop", set.crop);
      if (!names.insert(set.name).second && Sound({path + ".name"})) {
        Add(path + ".name", fmt::format("'{}' names an earlier set already; name each set "
                                        "differently",
                                        set.name));
      }
    }
  }

  void Optimizer() {
    const OptimizerConfig& optimizer = spec_.optimizer;
    if (Sound({"spec.optimizer.betas"})) {
      for (size_t i = 0; i < optimizer.betas.size(); ++i) {
        if (optimizer.betas[i] < 1) continue;
        Add(fmt::format("spec.optimizer.betas.{}", i), "must be below 1: 1 never learns");
      }
    }
    if (!Sound({"spec.optimizer.lr", "spec.optimizer.schedule"})) return;
    const Schedule& schedule = optimizer.schedule;
    if (schedule.type == ScheduleType::kCosine && schedule.min_lr > optimizer.lr) {
      Add("spec.optimizer.schedule.min_lr",
          fmt::format("{} is above lr ({}), from which the cosine falls; lower it or raise lr",
                      schedule.min_lr, optimizer.lr));
    }
  }

  void Training() {
    const TrainConfig& train = spec_.train;
    if (Sound({"spec.train.micro_batch", "spec.train.global_batch"}) &&
        train.micro_batch > train.global_batch) {
      Add("spec.train.micro_batch",
          fmt::format("{} is above global_batch ({}); lower it, or 0 for the whole batch",
                      train.micro_batch, train.global_batch));
    }
    if (Sound({"spec.train.ema_decay"}) && train.ema_decay >= 1) {
      Add("spec.train.ema_decay", "must be below 1: 1 never follows the weights; 0 turns it off");
    }
  }

  void Cache() {
    const CacheConfig& cache = spec_.cache;
    const bool service = cache.mode == CacheMode::kService;
    if (Sound({"spec.cache.mode", "spec.cache.endpoints"}) && !service &&
        !cache.endpoints.empty()) {
      Add("spec.cache.endpoints", "are of mode service alone; set spec.cache.mode to service");
    }
    if (!cache.share.empty()) FileName("spec.cache.share", cache.share);
    if (Sound({"spec.cache.mode", "spec.cache.share"}) && !service && !cache.share.empty()) {
      Add("spec.cache.share", "is of mode service alone: nobody else sees a process's own memory");
    }
  }

  void Resources() {
    const ResourcesConfig& resources = spec_.resources;
    if (!Sound({"spec.resources.gpus"})) return;
    if (Sound({"spec.resources.gpus_min"}) && resources.gpus_min > resources.gpus) {
      Add("spec.resources.gpus_min",
          fmt::format("{} is above gpus ({}); lower it, or 0 for the same", resources.gpus_min,
                      resources.gpus));
    }
    if (Sound({"spec.train.global_batch"}) && spec_.train.global_batch % resources.gpus != 0) {
      Add("spec.resources.gpus",
          fmt::format("{} does not divide spec.train.global_batch ({}), which all ranks share "
                      "equally",
                      resources.gpus, spec_.train.global_batch));
    }
  }

  template <typename Options>
  void Model(const Options& options) {
    if constexpr (requires { options.sizes; }) Transformer(options.sizes);
    if constexpr (requires { options.offset_groups; }) {
      OffsetGroups(options.offset_groups, options.channels);
    }
    if (options.frame_numbers > 0 && Sound({"spec.strategy"}) &&
        std::holds_alternative<PlainStrategy>(spec_.strategy)) {
      Add("spec.model.frame_numbers",
          "needs a strategy with spec.strategy.sequence_frames, such as tb; 0 turns it off");
    }
  }

  void OffsetGroups(int64_t groups, int64_t channels) {
    if (groups % 2 == 0 && 2 * channels % groups == 0) return;
    Add("spec.model.offset_groups",
        fmt::format("{} is odd or does not divide twice the channels ({})", groups, 2 * channels));
  }

  void Transformer(const TransformerSizes& sizes) {
    if (sizes.depths.empty()) {
      Add("spec.model.depths", "has no entry; give one for each group of blocks");
    }
    if (sizes.heads.size() != sizes.depths.size()) {
      Add("spec.model.heads", fmt::format("has {} entries, but depths has {}; give as many",
                                          sizes.heads.size(), sizes.depths.size()));
    }
    for (size_t i = 0; i < sizes.heads.size(); ++i) {
      if (sizes.embed_dim % sizes.heads[i] == 0) continue;
      Add(fmt::format("spec.model.heads.{}", i),
          fmt::format("{} does not divide embed_dim ({})", sizes.heads[i], sizes.embed_dim));
    }
    WindowFits(sizes.window, "spec.data.train.crop", spec_.data.train.crop);
    for (size_t i = 0; i < spec_.data.eval.size(); ++i) {
      WindowFits(sizes.window, fmt::format("spec.data.eval.{}.crop", i), spec_.data.eval[i].crop);
    }
  }

  void WindowFits(int64_t window, const std::string& path, int64_t crop) {
    if (!Sound({path}) || crop == 0 || crop >= window) return;
    Add(path, fmt::format("{} is smaller than spec.model.window; at least {}, or 0 for whole "
                          "frames",
                          crop, window));
  }

  void Strategy(const PlainStrategy& plain) {
    FitsSelection("spec.strategy.clip_frames", plain.clip_frames);
  }

  void Strategy(const TbStrategy& tb) {
    if (!ClipFits(tb.clip_frames, tb.sequence_frames, tb.start)) return;
    FitsSelection("spec.strategy.sequence_frames", tb.sequence_frames);
  }

  void Strategy(const PiStrategy& pi) {
    if (pi.sequence_frames == 0) {
      return FitsSelection("spec.strategy.clip_frames", FramesNeeded(pi.clip_frames, pi.start));
    }
    if (!ClipFits(pi.clip_frames, pi.sequence_frames, pi.start)) return;
    FitsSelection("spec.strategy.sequence_frames", pi.sequence_frames);
  }

  /// Frames of a sequence that has room for a clip, and for its boundary states where each clip has
  /// them all.
  int64_t FramesNeeded(int64_t clip_frames, StartPolicy start) const {
    return clip_frames + (start == StartPolicy::kInterior ? 2 * Order(spec_.model) : 0);
  }

  bool ClipFits(int64_t clip_frames, int64_t sequence_frames, StartPolicy start) {
    const int64_t needed = FramesNeeded(clip_frames, start);
    if (clip_frames > sequence_frames) {
      Add("spec.strategy.clip_frames",
          fmt::format("{} is above sequence_frames ({}); shorten the clip or lengthen the sequence",
                      clip_frames, sequence_frames));
    } else if (needed > sequence_frames) {
      Add("spec.strategy.sequence_frames",
          fmt::format("{} leaves no interior clip of {} with its boundary states; at least {}, or "
                      "start: full",
                      sequence_frames, clip_frames, needed));
    }
    return needed <= sequence_frames;
  }

  void FitsSelection(const std::string& path, int64_t frames) {
    if (!Sound({"spec.data.train.first_frame", "spec.data.train.last_frame"})) return;
    const int64_t selected = FramesSelected(spec_.data.train.source);
    if (selected == -1 || frames <= selected) return;
    Add(path, fmt::format("needs {} frames, but spec.data.train takes {} of each video "
                          "(first_frame to last_frame)",
                          frames, selected));
  }

  const Spec& spec_;
  const Metadata& metadata_;
  const config::Node& root_;
  config::Findings& findings_;
};

}  // namespace

void CheckTogether(const Job& job, const config::Node& root, config::Findings& findings) {
  Checker(job, root, findings).All();
}

}  // namespace lrti::job
