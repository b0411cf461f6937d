#include "services/coordinator/state/cluster.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "common/base/check.h"

namespace lrti::coordinator {
namespace {

/// Cards of one model may differ by some MiB.
constexpr uint64_t kMemoryClass = uint64_t{1} << 30;

struct ModelKey {
  bool is_cpu;
  uint64_t memory;
  std::string_view name;

  bool operator<(const ModelKey& other) const {
    return std::tie(is_cpu, memory, name) < std::tie(other.is_cpu, other.memory, other.name);
  }
};

ModelKey KeyOf(const DeviceRecord& device) {
  if (device.is_cpu()) return {true, 0, device.model};
  return {false, (device.memory_bytes + kMemoryClass / 2) / kMemoryClass, device.model};
}

/// devices[i] of the record is free, by the agent's own word.
std::vector<bool> FreeBy(const AgentRecord& record, const AgentLive& live) {
  std::vector<bool> free(record.devices.size(), false);
  size_t said = 0;  // both lists are by uuid
  for (size_t i = 0; i < record.devices.size(); ++i) {
    while (said < live.devices.size() && live.devices[said].uuid < record.devices[i].uuid) ++said;
    free[i] = said < live.devices.size() && live.devices[said].uuid == record.devices[i].uuid &&
              live.devices[said].state == "free";
  }
  return free;
}

}  // namespace

const char* WordOf(const AgentRecord& agent, size_t place, const Live& live) {
  const bool free = agent.jobs[place].empty();
  const bool faulty = agent.IsFaulty(agent.devices[place].uuid);
  if (free && (faulty || agent.mode == AgentMode::kQuarantined)) return "quarantined";
  const auto seen = live.agents.find(agent.id);
  if (seen != live.agents.end() && place < seen->second.devices.size() &&
      seen->second.devices[place].state == "leaked") {
    return "leaked";
  }
  return free ? "free" : "allocated";
}

bool TakesWork(const AgentRecord& agent, const Live& live, const Rules& rules, Moment now) {
  if (agent.lost || agent.mode != AgentMode::kReady) return false;
  const auto it = live.agents.find(agent.id);
  return it != live.agents.end() && !it->second.draining && it->second.trouble.empty() &&
         now.steady - it->second.last_seen.steady <= rules.lease;
}

uint64_t ForecastOf(const Book& book, const Rules& rules, const Submission& submission,
                    int64_t ranks) {
  if (book.peaks.empty()) return 0;
  const auto it = book.peaks.find(ShapeWith(submission, ranks));
  if (it == book.peaks.end()) return 0;
  return static_cast<uint64_t>(static_cast<double>(it->second) * rules.forecast_headroom);
}

Cluster::Cluster(const Book& book, const Live& live, const Rules& rules, Moment now) : book_(book) {
  std::map<ModelKey, size_t> places;
  for (const auto& [id, agent] : book.agents) {
    for (const DeviceRecord& device : agent.devices) places.try_emplace(KeyOf(device), 0);
  }
  for (auto& [key, place] : places) {
    place = models_.size();
    Model& model = models_.emplace_back();
    model.name = key.name;
    model.is_cpu = key.is_cpu;
    model.memory_bytes = key.is_cpu ? 0 : UINT64_MAX;
  }
  for (const auto& [id, agent] : book.agents) {
    const bool takes_work = TakesWork(agent, live, rules, now);
    std::vector<bool> free;
    if (takes_work) free = FreeBy(agent, live.agents.at(id));
    std::vector<size_t>& models_of = models_of_[id];
    for (size_t i = 0; i < agent.devices.size(); ++i) {
      const DeviceRecord& device = agent.devices[i];
      const size_t place = places.at(KeyOf(device));
      Model& model = models_[place];
      if (!model.is_cpu) model.memory_bytes = std::min(model.memory_bytes, device.memory_bytes);
      ++model.known;
      if (!takes_work || agent.IsFaulty(device.uuid)) continue;
      models_of.resize(agent.devices.size());
      models_of[i] = place;
      ++model.schedulable;
      if (!free[i] || !agent.jobs[i].empty()) continue;
      if (model.agents.empty() || model.agents.back().agent != &agent) {
        model.agents.push_back({&agent, {}});
      }
      model.agents.back().devices.push_back(&device);
      ++model.free;
      ++free_;
    }
  }
}

std::optional<size_t> Cluster::ModelOf(const RankPlace& place) const {
  const auto it = models_of_.find(place.agent);
  if (it == models_of_.end() || it->second.empty()) return std::nullopt;
  const std::vector<DeviceRecord>& devices = book_.agents.at(place.agent).devices;
  for (size_t i = 0; i < devices.size(); ++i) {
    if (devices[i].uuid == place.device) return it->second[i];
  }
  return std::nullopt;
}

std::optional<std::vector<RankPlace>> Cluster::Take(int64_t count, uint64_t memory_bytes) {
  if (free_ < count) return std::nullopt;
  for (Model& model : models_) {
    if (model.free >= count && model.Holds(memory_bytes)) return TakeFrom(model, count);
  }
  return std::nullopt;
}

std::vector<RankPlace> Cluster::TakeFrom(Model& model, int64_t count) {
  std::vector<RankPlace> places;
  const auto left = [&] { return static_cast<size_t>(count) - places.size(); };
  while (left() > 0) {
    // The agent with just enough, else the one with most.
    Model::Free* best = nullptr;
    for (Model::Free& agent : model.agents) {
      const size_t have = agent.devices.size();
      if (have == 0) continue;
      const bool enough = have >= left();
      const bool best_enough = best != nullptr && best->devices.size() >= left();
      if (best == nullptr || (enough && !best_enough) ||
          (enough == best_enough &&
           (enough ? have < best->devices.size() : have > best->devices.size()))) {
        best = &agent;
      }
    }
    LRTI_CHECK(best != nullptr);
    const size_t taken = std::min(left(), best->devices.size());
    for (size_t i = 0; i < taken; ++i) {
      places.push_back(
          {static_cast<int64_t>(places.size()), best->agent->id, best->devices[i]->uuid});
    }
    best->devices.erase(best->devices.begin(),
                        best->devices.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  model.free -= count;
  free_ -= count;
  return places;
}

void Cluster::Reserve(int64_t count, uint64_t memory_bytes) {
  const auto could_run = [&](const Model& model) {
    return model.schedulable >= count && model.Holds(memory_bytes);
  };
  const bool on_gpus = std::any_of(models_.begin(), models_.end(), [&](const Model& model) {
    return !model.is_cpu && could_run(model);
  });
  for (Model& model : models_) {
    if (!could_run(model) || (on_gpus && model.is_cpu)) continue;
    free_ -= model.free;
    model.free = 0;
    model.agents.clear();
  }
}

}  // namespace lrti::coordinator
