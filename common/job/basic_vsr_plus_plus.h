#pragma once

#include <cstdint>
#include <tuple>

#include "common/config/schema.h"
#include "common/job/frame_numbers.h"

namespace lrti::job {

/// BasicVSR++, Chan et al., CVPR 2022. The defaults are the published network.
struct BasicVsrPlusPlusOptions {
  static constexpr const char* kType = "basicvsr_plusplus";

  int64_t channels = 64;
  int64_t blocks = 7;
  int64_t tail_channels = 64;
  int64_t offset_groups = 16;
  double offset_reach = 10;
  int64_t frame_numbers = 0;

  static auto Fields() {
    using Self = BasicVsrPlusPlusOptions;
    return std::tuple{
        config::Field{"channels", &Self::channels, "Width of the propagated features.",
                      config::Between(1, 1024)},
        config::Field{"blocks", &Self::blocks, "Residual blocks in each branch.",
                      config::Between(1, 200)},
        config::Field{"tail_channels", &Self::tail_channels,
                      "Width of the last layers, which run on the enlarged frame.",
                      config::Between(1, 1024)},
        config::Field{"offset_groups", &Self::offset_groups,
                      "Groups of channels of the deformable alignment that have offsets of their "
                      "own; even, and divides twice `channels`.",
                      config::Between(2, 256)},
        config::Field{"offset_reach", &Self::offset_reach,
                      "LR pixels, at most, that an offset adds to the optical flow.",
                      config::Between(0.0, 1000.0)},
        FrameNumbers(&Self::frame_numbers),
    };
  }
};
static_assert(config::Covered<BasicVsrPlusPlusOptions>);

}  // namespace lrti::job
