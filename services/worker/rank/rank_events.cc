#include "services/worker/rank/rank_events.h"

#include <algorithm>
#include <cmath>

#include "nlohmann/json.hpp"

namespace lrti::worker {
namespace {

using Json = nlohmann::json;

// A field of an event: another type than the expected one is as good as none.
class Event {
 public:
  explicit Event(const Json& json) : json_(json) {}

  bool Has(const char* name) const { return json_.contains(name) && !json_.at(name).is_null(); }

  std::string Text(const char* name) const {
    return Has(name) && json_.at(name).is_string() ? json_.at(name).get<std::string>() : "";
  }

  // Counts and sizes: never negative.
  int64_t Count(const char* name, int64_t otherwise) const {
    if (!Has(name) || !json_.at(name).is_number_integer()) return otherwise;
    return std::max<int64_t>(0, json_.at(name).get<int64_t>());
  }

  double Number(const char* name, double otherwise) const {
    return Has(name) && json_.at(name).is_number() ? json_.at(name).get<double>() : otherwise;
  }

  absl::Duration Seconds(const char* name) const {
    const double seconds = Number(name, 0);
    return absl::Seconds(std::isfinite(seconds) ? std::clamp(seconds, 0.0, 1e9) : 0);
  }

  std::optional<absl::Time> Time() const {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, Text("ts"), &time, &error)) return std::nullopt;
    return time;
  }

 private:
  const Json& json_;
};

void ApplyStep(const Event& event, RankEvents& rank) {
  const int64_t step = event.Count("step", rank.step);
  if (step > rank.resumed_from && rank.step <= rank.resumed_from && !rank.first_step) {
    rank.first_step = event.Time();
  }
  rank.step = std::max(rank.step, step);
}

void ApplyMemory(const Event& event, RankEvents& rank) {
  rank.memory_bytes =
      static_cast<uint64_t>(event.Count("memory_bytes", static_cast<int64_t>(rank.memory_bytes)));
  rank.memory_peak_bytes = std::max(rank.memory_peak_bytes, rank.memory_bytes);
}

void ApplyPhase(const Event& event, absl::Duration since, RankEvents& rank) {
  const std::string phase = event.Text("phase");
  if (phase.empty()) return;
  rank.phase = phase;
  rank.phase_since = since;
}

void ApplyStarted(const Event& event, RankEvents& rank) {
  rank.device = event.Text("device");
  rank.iterations = event.Count("iterations", 0);
  rank.resumed_from = event.Count("resumed_from", 0);
  rank.step = std::max(rank.step, rank.resumed_from);
  rank.checkpoint_step = std::max(rank.checkpoint_step, rank.resumed_from);
  rank.started = event.Time();
}

void ApplyKind(const std::string& kind, const Event& event, absl::Duration now, RankEvents& rank) {
  if (kind == "started") {
    ApplyStarted(event, rank);
  } else if (kind == "step") {
    ApplyStep(event, rank);
    ApplyMemory(event, rank);
    rank.loss = event.Number("loss", rank.loss);
    rank.psnr = event.Number("psnr", rank.psnr);
    rank.steps_per_second = event.Number("steps_per_second", rank.steps_per_second);
  } else if (kind == "heartbeat") {
    rank.heartbeat_at = now;
    ApplyStep(event, rank);
    ApplyMemory(event, rank);
    ApplyPhase(event, now - event.Seconds("phase_age_s"), rank);
  } else if (kind == "phase") {
    ApplyPhase(event, now, rank);
  } else if (kind == "checkpoint") {
    rank.checkpoint_step = std::max(rank.checkpoint_step, event.Count("step", 0));
    rank.checkpoint_time = event.Seconds("seconds");
  } else if (kind == "finished") {
    ApplyStep(event, rank);
    rank.finished = event.Text("reason");
  } else if (kind == "failed") {
    rank.failed = RankEvents::Failure{event.Text("code"), event.Text("message")};
  }
}

}  // namespace

void RankEvents::Apply(std::string_view line, absl::Duration now) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  const Event event(json);
  if (!json.is_object() || event.Text("event").empty()) {
    ++bad_lines;
    return;
  }
  ApplyKind(event.Text("event"), event, now, *this);
}

}  // namespace lrti::worker
