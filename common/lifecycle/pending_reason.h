#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/lifecycle/named.h"

namespace lrti::lifecycle {

/// Why a job waits; the first that applies, in this order.
enum class PendingReason : uint8_t {
  kOnHold,
  kMisconfigured,
  kNoMatchingGpu,
  kExceedsMaxQuota,
  kDependencyWait,
  kWaitingForQuota,
  kWaitingForGpus,
  kTopologyPlacementFailed,
  kWaitingForPreempted,
  kVramForecastTooHigh,
  kCacheCapacity,
  kBackoff,
  kAgentQuarantine,
  kPendingEvaluation,
};

struct PendingReasonFacts {
  PendingReason value;
  std::string_view name;
  std::string_view meaning;
  std::string_view next_step;
};

/// docs/reasons.md is made of this list.
inline constexpr std::array kPendingReasons = {
    PendingReasonFacts{PendingReason::kOnHold, "OnHold", "It was submitted on hold.",
                       "lrti-ctl resume JOB"},
    PendingReasonFacts{PendingReason::kMisconfigured, "Misconfigured",
                       "It names a queue that does not exist.",
                       "lrti-ctl queues lists them; submit it again with one of those."},
    PendingReasonFacts{PendingReason::kNoMatchingGpu, "NoMatchingGpu",
                       "The agents together have fewer GPUs than it needs, were all free.",
                       "Lower spec.resources.gpus, set gpus_min, or start more agents."},
    PendingReasonFacts{PendingReason::kExceedsMaxQuota, "ExceedsMaxQuota",
                       "It needs more GPUs than its queue may ever use.",
                       "Lower spec.resources.gpus or take another queue (lrti-ctl queues)."},
    PendingReasonFacts{PendingReason::kDependencyWait, "DependencyWait",
                       "A job that it builds on has not ended. Reserved: this version never gives "
                       "it.",
                       "Wait for that job."},
    PendingReasonFacts{PendingReason::kWaitingForQuota, "WaitingForQuota",
                       "Its queue uses all GPUs that it may.",
                       "Wait, or cancel a job of the queue (lrti-ctl list --queue QUEUE)."},
    PendingReasonFacts{PendingReason::kWaitingForGpus, "WaitingForGpus",
                       "Other jobs hold the GPUs that it needs.",
                       "Wait, raise its priority, or set gpus_min."},
    PendingReasonFacts{PendingReason::kTopologyPlacementFailed, "TopologyPlacementFailed",
                       "Enough GPUs are free, but not where it may run.", "Wait."},
    PendingReasonFacts{PendingReason::kWaitingForPreempted, "WaitingForPreempted",
                       "Jobs of lower priority are saving to make room.",
                       "Wait; it begins within their grace."},
    PendingReasonFacts{PendingReason::kVramForecastTooHigh, "VramForecastTooHigh",
                       "By what such jobs took before, no free GPU has memory enough.",
                       "Lower spec.train.micro_batch or clip_frames, or wait for larger GPUs."},
    PendingReasonFacts{PendingReason::kCacheCapacity, "CacheCapacity",
                       "The hidden-state cache has no room for it. Reserved: this version never "
                       "gives it.",
                       "Wait, or add a cache node."},
    PendingReasonFacts{PendingReason::kBackoff, "Backoff",
                       "Its last attempt failed; the next waits a while.",
                       "Wait, or lrti-ctl retry JOB to begin now."},
    PendingReasonFacts{PendingReason::kAgentQuarantine, "AgentQuarantine",
                       "It would fit, but agents are drained, quarantined or lost.",
                       "lrti-ctl agents ls, then lrti-ctl agents undrain AGENT."},
    PendingReasonFacts{PendingReason::kPendingEvaluation, "PendingEvaluation",
                       "The scheduler has not looked at it yet.", "Wait a second."},
};

constexpr std::string_view NameOf(PendingReason reason) { return NameIn(kPendingReasons, reason); }

constexpr const PendingReasonFacts& FactsOf(PendingReason reason) {
  return kPendingReasons[static_cast<size_t>(reason)];  // held to the order by a test
}

}  // namespace lrti::lifecycle
