#pragma once

#include <cstdint>

#include "common/job/iiab.h"
#include "common/job/lrti_vsr.h"
#include "common/job/psrt.h"
#include "nn/blocks/transformer_branch.h"

namespace lrti::nn {

/// All in which the recurrent transformers differ.
struct TransformerChoices {
  BranchDesign branch;
  bool repeat_missing = true;  // the second earlier state, where only one is there; else zeros
  int64_t tail_channels = 64;
  int64_t frame_numbers = 0;
};

/// The networks side by side.
TransformerChoices ChoicesOf(const job::PsrtOptions& options);
TransformerChoices ChoicesOf(const job::IiabOptions& options);
TransformerChoices ChoicesOf(const job::LrtiVsrOptions& options);

}  // namespace lrti::nn
