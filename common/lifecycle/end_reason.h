#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/lifecycle/named.h"

namespace lrti::lifecycle {

/// Why an attempt ended.
enum class EndReason : uint8_t {
  kCompleted,
  kUserError,
  kUserCancelled,
  kUserPaused,
  kOomHost,
  kOomGpu,
  kGpuXid,
  kNodeLost,
  kAgentLost,
  kNcclError,
  kStalled,
  kNoProgress,
  kPreempted,
  kDeadline,
  kCheckpointUnreadable,
  kDataUnavailable,
  kQuotaExceeded,
  kStartTimeout,
  kLogQuotaExceeded,
  kPolicyIdle,
  kInternal,
};

/// Whose failure it is: which restart budget pays.
enum class EndClass : uint8_t { kDone, kUser, kInfra, kPreempt, kSystem };

inline constexpr std::array kEndClasses = {
    Named{EndClass::kDone, "done"}, Named{EndClass::kUser, "user"},
    Named{EndClass::kInfra, "infra"}, Named{EndClass::kPreempt, "preempt"},
    Named{EndClass::kSystem, "system"}};

constexpr std::string_view NameOf(EndClass kind) { return NameIn(kEndClasses, kind); }

struct EndReasonFacts {
  EndReason value;
  std::string_view name;
  EndClass kind;
  bool restarts;  // as long as the budget of its class lasts
  std::string_view meaning;
  std::string_view next_step;
};

/// docs/reasons.md is made of this list.
inline constexpr std::array kEndReasons = {
    EndReasonFacts{EndReason::kCompleted, "COMPLETED", EndClass::kDone, false,
                   "The training reached its end.", "lrti-ctl table JOB shows the result."},
    EndReasonFacts{EndReason::kUserError, "USER_ERROR", EndClass::kUser, true,
                   "The trainer refused the job or failed by its own numbers.",
                   "Read the message and lrti-ctl logs JOB, mend the job file, submit it again."},
    EndReasonFacts{EndReason::kUserCancelled, "USER_CANCELLED", EndClass::kDone, false,
                   "Somebody cancelled it.", "lrti-ctl retry JOB goes on from its checkpoint."},
    EndReasonFacts{EndReason::kUserPaused, "USER_PAUSED", EndClass::kDone, false,
                   "Somebody paused it.", "lrti-ctl resume JOB goes on from its checkpoint."},
    EndReasonFacts{EndReason::kOomHost, "OOM_HOST", EndClass::kUser, true,
                   "The machine's memory was full and the kernel killed a rank.",
                   "Lower spec.cache.memory_mib, spec.data.frame_cache_mib or the crop."},
    EndReasonFacts{EndReason::kOomGpu, "OOM_GPU", EndClass::kUser, true,
                   "The memory of a GPU was full.",
                   "Lower spec.train.micro_batch, spec.strategy.clip_frames or the crop, or set "
                   "spec.train.activation_checkpointing."},
    EndReasonFacts{EndReason::kGpuXid, "GPU_XID", EndClass::kInfra, true,
                   "The driver reported a fault of a GPU.",
                   "The job restarts elsewhere. Reset the GPU, which is quarantined, then lrti-ctl "
                   "agents undrain AGENT."},
    EndReasonFacts{EndReason::kNodeLost, "NODE_LOST", EndClass::kInfra, true,
                   "A machine restarted or vanished.", "Nothing: the job restarts elsewhere."},
    EndReasonFacts{EndReason::kAgentLost, "AGENT_LOST", EndClass::kInfra, true,
                   "The agent of a machine was silent for too long.",
                   "Look at lrti-ctl agents ls; the job restarts elsewhere."},
    EndReasonFacts{EndReason::kNcclError, "NCCL_ERROR", EndClass::kInfra, true,
                   "A rank lost the connection to another.",
                   "Nothing, unless it repeats: then look at the network of the agents named."},
    EndReasonFacts{EndReason::kStalled, "STALLED", EndClass::kInfra, true,
                   "A rank made no step for far longer than usual.",
                   "Nothing, unless it repeats: the message names the rank and its machine."},
    EndReasonFacts{EndReason::kNoProgress, "NO_PROGRESS", EndClass::kUser, false,
                   "Two attempts stood still at the same step.",
                   "lrti-ctl logs JOB; it is the job itself or its data at that step."},
    EndReasonFacts{EndReason::kPreempted, "PREEMPTED", EndClass::kPreempt, true,
                   "It made room for a job of higher priority.",
                   "Nothing: it goes on from its checkpoint when GPUs are free."},
    EndReasonFacts{EndReason::kDeadline, "DEADLINE", EndClass::kUser, false,
                   "Its time limit passed. Reserved: this version never gives it.",
                   "Raise the limit, then lrti-ctl retry JOB."},
    EndReasonFacts{EndReason::kCheckpointUnreadable, "CHECKPOINT_UNREADABLE", EndClass::kUser,
                   false, "No checkpoint of its run directory can be read.",
                   "lrti-ctl checkpoints verify JOB names the files; restore or delete them."},
    EndReasonFacts{EndReason::kDataUnavailable, "DATA_UNAVAILABLE", EndClass::kUser, true,
                   "A video or a folder could not be read.",
                   "Check the path in the message on the agent's machine."},
    EndReasonFacts{EndReason::kQuotaExceeded, "QUOTA_EXCEEDED", EndClass::kUser, false,
                   "Its project used up its GPU time. Reserved: this version never gives it.",
                   "Ask for more, then lrti-ctl retry JOB."},
    EndReasonFacts{EndReason::kStartTimeout, "START_TIMEOUT", EndClass::kInfra, true,
                   "Not all ranks came up in time.",
                   "Nothing, unless it repeats: look at lrti-ctl agents ls and the logs."},
    EndReasonFacts{EndReason::kLogQuotaExceeded, "LOG_QUOTA_EXCEEDED", EndClass::kUser, false,
                   "It wrote more log than is kept for an attempt.",
                   "Make it write less, then lrti-ctl retry JOB."},
    EndReasonFacts{EndReason::kPolicyIdle, "POLICY_IDLE", EndClass::kUser, false,
                   "Its GPUs were idle for longer than allowed. Reserved: this version never gives "
                   "it.",
                   "lrti-ctl logs JOB."},
    EndReasonFacts{EndReason::kInternal, "INTERNAL", EndClass::kSystem, true,
                   "A fault of the service or of the trainer itself.",
                   "Report it with lrti-ctl describe JOB; the job restarts."},
};

constexpr std::string_view NameOf(EndReason reason) { return NameIn(kEndReasons, reason); }

constexpr const EndReasonFacts& FactsOf(EndReason reason) {
  return kEndReasons[static_cast<size_t>(reason)];  // held to the order by a test
}

}  // namespace lrti::lifecycle
