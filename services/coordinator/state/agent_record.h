#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/lifecycle/named.h"
#include "services/coordinator/state/moment.h"

namespace lrti::coordinator {

/// What people want of an agent.
enum class AgentMode : uint8_t { kReady, kDraining, kQuarantined };

inline constexpr std::array kAgentModes = {
    lifecycle::Named{AgentMode::kReady, "ready"},
    lifecycle::Named{AgentMode::kDraining, "draining"},
    lifecycle::Named{AgentMode::kQuarantined, "quarantined"},
};
constexpr std::string_view NameOf(AgentMode mode) { return lifecycle::NameIn(kAgentModes, mode); }

/// The model of a slot without GPU.
inline constexpr std::string_view kCpuModel = "cpu";

struct DeviceRecord {
  std::string uuid;  // a GPU's is unique; a CPU slot's is so on its agent
  std::string model;
  uint64_t memory_bytes = 0;

  bool is_cpu() const { return model == kCpuModel; }
  bool operator==(const DeviceRecord&) const = default;
};

struct AgentRecord {
  std::string id;
  uint64_t incarnation = 0;
  std::string address;
  std::string version;
  AgentMode mode = AgentMode::kReady;
  bool lost = false;
  std::string message;                // why it is in its mode
  Moment since;                       // of mode and lost
  std::vector<DeviceRecord> devices;  // by uuid
  std::vector<std::string> jobs;      // who holds devices[i]; empty: nobody
  std::set<std::string> active;       // jobs with a rank here
  std::vector<std::string> faulty;    // uuids of GPUs that the driver complained of; sorted

  bool IsFaulty(const std::string& uuid) const {
    return std::binary_search(faulty.begin(), faulty.end(), uuid);
  }

  /// ready, draining, lost or quarantined.
  std::string_view state() const {
    return lost && mode != AgentMode::kQuarantined ? "lost" : NameOf(mode);
  }
};

}  // namespace lrti::coordinator
