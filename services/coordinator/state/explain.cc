#include "services/coordinator/state/explain.h"

#include <algorithm>

#include "common/lifecycle/pending_reason.h"
#include "fmt/format.h"
#include "services/coordinator/state/cluster.h"
#include "services/coordinator/state/progress.h"
#include "services/coordinator/state/text.h"

namespace lrti::coordinator {
namespace {

using lifecycle::PendingReason;

std::string ModelText(const Model& model) {
  return model.is_cpu ? std::string("CPU slots")
                      : fmt::format("{} ({})", model.name, GibText(model.memory_bytes));
}

int64_t Used(const Book& book, const std::string& queue) {
  const auto it = book.gpus_used.find(queue);
  return it == book.gpus_used.end() ? 0 : it->second;
}

/// What keeps a job that could run from running: facts, and the nearest that would fit.
class Surroundings {
 public:
  Surroundings(const Book& book, const Live& live, const Rules& rules, const Submission& submission,
               Moment now)
      : book_(book),
        rules_(rules),
        submission_(submission),
        cluster_(book, live, rules, now),
        counts_(RankCounts(submission)) {}

  void Facts(std::vector<std::string>& facts) const {
    facts.push_back(fmt::format(
        "asks for {}{}", GpusText(submission_.gpus),
        counts_.back() < submission_.gpus ? fmt::format(", {} at least", counts_.back()) : ""));
    for (const Model& model : cluster_.models()) {
      facts.push_back(fmt::format("{}: {} known, {} on agents that take work, {} free",
                                  ModelText(model), model.known, model.schedulable, model.free));
    }
    if (cluster_.models().empty())
      facts.push_back("no agent has ever reported a GPU or a CPU slot");
    const auto queue = rules_.queues.find(submission_.queue);
    if (queue != rules_.queues.end() && queue->second.gpus_max > 0) {
      facts.push_back(fmt::format("queue {}: {} of {} GPUs in use", submission_.queue,
                                  Used(book_, submission_.queue), queue->second.gpus_max));
    }
    if (const uint64_t memory = Forecast(counts_.back()); memory > 0) {
      facts.push_back(fmt::format("needs {} of GPU memory a rank, by the peak of earlier runs",
                                  GibText(memory)));
    }
  }

  void Nearest(std::vector<std::string>& nearest) const {
    const auto free = [](const Model& model) { return model.free; };
    const auto known = [](const Model& model) { return model.known; };
    if (const int64_t count = Largest(free); count > 0 && count < counts_.back()) {
      nearest.push_back(
          fmt::format("fits now with {}: spec.resources.gpus_min: {}", GpusText(count), count));
    }
    const int64_t count = Largest(known);
    if (count > 0 && count < counts_.back()) {
      nearest.push_back(fmt::format("fits with {}, once they are free", GpusText(count)));
    }
    Memory(nearest);
  }

  bool CouldRun() const {
    return std::any_of(counts_.begin(), counts_.end(), [&](int64_t count) {
      return FitsQuota(count) && Any([&](const Model& m) {
               return m.schedulable >= count && m.Holds(Forecast(count));
             });
    });
  }

 private:
  uint64_t Forecast(int64_t count) const { return ForecastOf(book_, rules_, submission_, count); }

  template <typename Fits>
  bool Any(const Fits& fits) const {
    return std::any_of(cluster_.models().begin(), cluster_.models().end(), fits);
  }

  bool FitsQuota(int64_t count) const {
    const auto queue = rules_.queues.find(submission_.queue);
    return queue != rules_.queues.end() &&
           (queue->second.gpus_max == 0 || count <= queue->second.gpus_max);
  }

  /// The greatest number of ranks, at most what it asks for, that one model has `have` of.
  template <typename Have>
  int64_t Largest(const Have& have) const {
    for (int64_t count = submission_.gpus; count > 0; --count) {
      if (submission_.global_batch % count != 0 || !FitsQuota(count)) continue;
      if (Any([&](const Model& m) { return have(m) >= count && m.Holds(Forecast(count)); })) {
        return count;
      }
    }
    return 0;
  }

