#pragma once

#include <cstdint>
#include <variant>

#include "common/job/basic_vsr.h"
#include "common/job/basic_vsr_plus_plus.h"
#include "common/job/frvsr.h"
#include "common/job/iiab.h"
#include "common/job/lrti_vsr.h"
#include "common/job/psrt.h"

namespace lrti::job {

/// Which network: the `type` key picks the alternative, the other keys are its options.
using ModelConfig = std::variant<BasicVsrOptions, BasicVsrPlusPlusOptions, FrvsrOptions,
                                 PsrtOptions, IiabOptions, LrtiVsrOptions>;

/// k, how many earlier outputs of a branch the next one needs: the boundary states of a clip.
int64_t Order(const ModelConfig& model);

}  // namespace lrti::job
