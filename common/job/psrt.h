#pragma once

#include <cstdint>
#include <tuple>

#include "common/config/schema.h"
#include "common/job/frame_numbers.h"
#include "common/job/transformer.h"

namespace lrti::job {

/// PSRT-recurrent, Shi et al., NeurIPS 2022: attention in which all three frames are updated
/// (MFSAB).
struct PsrtOptions {
  static constexpr const char* kType = "psrt";

  TransformerSizes sizes;
  int64_t frame_numbers = 0;

  static auto Fields() {
    return std::tuple{
        config::Inline{&PsrtOptions::sizes},
        FrameNumbers(&PsrtOptions::frame_numbers),
    };
  }
};
static_assert(config::Covered<PsrtOptions>);

}  // namespace lrti::job
