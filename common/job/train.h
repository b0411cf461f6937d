#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "common/config/schema.h"

namespace lrti::job {

enum class ScheduleType { kCosine, kConstant };
constexpr auto EnumNames(ScheduleType) {
  return std::array{std::pair{ScheduleType::kCosine, "cosine"},
                    std::pair{ScheduleType::kConstant, "constant"}};
}

struct Schedule {
  ScheduleType type = ScheduleType::kCosine;
  double min_lr = 1e-7;
  int64_t warmup_steps = 0;

  static auto Fields() {
    return std::tuple{
        config::Field{"type", &Schedule::type,
                      "cosine falls from lr to min_lr over train.iterations; constant stays."},
        config::Field{"min_lr", &Schedule::min_lr, "Where the cosine ends.", config::AtLeast(0)},
        config::Field{"warmup_steps", &Schedule::warmup_steps,
                      "Steps over which the rate rises linearly from nothing.", config::AtLeast(0),
                      config::Unit("steps")},
    };
  }
};
static_assert(config::Covered<Schedule>);

enum class OptimizerType { kAdam };
constexpr auto EnumNames(OptimizerType) {
  return std::array{std::pair{OptimizerType::kAdam, "adam"}};
}

struct OptimizerConfig {
  OptimizerType type = OptimizerType::kAdam;
  double lr = 2e-4;
  std::vector<double> betas = {0.9, 0.99};
  double epsilon = 1e-8;
  double weight_decay = 0;
  double flow_lr_factor = 0.125;
  int64_t flow_freeze_steps = 5000;
  Schedule schedule;

  static auto Fields() {
    return std::tuple{
        config::Field{"type", &OptimizerConfig::type, "Adam, by one fused call."},
        config::Field{"lr", &OptimizerConfig::lr, "Learning rate.", config::Between(0, 1)},
        config::Field{"betas", &OptimizerConfig::betas, "Adam's two averaging factors.",
                      config::Between(0, 1), config::Length(2)},
        config::Field{"epsilon", &OptimizerConfig::epsilon, "Adam's denominator term.",
                      config::Between(0, 1)},
        config::Field{"weight_decay", &OptimizerConfig::weight_decay, "L2 penalty.",
                      config::Between(0, 1)},
        config::Field{"flow_lr_factor", &OptimizerConfig::flow_lr_factor,
                      "Learning rate of the flow net, as a part of lr.", config::Between(0, 10)},
        config::Field{"flow_freeze_steps", &OptimizerConfig::flow_freeze_steps,
                      "The flow net stays as it is for this many steps, and no gradient is "
                      "computed for it; -1: for ever.",
                      config::AtLeast(-1), config::Unit("steps")},
        config::Field{"schedule", &OptimizerConfig::schedule, "Learning rate over the steps."},
    };
  }
};
static_assert(config::Covered<OptimizerConfig>);

/// Charbonnier's two readings of its epsilon: sqrt(d^2 + eps) and sqrt(d^2 + eps^2).
enum class EpsilonForm { kAdded, kSquared };
constexpr auto EnumNames(EpsilonForm) {
  return std::array{std::pair{EpsilonForm::kAdded, "added"},
                    std::pair{EpsilonForm::kSquared, "squared"}};
}

enum class LossType { kCharbonnier };
constexpr auto EnumNames(LossType) {
  return std::array{std::pair{LossType::kCharbonnier, "charbonnier"}};
}

struct LossConfig {
  LossType type = LossType::kCharbonnier;
  double epsilon = 1e-12;
  EpsilonForm epsilon_form = EpsilonForm::kAdded;

