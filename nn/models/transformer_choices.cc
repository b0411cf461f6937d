#include "nn/models/transformer_choices.h"

#include <vector>

namespace lrti::nn {
namespace {

// Places of the frames t'', t' and t in the published stacks.
const std::vector<int64_t> kOldestFirst = {0, 1, 2};
const std::vector<int64_t> kCentred = {2, 0, 1};

TransformerChoices OfSizes(const job::TransformerSizes& sizes, int64_t frame_numbers) {
  TransformerChoices choices;
  BranchDesign& branch = choices.branch;
  branch.block.width = sizes.embed_dim;
  branch.block.window = sizes.window;
  branch.depths = sizes.depths;
  branch.heads = sizes.heads;
  branch.drop_path = sizes.drop_path;
  branch.mid_channels = sizes.mid_channels;
  choices.tail_channels = sizes.tail_channels;
  choices.frame_numbers = frame_numbers;
  return choices;
}

AttentionWeights WeightsOf(job::Attention attention) {
  switch (attention) {
    case job::Attention::kRelu2:
      return AttentionWeights::kRelu2;
    case job::Attention::kSoftmax:
      return AttentionWeights::kSoftmax;
    case job::Attention::kSoftmaxPositive:
      return AttentionWeights::kSoftmaxPositive;
  }
  TORCH_CHECK(false, "attention of an unknown kind");
}

FeedForwardKind FeedForwardOf(const job::LrtiVsrOptions& options) {
  if (options.ffn == job::FeedForward::kMlp) return FeedForwardKind::kMlp;
  return options.rgu_projection == job::RguProjection::kShared ? FeedForwardKind::kGated
                                                               : FeedForwardKind::kGatedSeparate;
}

}  // namespace

TransformerChoices ChoicesOf(const job::PsrtOptions& options) {
  TransformerChoices choices = OfSizes(options.sizes, options.frame_numbers);
  choices.branch.block.frames = {.places = kCentred, .update_all = true};
  choices.branch.idle = {.first = true, .reconstruction = true};
  choices.repeat_missing = false;
  return choices;
}

TransformerChoices ChoicesOf(const job::IiabOptions& options) {
  TransformerChoices choices = OfSizes(options.sizes, options.frame_numbers);
  choices.branch.block.frames = {.places = kOldestFirst, .update_all = false};
  choices.branch.idle = {.first = true, .reconstruction = true};
  choices.repeat_missing = true;
  return choices;
}

TransformerChoices ChoicesOf(const job::LrtiVsrOptions& options) {
  TransformerChoices choices = OfSizes(options.sizes, options.frame_numbers);
  BranchDesign& branch = choices.branch;
  const bool oldest_first = options.frame_order == job::FrameOrder::kOldestFirst;
  branch.block.frames = {.places = oldest_first ? kOldestFirst : kCentred, .update_all = false};
  branch.block.weights = WeightsOf(options.attention);
  branch.block.scale_by_head = options.score_scale == job::ScoreScale::kHead;
  branch.block.mean_over_keys = options.attention_mean;
  branch.block.feed_forward = FeedForwardOf(options);
  branch.block.normalise_gate = options.rgu_state == job::RguState::kBlockNorm;
  branch.raw_gate = options.rgu_state == job::RguState::kRaw;
  branch.idle = {.first = options.idle_convs == job::IdleConvs::kAll,
                 .reconstruction = options.idle_convs != job::IdleConvs::kNone};
  choices.repeat_missing = options.missing_state == job::MissingState::kNearest;
  return choices;
}

}  // namespace lrti::nn
