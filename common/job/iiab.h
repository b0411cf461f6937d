#pragma once

#include <cstdint>
#include <tuple>

#include "common/config/schema.h"
#include "common/job/frame_numbers.h"
#include "common/job/transformer.h"

namespace lrti::job {

/// MIA-VSR without its mask, Zhou et al., CVPR 2024: attention of the current frame to itself and
/// to the two aligned states (IIAB).
struct IiabOptions {
  static constexpr const char* kType = "iiab";

  TransformerSizes sizes;
  int64_t frame_numbers = 0;

  static auto Fields() {
    return std::tuple{
        config::Inline{&IiabOptions::sizes},
        FrameNumbers(&IiabOptions::frame_numbers),
    };
  }
};
static_assert(config::Covered<IiabOptions>);

}  // namespace lrti::job
