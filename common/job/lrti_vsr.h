#pragma once

#include <array>
#include <cstdint>
#include <tuple>
#include <utility>

#include "common/config/schema.h"
#include "common/job/frame_numbers.h"
#include "common/job/transformer.h"

namespace lrti::job {

/// What attention makes of the scores s of a query with its keys.
enum class Attention { kRelu2, kSoftmax, kSoftmaxPositive };
constexpr auto EnumNames(Attention) {
  return std::array{std::pair{Attention::kRelu2, "relu2"},
                    std::pair{Attention::kSoftmax, "softmax"},
                    std::pair{Attention::kSoftmaxPositive, "softmax_positive"}};
}

/// d in the scores' divisor sqrt(d).
enum class ScoreScale { kHead, kEmbedding };
constexpr auto EnumNames(ScoreScale) {
  return std::array{std::pair{ScoreScale::kHead, "head"},
                    std::pair{ScoreScale::kEmbedding, "embedding"}};
}

enum class FeedForward { kRgu, kMlp };
constexpr auto EnumNames(FeedForward) {
  return std::array{std::pair{FeedForward::kRgu, "rgu"}, std::pair{FeedForward::kMlp, "mlp"}};
}

/// Which layers the gated unit has for its two inputs.
enum class RguProjection { kShared, kSeparate };
constexpr auto EnumNames(RguProjection) {
  return std::array{std::pair{RguProjection::kShared, "shared"},
                    std::pair{RguProjection::kSeparate, "separate"}};
}

/// How far the state that gates is normalised.
enum class RguState { kBlockNorm, kStackNorm, kRaw };
constexpr auto EnumNames(RguState) {
  return std::array{std::pair{RguState::kBlockNorm, "block_norm"},
                    std::pair{RguState::kStackNorm, "stack_norm"},
                    std::pair{RguState::kRaw, "raw"}};
}

/// What stands for the second earlier state where there is only one.
enum class MissingState { kNearest, kZero };
constexpr auto EnumNames(MissingState) {
  return std::array{std::pair{MissingState::kNearest, "nearest"},
                    std::pair{MissingState::kZero, "zero"}};
}

/// Places of the frame t, the states t' next to it and t'' beyond in the published stack.
enum class FrameOrder { kOldestFirst, kCentred };
constexpr auto EnumNames(FrameOrder) {
  return std::array{std::pair{FrameOrder::kOldestFirst, "oldest_first"},
                    std::pair{FrameOrder::kCentred, "centred"}};
}

/// Convolutions of each branch that no output uses, but that published parameter counts include.
enum class IdleConvs { kNone, kReconstruction, kAll };
constexpr auto EnumNames(IdleConvs) {
  return std::array{std::pair{IdleConvs::kNone, "none"},
                    std::pair{IdleConvs::kReconstruction, "reconstruction"},
                    std::pair{IdleConvs::kAll, "all"}};
}

/// LRTI-VSR: attention of the current frame by squared ReLU, and a feed-forward unit gated by the
/// aligned state (RITB). The paper leaves details open; each is a field here, and the defaults are
/// what its parameter counts (12.9 M, 6.06 M with depths [6]) and its lineage tell.
struct LrtiVsrOptions {
  static constexpr const char* kType = "lrti_vsr";

  TransformerSizes sizes;
  Attention attention = Attention::kRelu2;
  ScoreScale score_scale = ScoreScale::kHead;
  bool attention_mean = false;
  FeedForward ffn = FeedForward::kRgu;
  RguProjection rgu_projection = RguProjection::kShared;
  RguState rgu_state = RguState::kBlockNorm;
  MissingState missing_state = MissingState::kNearest;
  FrameOrder frame_order = FrameOrder::kOldestFirst;
  IdleConvs idle_convs = IdleConvs::kReconstruction;
  int64_t frame_numbers = 0;

  static auto Fields() {
    return std::tuple{
        config::Inline{&LrtiVsrOptions::sizes},
        config::Field{
            "attention", &LrtiVsrOptions::attention,
            "Weights of the keys: relu2 is max(s, 0)^2, not normalised; softmax; "
            "softmax_positive is the softmax over the keys whose score is above 0 alone."},
        config::Field{"score_scale", &LrtiVsrOptions::score_scale,
                      "d in the scores q k / sqrt(d): head is the width of a head, embedding that "
                      "of a token."},
        config::Field{"attention_mean", &LrtiVsrOptions::attention_mean,
                      "Divide what attention puts out by the number of keys."},
        config::Field{"ffn", &LrtiVsrOptions::ffn,
                      "Feed-forward part of a block: rgu is gated by the aligned state, mlp has "
                      "GELU. softmax with mlp is the iiab network."},
        config::Field{"rgu_projection", &LrtiVsrOptions::rgu_projection,
                      "shared: one layer for the token and the state, twice the embedding wide; "
                      "separate: a layer for each, 4/3 wide, about as many parameters."},
        config::Field{"rgu_state", &LrtiVsrOptions::rgu_state,
                      "The state that gates: normalised by the block as the token is, by the "
                      "branch alone, or raw."},
        config::Field{"missing_state", &LrtiVsrOptions::missing_state,
                      "Where only one earlier state is there, the second is that one again or "
                      "zero."},
        config::Field{"frame_order", &LrtiVsrOptions::frame_order,
                      "Order of the frames in the position bias: oldest_first as MIA-VSR, centred "
                      "as PSRT. Matters to weights from elsewhere alone."},
        config::Field{"idle_convs", &LrtiVsrOptions::idle_convs,
                      "Unused convolutions kept for the published parameter counts: reconstruction "
                      "is what the paper's 6.06 M and 12.9 M include, all is MIA-VSR's."},
        FrameNumbers(&LrtiVsrOptions::frame_numbers),
    };
  }
};
static_assert(config::Covered<LrtiVsrOptions>);

}  // namespace lrti::job
