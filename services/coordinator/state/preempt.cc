#include "services/coordinator/state/preempt.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "services/coordinator/state/transitions.h"

namespace lrti::coordinator {
namespace {

/// What a job that ends gives back: GPUs of each model, and quota of the head's queue.
struct Gift {
  const JobRecord* job = nullptr;
  std::vector<int64_t> gpus;  // by model
  int64_t quota = 0;
};

Gift GiftOf(const JobRecord& job, const Cluster& cluster, const JobRecord& head) {
  Gift gift{&job, std::vector<int64_t>(cluster.models().size(), 0), 0};
  for (const RankPlace& place : job.current->ranks) {
    if (const auto model = cluster.ModelOf(place)) ++gift.gpus[*model];
  }
  if (job.submission->queue == head.submission->queue) {
    gift.quota = static_cast<int64_t>(job.current->ranks.size());
  }
  return gift;
}

struct Shortage {
  int64_t gpus = 0;
  int64_t quota = 0;

  bool met() const { return gpus <= 0 && quota <= 0; }
};

/// Takes from `candidates` (most dispensable first) until the shortage is met.
std::optional<std::vector<const JobRecord*>> Choose(const std::vector<Gift>& candidates,
                                                    size_t model, Shortage shortage) {
  std::vector<const Gift*> chosen;
  for (const Gift& gift : candidates) {
    if (shortage.met()) break;
    const bool helps =
        (shortage.gpus > 0 && gift.gpus[model] > 0) || (shortage.quota > 0 && gift.quota > 0);
    if (!helps) continue;
    shortage.gpus -= gift.gpus[model];
    shortage.quota -= gift.quota;
    chosen.push_back(&gift);
  }
  if (!shortage.met()) return std::nullopt;
  std::vector<const JobRecord*> needed;
  for (auto it = chosen.rbegin(); it != chosen.rend(); ++it) {
    const Shortage without{shortage.gpus + (*it)->gpus[model], shortage.quota + (*it)->quota};
    if (without.met()) {
      shortage = without;  // the others do
    } else {
      needed.push_back((*it)->job);
    }
  }
  return needed;
}

}  // namespace

Room MakeRoom(const Book& book, const Cluster& cluster, const JobRecord& head, const Need& need) {
  std::vector<Gift> ending;
  std::vector<Gift> candidates;
  for (const std::string& id : book.active) {
    const JobRecord& job = *FindJob(book, id);
    if (IsEnding(job.state)) {
      ending.push_back(GiftOf(job, cluster, head));
    } else if (job.priority < head.priority) {
      candidates.push_back(GiftOf(job, cluster, head));
    }
  }
  std::sort(candidates.begin(), candidates.end(), [](const Gift& a, const Gift& b) {
    const auto key = [](const Gift& gift) {
      return std::tuple(gift.job->priority,
                        -absl::ToInt64Microseconds(gift.job->current->started.steady),
                        gift.job->submit_seq);
    };
    return key(a) < key(b);
  });
  Room room;
  size_t fewest = SIZE_MAX;
  for (size_t m = 0; m < cluster.models().size(); ++m) {
    const Model& model = cluster.models()[m];
    if (model.schedulable < need.gpus || !model.Holds(need.memory_bytes)) continue;
    Shortage shortage{need.gpus - model.free, need.quota_short};
    bool coming = false;
    for (const Gift& gift : ending) {
      if (gift.gpus[m] == 0 && gift.quota == 0) continue;
      shortage.gpus -= gift.gpus[m];
      shortage.quota -= gift.quota;
      coming = coming || gift.job->state == JobState::kCheckpointing;
    }
    const auto chosen = Choose(candidates, m, shortage);
    if (!chosen || chosen->size() >= fewest) continue;
    fewest = chosen->size();
    room = {true, coming, {}};
    for (const JobRecord* job : *chosen) room.victims.push_back(job->id());
  }
  return room;
}

}  // namespace lrti::coordinator
