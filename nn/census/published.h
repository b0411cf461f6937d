#pragma once

#include <cstdint>
#include <optional>

#include "common/job/model.h"

namespace lrti::nn {

/// Multiply-accumulates of a frame as the papers of the recurrent transformers count them; nothing
/// for networks whose papers count what is computed. SPyNet is left out in all of them.
///
/// With T the pixels of a frame (windows are not padded), D the width, N = 3 window^2 the keys of a
/// query, a block counts for each pixel
///
///     psrt             3 (8 D^2 + 2 N D + 2 D)
///     iiab, lrti_vsr   13 D^2 + 4 N D + 4 D
///
/// The second one, MIA-VSR's with nothing masked, has queries for three frames, weights times
/// values as if all frames asked, and one feed-forward unit of two layers, also where LRTI-VSR's
/// has a third product. Convolutions of a group count for three frames, norms for their width.
/// Source  PSRT 2.39 T, MIA-VSR 1.61 T with its mask, LRTI-VSR 1.54 T and 0.58 T at 180x320: these
///         rules give 2.3905, 1.5415 and 0.5887, which the papers cut after two digits.
std::optional<int64_t> PublishedMacs(const job::ModelConfig& config, int64_t height, int64_t width);

}  // namespace lrti::nn
