#include "train/results.h"

namespace lrti::train {
namespace {

nlohmann::ordered_json Means(const Score& network, const Score& bicubic) {
  return {{"psnr", network.psnr},
          {"ssim", network.ssim},
          {"bicubic_psnr", bicubic.psnr},
          {"bicubic_ssim", bicubic.ssim}};
}

nlohmann::ordered_json ClipJson(const ClipScores& clip) {
  nlohmann::ordered_json frames = nlohmann::ordered_json::array();
  for (const FrameScores& frame : clip.frames) {
    nlohmann::ordered_json row = {{"frame", frame.frame}};
    row.update(Means(frame.network, frame.bicubic));
    frames.push_back(std::move(row));
  }
  return frames;
}

}  // namespace

nlohmann::ordered_json ResultsJson(const std::vector<SetScores>& scores, int64_t step) {
  nlohmann::ordered_json sets = nlohmann::ordered_json::object();
  for (const SetScores& set : scores) {
    nlohmann::ordered_json json = Means(set.network, set.bicubic);
    json["channel"] = set.channel == job::Channel::kRgb ? "rgb" : "y";
    for (const ClipScores& clip : set.clips) json["clips"][clip.name] = ClipJson(clip);
    sets[set.name] = std::move(json);
  }
  return {{"step", step}, {"sets", std::move(sets)}};
}

}  // namespace lrti::train
