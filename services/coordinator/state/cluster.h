#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/rules.h"

namespace lrti::coordinator {

/// How people are told of a device, by its place in agent.devices: free, allocated, leaked or
/// quarantined (it, or its whole agent).
const char* WordOf(const AgentRecord& agent, size_t place, const Live& live);

/// The GPUs of one model and memory size, or the CPU slots, as the scheduler sees them. A gang is
/// of one model: a mixed one would wait for its slowest rank at every step.
struct Model {
  struct Free {
    const AgentRecord* agent = nullptr;
    std::vector<const DeviceRecord*> devices;
  };

  std::string name;
  bool is_cpu = false;
  uint64_t memory_bytes = 0;  // of the smallest
  std::vector<Free> agents;   // those with free ones
  int64_t free = 0;           // can be given away now
  int64_t schedulable = 0;    // sound and on agents that take work, free or not
  int64_t known = 0;          // on any agent

  /// A rank that takes so much has room. CPU slots share the machine's memory: always.
  bool Holds(uint64_t bytes) const { return is_cpu || bytes <= memory_bytes; }
};

/// All GPUs, by model: real ones before CPU slots, and those of less memory first, so that the
/// greater ones stay for who needs them.
class Cluster {
 public:
  Cluster(const Book& book, const Live& live, const Rules& rules, Moment now);

  const std::vector<Model>& models() const { return models_; }
  int64_t free() const { return free_; }

  /// The place of a device's model in models(), if its agent takes work.
  std::optional<size_t> ModelOf(const RankPlace& place) const;

  /// Takes free GPUs of one model for a gang, on the fewest agents; nothing when there are too few.
  std::optional<std::vector<RankPlace>> Take(int64_t count, uint64_t memory_bytes);

  /// Withdraws the free GPUs of models where the gang could run, so that no later one gets them.
  void Reserve(int64_t count, uint64_t memory_bytes);

 private:
  std::vector<RankPlace> TakeFrom(Model& model, int64_t count);

  std::vector<Model> models_;
  int64_t free_ = 0;
  std::unordered_map<std::string, std::vector<size_t>> models_of_;  // by agent, then by device
  const Book& book_;
};

/// The agent is given new work: ready, heard of lately, without trouble.
bool TakesWork(const AgentRecord& agent, const Live& live, const Rules& rules, Moment now);

/// Memory that a rank of the job needs with so many ranks, by the peaks recorded; 0: none is.
uint64_t ForecastOf(const Book& book, const Rules& rules, const Submission& submission,
                    int64_t ranks);

}  // namespace lrti::coordinator
