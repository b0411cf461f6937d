#pragma once

#include <array>
#include <cstdint>
#include <tuple>

#include "common/config/schema.h"
#include "common/job/frame_numbers.h"

namespace lrti::job {

enum class Flow { kSpynet, kNone };
constexpr auto EnumNames(Flow) {
  return std::array{std::pair{Flow::kSpynet, "spynet"}, std::pair{Flow::kNone, "none"}};
}

/// BasicVSR, Chan et al., CVPR 2021. The defaults are the published network.
struct BasicVsrOptions {
  static constexpr const char* kType = "basicvsr";

  int64_t channels = 64;
  int64_t blocks = 30;
  int64_t tail_channels = 64;
  Flow flow = Flow::kSpynet;
  int64_t frame_numbers = 0;

  static auto Fields() {
    return std::tuple{
        config::Field{"channels", &BasicVsrOptions::channels, "Width of the propagated features.",
                      config::Between(1, 1024)},
        config::Field{"blocks", &BasicVsrOptions::blocks, "Residual blocks in each branch.",
                      config::Between(1, 200)},
        config::Field{"tail_channels", &BasicVsrOptions::tail_channels,
                      "Width of the last layers, which run on the enlarged frame; 64 is the "
                      "published network, 16 trains several times faster on a CPU.",
                      config::Between(1, 1024)},
        config::Field{"flow", &BasicVsrOptions::flow,
                      "spynet aligns states by optical flow; none hands them on where they are "
                      "(small demos)."},
        FrameNumbers(&BasicVsrOptions::frame_numbers),
    };
  }
};
static_assert(config::Covered<BasicVsrOptions>);

}  // namespace lrti::job
