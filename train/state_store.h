#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/hidden_state/store.h"
#include "common/job/job.h"

namespace lrti::train {

/// Where a run's states are kept.
struct StateStore {
  std::unique_ptr<hidden_state::Store> store;
  /// What last kept a cache node from answering, for a person; empty where nothing did.
  std::function<std::string()> trouble;
};

/// Opens the store that the job asks for; nodes of a cache are first spoken to when they are used.
/// Nodes that the job does not name are those of the environment's LRTI_CACHE_ENDPOINTS, separated
/// by commas. The token of mode service is its LRTI_CACHE_TOKEN, else "open", which a node takes
/// that listens for its own machine alone. The clock must outlive the store.
/// Errors: InvalidArgument naming the field or the variable.
absl::StatusOr<StateStore> OpenStateStore(const job::CacheConfig& config, const Clock& clock);

/// Names a run's states: the same for trainers of a job that share them, else like nobody else's.
uint64_t NameOfStates(const job::Spec& spec);

}  // namespace lrti::train
