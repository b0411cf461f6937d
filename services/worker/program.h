#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "services/http/server.h"
#include "services/worker/agent/agent_loop.h"
#include "services/worker/config.h"
#include "services/worker/host.h"

namespace lrti::worker {

inline constexpr const char* kVersion = "0.1.0";

/// A whole agent: its devices, its spool, its loop, its HTTP.
class Program {
 public:
  /// REQUIRES: DecideAutos. `warn` is told, by any thread, what an operator should know;
  /// `replaced` when another agent has taken this one's name. Errors: InvalidArgument for a config
  /// that cannot be; FailedPrecondition when another agent has the spool; Unavailable for an
  /// address that is taken or a driver that does not work.
  static absl::StatusOr<std::unique_ptr<Program>> Start(
      const WorkerConfig& config, std::function<void(const std::string&)> warn,
      std::function<void()> replaced);

  /// What it offers and where, for people; some lines.
  std::string Describe() const;

  /// As AgentLoop::Drain.
  bool Drain(bool stop_ranks, absl::Duration longest) { return loop_->Drain(stop_ranks, longest); }

 private:
  Program(WorkerConfig config, Spool spool)
      : config_(std::move(config)), spool_(std::move(spool)) {}
  absl::Status StartAll(std::function<void(const std::string&)> warn,
                        std::function<void()> replaced);
  absl::Status StartHttp();

  const WorkerConfig config_;
  const Spool spool_;
  const SystemClock clock_;
  // In the order of starting; the last one goes first.
  OpenFile lock_;
  AgentSettings settings_;
  std::unique_ptr<Inventory> inventory_;
  std::unique_ptr<RankProcesses> processes_;
  std::unique_ptr<AgentsClient> client_;
  std::unique_ptr<AgentLoop> loop_;
  std::unique_ptr<http::Server> http_;
};

}  // namespace lrti::worker
