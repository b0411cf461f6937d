#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "common/config/schema.h"

namespace lrti::job {

enum class Layout { kAuto, kVideo, kFrames, kClips };
constexpr auto EnumNames(Layout) {
  return std::array{std::pair{Layout::kAuto, "auto"}, std::pair{Layout::kVideo, "video"},
                    std::pair{Layout::kFrames, "frames"}, std::pair{Layout::kClips, "clips"},
                    std::pair{Layout::kClips, "reds"}};
}

enum class Partition { kAll, kReds4 };
constexpr auto EnumNames(Partition) {
  return std::array{std::pair{Partition::kAll, "all"}, std::pair{Partition::kReds4, "reds4"}};
}

enum class Channel { kRgb, kY };
constexpr auto EnumNames(Channel) {
  return std::array{std::pair{Channel::kRgb, "rgb"}, std::pair{Channel::kY, "y"}};
}

/// How LR frames are made from HR ones. `bicubic` is MATLAB's imresize (BI).
enum class DegradationType { kBicubic };
constexpr auto EnumNames(DegradationType) {
  return std::array{std::pair{DegradationType::kBicubic, "bicubic"}};
}

struct Degradation {
  DegradationType type = DegradationType::kBicubic;

  static auto Fields() {
    return std::tuple{config::Field{"type", &Degradation::type,
                                    "bicubic: MATLAB's antialiased imresize to a quarter (BI)."}};
  }
};
static_assert(config::Covered<Degradation>);

/// Videos and the frames of them that are used.
struct Source {
  std::string path;
  std::string lr_path;
  Layout layout = Layout::kAuto;
  std::vector<std::string> clips;
  std::vector<std::string> exclude;
  int64_t first_frame = 0;
  int64_t last_frame = -1;

  static auto Fields() {
    return std::tuple{
        config::Field{"path", &Source::path,
                      "A video file, a folder of frames, or a folder of such folders (HR). "
                      "Relative paths start at the config file's folder.",
                      config::Required()},
        config::Field{"lr_path", &Source::lr_path,
                      "The same tree in LR; empty: LR is made on the fly by `degradation`."},
        config::Field{"layout", &Source::layout,
                      "auto looks at the path. video: one file; frames: one folder of images; "
                      "clips (or reds): a folder of folders or of video files."},
        config::Field{"clips", &Source::clips, "Only these clips, by name; empty: all."},
        config::Field{"exclude", &Source::exclude, "Clips left out, by name."},
        config::Field{"first_frame", &Source::first_frame,
                      "First frame used of every clip, counted from 0.", config::AtLeast(0),
                      config::Unit("frames")},
        config::Field{"last_frame", &Source::last_frame,
                      "Last frame used of every clip; -1: to the end.", config::AtLeast(-1),
                      config::Unit("frames")},
    };
  }
};
static_assert(config::Covered<Source>);

struct TrainData {
  Source source;
  Partition partition = Partition::kAll;
  Degradation degradation;
  int64_t crop = 64;
  bool flip = true;
  bool transpose = true;

  static auto Fields() {
    return std::tuple{
        config::Inline{&TrainData::source},
        config::Field{"partition", &TrainData::partition,
                      "reds4 leaves out the four test clips 000, 011, 015, 020."},
        config::Field{"degradation", &TrainData::degradation, "How LR is made."},
        config::Field{"crop", &TrainData::crop,
                      "Side of the square LR crop, the same window in all frames of a sequence; "
                      "0: whole frames.",
                      config::AtLeast(0), config::Unit("LR pixels")},
        config::Field{"flip", &TrainData::flip,
                      "Flip left-right and top-bottom, each with probability 1/2."},
        config::Field{"transpose", &TrainData::transpose,
                      "Swap rows and columns with probability 1/2."},
    };
  }
};
static_assert(config::Covered<TrainData>);

struct EvalData {
  std::string name = "eval";
  Source source;
  Degradation degradation;
  Channel channel = Channel::kRgb;
  int64_t crop_border = 0;
  int64_t crop = 0;

  static auto Fields() {
    return std::tuple{
        config::Field{"name", &EvalData::name, "Name of the set in tables and results."},
        config::Inline{&EvalData::source},
        config::Field{"degradation", &EvalData::degradation, "How LR is made."},
        config::Field{"channel", &EvalData::channel,
                      "Channel that the papers compare: rgb (REDS4) or y (Vid4, UDM10)."},
        config::Field{"crop_border", &EvalData::crop_border,
                      "Pixels left out at each side before PSNR and SSIM.", config::AtLeast(0),
                      config::Unit("HR pixels")},
        config::Field{"crop", &EvalData::crop,
                      "Evaluate the centred LR square of this side alone; 0: whole frames.",
                      config::AtLeast(0), config::Unit("LR pixels")},
    };
  }
};
static_assert(config::Covered<EvalData>);

struct DataConfig {
  TrainData train;
  std::vector<EvalData> eval;
  int64_t workers = 1;
  int64_t prefetch = 2;
  int64_t frame_cache_mib = 1024;

  static auto Fields() {
    return std::tuple{
        config::Field{"train", &DataConfig::train, "What is trained on.", config::Required()},
        config::Field{"eval", &DataConfig::eval, "What is measured, set by set."},
        config::Field{"workers", &DataConfig::workers, "Loader threads.", config::Between(1, 64),
                      config::Unit("threads")},
        config::Field{"prefetch", &DataConfig::prefetch, "Sequences loaded ahead at most.",
                      config::Between(1, 1024), config::Unit("sequences")},
        config::Field{"frame_cache_mib", &DataConfig::frame_cache_mib,
                      "Decoded frames kept in memory, by each data set (train and every one of "
                      "eval) of each rank; 0: decode each time.",
                      config::AtLeast(0), config::Unit("MiB")},
    };
  }
};
static_assert(config::Covered<DataConfig>);

}  // namespace lrti::job
