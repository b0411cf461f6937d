#include "services/coordinator/state/schedule.h"

#include <algorithm>
#include <limits>
#include <set>

#include "common/base/check.h"
#include "fmt/format.h"
#include "services/coordinator/state/cluster.h"
#include "services/coordinator/state/preempt.h"
#include "services/coordinator/state/text.h"
#include "services/coordinator/state/transitions.h"

namespace lrti::coordinator {
namespace {

using lifecycle::PendingReason;

class Cycle {
 public:
  Cycle(const Book& book, const Live& live, const Rules& rules, Moment now)
      : book_(book), rules_(rules), now_(now), cluster_(book, live, rules, now) {}

  Plan Run() {
    for (const auto& [place, id] : book_.pending) {
      const JobRecord& job = *FindJob(book_, id);
      if (const auto reason = Consider(job)) plan_.waiting.emplace_back(id, *reason);
    }
    if (!reserved_ && closed_.empty()) GrowOne();
    return std::move(plan_);
  }

 private:
  /// Starts the job, or says why not.
  std::optional<PendingReason> Consider(const JobRecord& job) {
    const Submission& submission = *job.submission;
    if (job.hold) return PendingReason::kOnHold;
    const auto queue = rules_.queues.find(submission.queue);
    if (queue == rules_.queues.end()) return PendingReason::kMisconfigured;
    const std::vector<int64_t> counts = RankCounts(submission);
    const int64_t fewest = counts.back();
    const uint64_t memory = ForecastOf(book_, rules_, submission, fewest);
    if (const auto never = Never(fewest, memory, queue->second)) return never;
    if (now_.steady < job.not_before) return PendingReason::kBackoff;
    const int64_t quota = QuotaLeft(submission.queue, queue->second);
    if (closed_.contains(submission.queue)) return PendingReason::kWaitingForQuota;
    for (const int64_t count : counts) {
      if (count > quota || count > cluster_.free()) continue;
      auto places = cluster_.Take(count, ForecastOf(book_, rules_, submission, count));
      if (places) return Start(job, *std::move(places));
    }
    return Blocked(job, fewest, memory, quota);
  }

  /// What no waiting for other jobs mends.
  std::optional<PendingReason> Never(int64_t fewest, uint64_t memory,
                                     const QueueRule& queue) const {
    const auto any = [&](const auto& fits) {
      return std::any_of(cluster_.models().begin(), cluster_.models().end(), fits);
    };
    if (!any([&](const Model& model) { return model.known >= fewest; })) {
      return PendingReason::kNoMatchingGpu;
    }
    if (queue.gpus_max > 0 && fewest > queue.gpus_max) return PendingReason::kExceedsMaxQuota;
    if (!any([&](const Model& model) { return model.known >= fewest && model.Holds(memory); })) {
      return PendingReason::kVramForecastTooHigh;
    }
    if (!any([&](const Model& model) {
          return model.schedulable >= fewest && model.Holds(memory);
        })) {
      return PendingReason::kAgentQuarantine;
    }
    return std::nullopt;
  }

  int64_t QuotaLeft(const std::string& name, const QueueRule& queue) const {
    if (queue.gpus_max == 0) return std::numeric_limits<int64_t>::max();
    const auto used = book_.gpus_used.find(name);
    const auto begun = begun_.find(name);
    return queue.gpus_max - (used == book_.gpus_used.end() ? 0 : used->second) -
           (begun == begun_.end() ? 0 : begun->second);
  }

  std::optional<PendingReason> Start(const JobRecord& job, std::vector<RankPlace> places) {
    begun_[job.submission->queue] += static_cast<int64_t>(places.size());
    StateChanged change = ChangeOf(
        job, JobState::kAdmitted, "",
        fmt::format("{} on {}", GpusText(static_cast<int64_t>(places.size())), AgentsText(places)),
        "scheduler");
    change.attempt = job.attempt + 1;
    plan_.updates.push_back(AttemptStarted{job.id(), job.attempt + 1, std::move(places)});
    plan_.updates.push_back(std::move(change));
    return std::nullopt;
  }

  static std::string AgentsText(const std::vector<RankPlace>& places) {
    std::set<std::string> agents;
    for (const RankPlace& place : places) agents.insert(place.agent);
    if (agents.size() > 3) return fmt::format("{} agents", agents.size());
    return fmt::format("{}", fmt::join(agents, ", "));
  }

