#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include "common/config/schema.h"

namespace lrti::job {

/// Sizes that the recurrent transformers (psrt, iiab, lrti_vsr) share. The defaults are the
/// published networks; depths and heads of one entry, [6], are the small ones.
struct TransformerSizes {
  int64_t embed_dim = 120;
  std::vector<int64_t> depths = {6, 6, 6};
  std::vector<int64_t> heads = {6, 6, 6};
  int64_t window = 8;
  int64_t mid_channels = 64;
  int64_t tail_channels = 64;
  double drop_path = 0.1;

  static auto Fields() {
    return std::tuple{
        config::Field{"embed_dim", &TransformerSizes::embed_dim,
                      "Width of tokens and of propagated states; a multiple of every entry of "
                      "heads.",
                      config::Between(1, 1024)},
        config::Field{"depths", &TransformerSizes::depths,
                      "Attention blocks in each group of a branch; every other block shifts its "
                      "windows.",
                      config::Between(1, 100)},
        config::Field{"heads", &TransformerSizes::heads,
                      "Attention heads in each group; as many entries as depths.",
                      config::Between(1, 64)},
        config::Field{"window", &TransformerSizes::window,
                      "Side of the attention windows, and of the patches that alignment moves.",
                      config::Between(2, 64), config::Unit("LR pixels")},
        config::Field{"mid_channels", &TransformerSizes::mid_channels,
                      "Width of the features from which pictures are made.",
                      config::Between(1, 1024)},
        config::Field{"tail_channels", &TransformerSizes::tail_channels,
                      "Width of the last layers, which run on the enlarged frame; 64 is the "
                      "published network.",
                      config::Between(1, 1024)},
        config::Field{"drop_path", &TransformerSizes::drop_path,
                      "Stochastic depth: probability with which the last block of a branch is left "
                      "out in training, rising linearly from 0 at the first.",
                      config::Between(0.0, 0.9)},
    };
  }
};
static_assert(config::Covered<TransformerSizes>);

}  // namespace lrti::job
