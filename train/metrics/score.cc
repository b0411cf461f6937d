#include "train/metrics/score.h"

#include <algorithm>

#include "common/base/check.h"
#include "train/metrics/plane.h"
#include "train/metrics/psnr.h"
#include "train/metrics/ssim.h"

namespace lrti::train {
namespace {

Score Mean(const std::vector<Score>& scores) {
  Score sum;
  for (const Score& score : scores) {
    sum.psnr += std::min(score.psnr, kPsnrInMeanMax);
    sum.ssim += score.ssim;
  }
  const auto count = static_cast<double>(std::max<size_t>(scores.size(), 1));
  return {sum.psnr / count, sum.ssim / count};
}

}  // namespace

Score Compare(const data::Image& output, const data::Image& target, job::Channel channel,
              int64_t crop_border) {
  LRTI_CHECK(output.height == target.height && output.width == target.width);
  const std::vector<Plane> a = PlanesOf(output, channel, crop_border);
  const std::vector<Plane> b = PlanesOf(target, channel, crop_border);
  return {.psnr = Psnr(a, b), .ssim = Ssim(a, b)};
}

Score ClipMean(const std::vector<std::vector<Score>>& clips) {
  std::vector<Score> means;
  for (const std::vector<Score>& clip : clips) {
    if (!clip.empty()) means.push_back(Mean(clip));
  }
  return Mean(means);
}

}  // namespace lrti::train
