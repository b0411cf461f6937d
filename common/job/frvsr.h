#pragma once

#include <array>
#include <cstdint>
#include <tuple>

#include "common/config/schema.h"
#include "common/job/frame_numbers.h"

namespace lrti::job {

/// How frames were made small: bicubic (BI), or blurred and every fourth pixel taken (BD).
enum class FrvsrDegradation { kBi, kBd };
constexpr auto EnumNames(FrvsrDegradation) {
  return std::array{std::pair{FrvsrDegradation::kBi, "bi"}, std::pair{FrvsrDegradation::kBd, "bd"}};
}

/// FRVSR, Sajjadi et al., CVPR 2018. The defaults are the network of PI-BPTT's experiments.
struct FrvsrOptions {
  static constexpr const char* kType = "frvsr";

  int64_t features = 64;
  int64_t blocks = 10;
  FrvsrDegradation degradation = FrvsrDegradation::kBi;
  int64_t frame_numbers = 0;

  static auto Fields() {
    return std::tuple{
        config::Field{"features", &FrvsrOptions::features,
                      "Width of the layers that make the picture.", config::Between(1, 1024)},
        config::Field{"blocks", &FrvsrOptions::blocks, "Residual blocks.", config::Between(1, 200)},
        config::Field{"degradation", &FrvsrOptions::degradation,
                      "How flow and the LR frame are enlarged: bi as if it was made small by "
                      "bicubic resampling (bilinear), bd by blur and decimation (cubic)."},
        FrameNumbers(&FrvsrOptions::frame_numbers),
    };
  }
};
static_assert(config::Covered<FrvsrOptions>);

}  // namespace lrti::job