  /// The first job that lacks GPUs has them kept free; the first that lacks quota closes its queue.
  PendingReason Blocked(const JobRecord& job, int64_t fewest, uint64_t memory, int64_t quota) {
    const bool lacks_quota = fewest > quota;
    if (lacks_quota) {
      closed_.insert(job.submission->queue);
    } else if (reserved_) {
      return Scattered(fewest) ? PendingReason::kTopologyPlacementFailed
                               : PendingReason::kWaitingForGpus;
    }
    const bool scattered = Scattered(fewest);
    const Need need{fewest, memory, lacks_quota ? fewest - quota : 0};
    // What one job is given room for counts only from the next cycle on.
    const Room room = preempted_.empty() ? MakeRoom(book_, cluster_, job, need) : Room();
    const bool makes_room = room.will_be && (room.is_coming || !room.victims.empty());
    for (const std::string& victim : room.victims) Preempt(*FindJob(book_, victim), job);
    if (!lacks_quota) {
      cluster_.Reserve(fewest, memory);
      reserved_ = true;
    }
    if (makes_room) return PendingReason::kWaitingForPreempted;
    if (lacks_quota) return PendingReason::kWaitingForQuota;
    return scattered ? PendingReason::kTopologyPlacementFailed : PendingReason::kWaitingForGpus;
  }

  /// Enough are free, but not of one model.
  bool Scattered(int64_t count) const { return cluster_.free() >= count; }

  void Preempt(const JobRecord& victim, const JobRecord& head) {
    if (!preempted_.insert(victim.id()).second) return;
    plan_.updates.push_back(ChangeOf(victim, JobState::kCheckpointing,
                                     std::string(lifecycle::NameOf(EndReason::kPreempted)),
                                     fmt::format("makes room for {} ({}), which has priority {}",
                                                 head.id(), head.submission->name, head.priority),
                                     "scheduler"));
  }

  /// GPUs that nobody waits for go to a job that runs with fewer than it asks for: it saves, and
  /// begins again with more. One at a time, so that each sees what is left.
  void GrowOne() {
    for (const std::string& id : book_.active) {
      const JobRecord& job = *FindJob(book_, id);
      const auto ranks = static_cast<int64_t>(job.current->ranks.size());
      if (job.state != JobState::kRunning || ranks >= job.submission->gpus) continue;
      if (now_.steady - job.current->running->steady < rules_.grow_after) continue;
      const int64_t count = GrownCount(job, ranks);
      if (count == 0) continue;
      plan_.updates.push_back(ChangeOf(
          job, JobState::kCheckpointing, std::string(lifecycle::NameOf(EndReason::kPreempted)),
          fmt::format("restarts with {} in place of {}", GpusText(count), ranks), "scheduler"));
      return;
    }
  }

  /// Ranks that it could have with what is free of the model it runs on; 0: no more than now.
  int64_t GrownCount(const JobRecord& job, int64_t ranks) const {
    const Submission& submission = *job.submission;
    const auto queue = rules_.queues.find(submission.queue);
    const auto place = cluster_.ModelOf(job.current->ranks.front());
    if (queue == rules_.queues.end() || !place) return 0;
    const Model& model = cluster_.models()[*place];
    const int64_t more = std::min(model.free, QuotaLeft(submission.queue, queue->second));
    for (const int64_t count : RankCounts(submission)) {
      if (count <= ranks) return 0;
      if (count - ranks <= more && model.Holds(ForecastOf(book_, rules_, submission, count))) {
        return count;
      }
    }
    return 0;
  }

  const Book& book_;
  const Rules& rules_;
  const Moment now_;
  Cluster cluster_;
  Plan plan_;
  bool reserved_ = false;
  std::set<std::string> closed_;          // queues whose quota is kept for an earlier job
  std::set<std::string> preempted_;       // in this cycle
  std::map<std::string, int64_t> begun_;  // GPUs given away in this cycle, by queue
};

}  // namespace

Plan Schedule(const Book& book, const Live& live, const Rules& rules, Moment now) {
  return Cycle(book, live, rules, now).Run();
}

}  // namespace lrti::coordinator
