#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/job/model.h"

namespace lrti::nn {

/// Which way a branch walks through time.
enum class Direction { kForward, kBackward };

/// The grid a state lives on: that of the LR frames, or of the 4x larger output.
enum class Grid { kLr, kHr };

/// One propagation branch and the state it carries from frame to frame.
struct StateSpec {
  std::string branch;
  Direction direction = Direction::kForward;
  int64_t order = 1;  // k: how many earlier outputs of the branch the next one needs
  int64_t channels = 0;
  Grid grid = Grid::kLr;
};

/// Optical flow between neighbouring frames of a clip with n frames, LR pixels, channel 0
/// horizontal. Undefined tensors mean: no motion (a network without flow).
struct Flows {
  at::Tensor forward;   // [B, n-1, 2, H, W]; [:, i] brings a state of frame i to frame i+1
  at::Tensor backward;  // [B, n-1, 2, H, W]; [:, i] brings a state of frame i+1 to frame i
};

/// States that neighbours of a clip have left, a list for each branch in the order of `States()`.
/// Entry j of a branch's list is its output j+1 frames outside the clip: for a forward branch that
/// of frame s-1-j, for a backward branch that of frame e+j; [B, C, H, W]. A list shorter than the
/// order means that the video ends there. No gradient flows into them.
using BoundaryStates = std::vector<std::vector<at::Tensor>>;

/// A part of a video: the clip [s, e) and the context frames around it that alignment needs.
struct Clip {
  at::Tensor frames;        // [B, left + L + right, 3, H, W], RGB in 0..1
  int64_t left = 0;         // context frames in front, as many as there are left boundary states
  int64_t right = 0;        // context frames behind
  Flows flows;              // of all frames, EstimateFlows(frames)
  BoundaryStates boundary;  // empty: a cold start on both sides
  at::Tensor first_number;  // [B], int64: number of each row's first frame in its video;
                            // undefined: 0. Networks with frame numbers look at it.
};

/// How far branches have to walk, in frame numbers: forward branches up to `forward_end`
/// (exclusive), backward branches down to `backward_begin`. What lies beyond is nobody's business.
struct Reach {
  int64_t forward_end = 0;
  int64_t backward_begin = 0;
};

/// Called with the outputs of a branch as they are made: its place in `States()`, the frame's
/// number counted from the first clip frame (0 .. L-1), and the state [B, C, H, W].
using Tap = std::function<void(size_t branch, int64_t frame, const at::Tensor& state)>;

/// A recurrent video super-resolution network, x4, that can be cut anywhere.
///
/// Restart identity: states tapped from a run over a whole video and handed to a run over a part of
/// it as boundary states give the same outputs, whatever the part. model_contract_test.cc holds
/// every registered network to it.
///
/// Parameter names equal those of the public implementations. Parameters whose names begin with
/// `FlowPrefix()` form the flow net's group.
/// Errors: c10::Error where a shape does not fit.
class Model : public torch::nn::Module {
 public:
  /// The branches, in the order in which they run.
  virtual const std::vector<StateSpec>& States() const = 0;

  /// Flows between neighbours of `frames` [B, n, 3, H, W], those that branches need which walk as
  /// far as `reach` (a forward flow for each frame before its end, a backward flow for each frame
  /// from its begin); others may be zero. Undefined where n < 2 or where there is no flow net.
  virtual Flows EstimateFlows(const at::Tensor& frames, const Reach& reach) = 0;

  /// Flows between all neighbours.
  Flows EstimateFlows(const at::Tensor& frames);

  /// Output frames of the clip, [B, L, 3, 4H, 4W]; not clamped.
  virtual at::Tensor Forward(const Clip& clip, const Tap& tap) = 0;

  /// Runs the branches alone, for their states: nothing is reconstructed, no picture is made.
  /// Taps at least the states within `reach`, counted from the first clip frame.
  virtual void Propagate(const Clip& clip, const Reach& reach, const Tap& tap) = 0;

  /// Runs all branches over the whole clip.
  void Propagate(const Clip& clip, const Tap& tap);

  /// How far flows are needed for the states within `reach` of a video of `length` frames. More
  /// than `reach` where branches read each other, so that one walks further for another's sake.
  virtual Reach FlowReach(const Reach& reach, [[maybe_unused]] int64_t length) const {
    return reach;
  }

  /// First letters of the names of the flow net's parameters; empty where there is none.
  virtual std::string FlowPrefix() const = 0;

  /// Whether a gradient reaches the flow net. Where none does (patch alignment samples the nearest
  /// pixel), flows never change and are computed once for all clips of a sequence.
  virtual bool FlowLearns() const { return !FlowPrefix().empty(); }

  /// Computes the inner values of blocks again in the backward pass instead of keeping them: less
  /// memory, about a forward pass more time, the same numbers.
  void SetActivationCheckpointing(bool on) { activation_checkpointing_ = on; }

  /// Most context frames on a side that a clip can use: the largest order.
  int64_t Context() const;

 protected:
  bool activation_checkpointing() const { return activation_checkpointing_; }

 private:
  bool activation_checkpointing_ = false;
};

/// The network that a config describes, its weights initialised as the public code does from
/// LibTorch's default generator (seed it with torch::manual_seed).
std::shared_ptr<Model> MakeModel(const job::ModelConfig& config);

}  // namespace lrti::nn
