#pragma once

namespace lrti::events::kind {

/// Every kind of event; docs/events.md gives the fields of each.
inline constexpr const char* kStarted = "started";
inline constexpr const char* kStep = "step";
inline constexpr const char* kPhase = "phase";
inline constexpr const char* kEval = "eval";
inline constexpr const char* kCheckpoint = "checkpoint";
inline constexpr const char* kWarning = "warning";
inline constexpr const char* kFinished = "finished";
inline constexpr const char* kFailed = "failed";
inline constexpr const char* kHeartbeat = "heartbeat";

}  // namespace lrti::events::kind
