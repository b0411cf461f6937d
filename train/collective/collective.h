#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

namespace c10d {
class ProcessGroup;
}

namespace lrti::train {

/// What the ranks of a job say to each other while they train. All of them make the same calls in
/// the same order; a call returns when all have made it. For one thread at a time.
///
/// Errors of every call: Unavailable when a rank was lost or stayed away for too long. The group is
/// then beyond repair, and all that is left to do is to end the process.
class Collective {
 public:
  virtual ~Collective() = default;

  virtual int64_t rank() const = 0;
  virtual int64_t world_size() const = 0;
  bool first() const { return rank() == 0; }
  bool alone() const { return world_size() == 1; }

  /// Makes `tensors`, of equal shapes everywhere, those of rank 0.
  virtual absl::Status Broadcast(const std::vector<at::Tensor>& tensors) = 0;

  /// The sums over all ranks, of as many values everywhere; the same to the bit on each.
  virtual absl::StatusOr<std::vector<double>> Sum(std::vector<double> values) = 0;

  /// For c10d::Reducer; null for a group of one.
  virtual c10d::ProcessGroup* group() = 0;

  /// Says that the process will end without taking the group apart, which might wait for ranks that
  /// are no more.
  virtual void Abandon() = 0;

  /// The number that rank 0 gives; those of the others do not count.
  absl::StatusOr<uint64_t> OfFirst(uint64_t number);

  /// Returns when all ranks have called it.
  absl::Status Meet() { return Sum({0}).status(); }
};

/// A group of one, in which nothing has to be said.
class LocalCollective final : public Collective {
 public:
  int64_t rank() const override { return 0; }
  int64_t world_size() const override { return 1; }
  absl::Status Broadcast(const std::vector<at::Tensor>&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<double>> Sum(std::vector<double> values) override { return values; }
  c10d::ProcessGroup* group() override { return nullptr; }
  void Abandon() override {}
};

/// What an exception out of a collective, or out of a backward pass that reduces gradients, means:
/// that a rank was lost.
absl::Status LostRank(const std::exception& error);

}  // namespace lrti::train