  void Memory(std::vector<std::string>& nearest) const {
    const int64_t count = counts_.back();
    const uint64_t needed = Forecast(count);
    uint64_t most = 0;
    for (const Model& model : cluster_.models()) {
      if (model.is_cpu && model.known >= count) return;
      if (model.known >= count) most = std::max(most, model.memory_bytes);
    }
    if (most == 0 || needed <= most) return;
    nearest.push_back(
        fmt::format("needs {} more of GPU memory than the largest GPU has: lower "
                    "spec.train.micro_batch or spec.strategy.clip_frames",
                    GibText(needed - most)));
  }

  const Book& book_;
  const Rules& rules_;
  const Submission& submission_;
  const Cluster cluster_;
  const std::vector<int64_t> counts_;
};

void ExplainPending(const JobRecord& job, const Live& live, Moment now, Explanation& explanation) {
  const auto it = live.waiting.find(job.id());
  const PendingReason reason =
      it == live.waiting.end() ? PendingReason::kPendingEvaluation : it->second;
  const auto& facts = lifecycle::FactsOf(reason);
  explanation.reason = facts.name;
  explanation.meaning = facts.meaning;
  explanation.next_step = facts.next_step;
  if (now.steady < job.not_before) {
    explanation.facts.push_back(fmt::format(
        "waits for another {}, after {}",
        absl::FormatDuration(absl::Ceil(job.not_before - now.steady, absl::Seconds(1))),
        job.failures_in_row == 1 ? "a failure"
                                 : fmt::format("{} failures in a row", job.failures_in_row)));
  }
}

void ExplainEnd(const JobRecord& job, Explanation& explanation) {
  if (!job.end_reason) return;
  const auto& facts = lifecycle::FactsOf(*job.end_reason);
  explanation.reason = facts.name;
  explanation.meaning = facts.meaning;
  explanation.next_step = facts.next_step;
}

void AttemptFacts(const JobRecord& job, const Live& live, Explanation& explanation) {
  std::vector<std::string>& facts = explanation.facts;
  if (!job.message.empty()) facts.push_back(job.message);
  if (job.attempt > 0) {
    const Progress progress = ProgressOf(live, job);
    facts.push_back(fmt::format("attempt {}: step {} of {}, last checkpoint at step {}",
                                job.attempt, progress.step, progress.iterations,
                                job.checkpoint_step));
    facts.push_back(
        fmt::format("restarts: {} of {} for failures of its own, {} of {} for those of "
                    "the cluster, {} to make room",
                    job.restarts.user, job.submission->user_max, job.restarts.infra,
                    job.submission->infra_max, job.restarts.preempt));
  }
  if (job.end_reason && job.end_cause) {
    facts.push_back(fmt::format("last failure: {}: {}", lifecycle::NameOf(job.end_cause->reason),
                                job.end_cause->message));
  }
}

}  // namespace

Explanation Explain(const Book& book, const Live& live, const Rules& rules, const JobRecord& job,
                    Moment now) {
  Explanation explanation;
  if (job.state == JobState::kPending) {
    ExplainPending(job, live, now, explanation);
  } else if (!job.current) {
    ExplainEnd(job, explanation);
  } else if (job.current->cause) {
    const auto& facts = lifecycle::FactsOf(job.current->cause->reason);
    explanation.reason = facts.name;
    explanation.meaning = facts.meaning;
    explanation.next_step = facts.next_step;
  }
  AttemptFacts(job, live, explanation);
  if (job.state == JobState::kPending) {
    const Surroundings surroundings(book, live, rules, *job.submission, now);
    surroundings.Facts(explanation.facts);
    surroundings.Nearest(explanation.nearest);
  }
  return explanation;
}

Fit CouldRun(const Book& book, const Live& live, const Rules& rules, const Submission& submission,
             Moment now) {
  if (!rules.queues.contains(submission.queue)) {
    return {false,
            fmt::format("queue '{}' does not exist; lrti-ctl queues lists them", submission.queue)};
  }
  const Surroundings surroundings(book, live, rules, submission, now);
  if (surroundings.CouldRun()) return {true, ""};
  std::vector<std::string> lines;
  surroundings.Nearest(lines);
  if (lines.empty()) surroundings.Facts(lines);
  return {false, fmt::format("{}", fmt::join(lines, "; "))};
}

std::string PendingReasonOf(const Live& live, const JobRecord& job) {
  if (job.state != JobState::kPending) return "";
  const auto it = live.waiting.find(job.id());
  return std::string(
      lifecycle::NameOf(it == live.waiting.end() ? PendingReason::kPendingEvaluation : it->second));
}

}  // namespace lrti::coordinator
