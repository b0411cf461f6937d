#pragma once

#include <cstdint>
#include <vector>

#include "nlohmann/json.hpp"
#include "train/evaluate.h"

namespace lrti::train {

/// results.json: for each set the means of the network and of bicubic, and PSNR and SSIM by frame
/// number of every clip. An infinite PSNR (equal pictures) is null.
nlohmann::ordered_json ResultsJson(const std::vector<SetScores>& scores, int64_t step);

}  // namespace lrti::train
