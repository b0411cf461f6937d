#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/lifecycle/named.h"

namespace lrti::coordinator {

/// Why GPU time was of no use.
enum class Waste : uint8_t { kStartup, kStalled, kRework, kTeardown };
inline constexpr size_t kWastes = 4;

inline constexpr std::array<lifecycle::Named<Waste>, kWastes> kWasteNames = {{
    {Waste::kStartup, "startup"},
    {Waste::kStalled, "stalled"},
    {Waste::kRework, "rework"},
    {Waste::kTeardown, "teardown"},
}};
constexpr std::string_view NameOf(Waste waste) { return lifecycle::NameIn(kWasteNames, waste); }

/// How the time of one GPU of an attempt was used. All its GPUs are taken and given back together,
/// so the same holds for each.
struct LeaseSplit {
  int64_t productive_us = 0;
  std::array<int64_t, kWastes> wasted_us = {};  // by Waste

  bool operator==(const LeaseSplit&) const = default;
};

/// The leases of one attempt that has ended.
///
/// Invariant: productive_us and wasted_us add up to allocated_us exactly.
struct LedgerRow {
  std::string job;
  int64_t attempt = 0;
  std::string project;
  std::string user;
  std::string queue;
  std::string model;  // of its GPUs
  int64_t gpus = 0;
  absl::Time begin;          // wall
  int64_t allocated_us = 0;  // of one GPU, by the steady clock
  LeaseSplit split;          // of one GPU

  bool operator==(const LedgerRow&) const = default;
};

}  // namespace lrti::coordinator
