#pragma once

#include <cstdint>
#include <vector>

#include "common/job/data.h"
#include "data/video.h"

namespace lrti::train {

/// How near a picture is to its target.
struct Score {
  double psnr = 0;  // dB; infinity for equal pictures
  double ssim = 0;  // at most 1
};

/// Scores an output on the given channel; `crop_border` pixels are left out at each side.
/// REQUIRES: equal sizes, at least kSsimWindow (11) pixels a side after the crop.
Score Compare(const data::Image& output, const data::Image& target, job::Channel channel,
              int64_t crop_border);

/// One frame's PSNR counts as this much at most in a mean, so that an output equal to its target
/// (a black frame, say) does not make the mean infinite.
inline constexpr double kPsnrInMeanMax = 100;

/// Mean over the frames of each clip, then over the clips, as papers report: a long clip weighs no
/// more than a short one. Clips without frames are passed over; zero for no frame at all.
Score ClipMean(const std::vector<std::vector<Score>>& clips);

}  // namespace lrti::train