  static auto Fields() {
    return std::tuple{
        config::Field{"type", &LossConfig::type, "Mean Charbonnier distance."},
        config::Field{"epsilon", &LossConfig::epsilon,
                      "Rounds the tip: 1e-12 added (BasicVSR's code), 1e-3 squared (the papers).",
                      config::Between(0, 1)},
        config::Field{"epsilon_form", &LossConfig::epsilon_form,
                      "added: sqrt(d^2 + epsilon); squared: sqrt(d^2 + epsilon^2)."},
    };
  }
};
static_assert(config::Covered<LossConfig>);

enum class Precision { kFp32, kBf16 };
constexpr auto EnumNames(Precision) {
  return std::array{std::pair{Precision::kFp32, "fp32"}, std::pair{Precision::kBf16, "bf16"}};
}

struct TrainConfig {
  int64_t iterations = 300000;
  int64_t global_batch = 8;
  int64_t micro_batch = 0;
  Precision precision = Precision::kFp32;
  bool tf32 = false;
  bool activation_checkpointing = false;
  uint64_t seed = 1;
  double ema_decay = 0.999;
  int64_t checkpoint_every = 5000;
  int64_t checkpoints_keep = 3;
  bool checkpoint_states = true;
  int64_t eval_every = 10000;
  int64_t log_every = 10;
  absl::Duration time_max = absl::ZeroDuration();
  int64_t threads = 0;
  std::string init_from;
  std::string flow_init_from;

  static auto Fields() {
    return std::tuple{
        config::Field{"iterations", &TrainConfig::iterations, "Optimiser steps.",
                      config::AtLeast(1), config::Unit("steps")},
        config::Field{"global_batch", &TrainConfig::global_batch,
                      "Clips a step over all ranks, as papers quote it.", config::Between(1, 4096),
                      config::Unit("clips")},
        config::Field{"micro_batch", &TrainConfig::micro_batch,
                      "Clips on the device at a time; gradients add up to the global batch. "
                      "0: the whole batch.",
                      config::Between(0, 4096), config::Unit("clips")},
        config::Field{"precision", &TrainConfig::precision,
                      "fp32, or bf16 activations with fp32 weights."},
        config::Field{"tf32", &TrainConfig::tf32, "Let a GPU round fp32 matrix products to TF32."},
        config::Field{"activation_checkpointing", &TrainConfig::activation_checkpointing,
                      "Compute the inner values of blocks again in the backward pass instead of "
                      "keeping them: less memory, about a third more time, the same numbers."},
        config::Field{"seed", &TrainConfig::seed,
                      "Source of all randomness: weights, order, crops, starts."},
        config::Field{"ema_decay", &TrainConfig::ema_decay,
                      "Moving average of the weights, used for evaluation; 0: off.",
                      config::Between(0, 1)},
        config::Field{"checkpoint_every", &TrainConfig::checkpoint_every,
                      "Steps between checkpoints; 0: only the last.", config::AtLeast(0),
                      config::Unit("steps")},
        config::Field{"checkpoints_keep", &TrainConfig::checkpoints_keep,
                      "Newest checkpoints kept; older ones are deleted.",
                      config::Between(1, 10000)},
        config::Field{"checkpoint_states", &TrainConfig::checkpoint_states,
                      "Save the boundary states still needed, so that a resumed run equals an "
                      "unbroken one to the bit; off: they are recomputed with newer weights. With "
                      "several ranks and cache mode memory those of rank 0 alone are saved."},
        config::Field{"eval_every", &TrainConfig::eval_every,
                      "Steps between evaluations; 0: only at the end.", config::AtLeast(0),
                      config::Unit("steps")},
        config::Field{"log_every", &TrainConfig::log_every, "Steps between lines of metrics.jsonl.",
                      config::AtLeast(1), config::Unit("steps")},
        config::Field{"time_max", &TrainConfig::time_max,
                      "Stop training after this long, as if iterations were reached; 0s: never.",
                      config::AtLeast(absl::ZeroDuration())},
        config::Field{"threads", &TrainConfig::threads,
                      "CPU threads of the tensor library; 0: as many as OMP_NUM_THREADS says, else "
                      "one a core, which ranks on one machine divide among them.",
                      config::Between(0, 1024), config::Unit("threads")},
        config::Field{"init_from", &TrainConfig::init_from,
                      "Weights to start from: a checkpoint folder, or a .safetensors or .pth file "
                      "of ours, BasicSR or mmagic."},
        config::Field{
            "flow_init_from", &TrainConfig::flow_init_from,
            "Weights of the flow net alone, after init_from: a file of SPyNet's or of any "
            "network with one. SPyNet's published weights are not shipped, because their "
            "licence forbids it; name your own copy."},
    };
  }
};
static_assert(config::Covered<TrainConfig>);

}  // namespace lrti::job
