#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/file_writer.h"
#include "common/base/test_files.h"
#include "lrti/v1/worker.pb.h"
#include "services/worker/agent/agent.h"
#include "services/worker/agent/machine.h"

namespace lrti::worker {

/// For tests: devices as the test says.
class FakeInventory final : public Inventory {
 public:
  absl::StatusOr<std::vector<Device>> List() override { return devices; }
  bool gpus() const override { return false; }

  std::vector<XidEvent> NewXids() override { return std::exchange(xids, {}); }

  std::vector<XidEvent> xids;
  std::vector<Device> devices = {{.uuid = "d0"}, {.uuid = "d1"}, {.uuid = "d2"}};
};

/// For tests: ranks that do what the test says, without processes.
class FakeProcesses final : public RankProcesses {
 public:
  struct Rank {
    LaunchRecord launch;
    bool had_socket = false;
    RankSight sight;
    std::vector<int> signals;
  };

  absl::Status Start(const std::string& folder, const LaunchRecord& launch, int store_fd) override {
    if (!start_status.ok()) return start_status;
    order.push_back(folder);
    Rank& rank = ranks[folder];
    rank.launch = launch;
    rank.had_socket = store_fd >= 0;
    rank.sight.pids = PidRecord{.trainer = {.pid = 100 + static_cast<int64_t>(ranks.size())}};
    return WriteFileAtomic(RankFiles(folder).launch, ToJson(launch));
  }
  RankSight Look(const std::string& folder) override { return ranks[folder].sight; }
  void Signal(const std::string& folder, int signal) override {
    ranks[folder].signals.push_back(signal);
  }

  /// The trainer ends, and nothing is left of it.
  void End(const std::string& folder, const ExitRecord& exit) {
    ranks[folder].sight.exit = exit;
    ranks[folder].sight.gone = true;
  }

  std::map<std::string, Rank> ranks;
  std::vector<std::string> order;
  absl::Status start_status;
};

inline v1::Assignment AssignmentOf(const std::string& job, int64_t attempt,
                                   const std::vector<std::pair<int64_t, std::string>>& ranks,
                                   int64_t world_size = 0) {
  v1::Assignment assignment;
  assignment.set_job(job);
  assignment.set_attempt(attempt);
  assignment.set_order(v1::Assignment::RUN);
  assignment.set_run_dir("/runs/" + job);
  assignment.set_config("steps=3");
  assignment.set_world_size(world_size == 0 ? static_cast<int64_t>(ranks.size()) : world_size);
  for (const auto& [rank, device] : ranks) {
    v1::RankPlace& place = *assignment.add_ranks();
    place.set_rank(rank);
    place.set_device(device);
  }
  return assignment;
}

inline v1::SyncResponse AnswerOf(const std::vector<v1::Assignment>& assignments) {
  v1::SyncResponse response;
  response.mutable_period()->set_nanos(50'000'000);
  for (const v1::Assignment& assignment : assignments) *response.add_assignments() = assignment;
  return response;
}

}  // namespace lrti::worker
