#pragma once

#include <cstdint>

#include "common/config/schema.h"

namespace lrti::job {

/// The option of every network that tells it where in the video a frame is.
template <typename Options>
auto FrameNumbers(int64_t Options::*member) {
  return config::Field{"frame_numbers", member,
                       "Frames T of the videos the network is trained on, to let it see each "
                       "frame's number t as a plane t / (T - 1) (PI-BPTT); 0: it sees none.",
                       config::Between(0, 1000000)};
}

}  // namespace lrti::job
