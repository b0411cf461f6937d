#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "services/coordinator/state/agent_record.h"
#include "services/coordinator/state/job_record.h"
#include "services/coordinator/state/ledger.h"

// How the journal writes plain values: each struct lists its fields once, in `Fields(archive,
// value)`, and the same list writes and reads them. Times are microseconds, enums are words.
// Readers throw nlohmann::json::exception for what has the wrong type; their callers catch it.

namespace lrti::coordinator::json_fields {

using Json = nlohmann::json;

template <typename A, typename T>
void Each(A& archive, T& value);

template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <typename T>
inline constexpr bool kIsVector = false;
template <typename T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <typename T>
inline constexpr bool kIsPlain = std::is_arithmetic_v<T> || std::is_same_v<T, std::string> ||
                                 std::is_same_v<T, std::map<std::string, std::string>> ||
                                 std::is_same_v<T, std::array<int64_t, kWastes>>;

constexpr const auto& NamesOf(JobState) { return lifecycle::kJobStates; }
constexpr const auto& NamesOf(EndReason) { return lifecycle::kEndReasons; }
constexpr const auto& NamesOf(AgentMode) { return kAgentModes; }

template <typename T>
T EnumOf(const Json& json) {
  const auto word = json.get<std::string>();
  const auto value = lifecycle::ValueIn(NamesOf(T{}), word);
  // An error of nlohmann's own kind, so that readers need to catch one only.
  if (!value) throw Json::other_error::create(501, "unknown word '" + word + "'", &json);
  return *value;
}

template <typename T>
Json Put(const T& value);
template <typename T>
void Get(const Json& json, T& value);

class Writer {
 public:
  template <typename T>
  void operator()(const char* key, const T& value) {
    if constexpr (kIsOptional<T>) {
      if (value) json_[key] = Put(*value);
    } else if constexpr (requires { value.empty(); } || std::is_same_v<T, bool>) {
      if (value != T{}) json_[key] = Put(value);  // nothing is the default of all of these
    } else {
      json_[key] = Put(value);
    }
  }
  Json Take() { return std::move(json_); }

 private:
  Json json_ = Json::object();
};

class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  template <typename T>
  void operator()(const char* key, T& value) {
    const auto it = json_.find(key);
    if (it != json_.end()) Get(*it, value);
  }

 private:
  const Json& json_;
};

template <typename T>
Json Put(const T& value) {
  if constexpr (std::is_same_v<T, double>) {
    return std::isfinite(value) ? Json(value) : Json();
  } else if constexpr (kIsPlain<T>) {
    return Json(value);
  } else if constexpr (std::is_enum_v<T>) {
    return Json(lifecycle::NameIn(NamesOf(value), value));
  } else if constexpr (std::is_same_v<T, absl::Time>) {
    return Json(absl::ToUnixMicros(value));
  } else if constexpr (std::is_same_v<T, absl::Duration>) {
    return Json(absl::ToInt64Microseconds(value));
  } else if constexpr (kIsVector<T>) {
    Json list = Json::array();
    for (const auto& item : value) list.push_back(Put(item));
    return list;
  } else {
    Writer writer;
    Each(writer, value);
    return writer.Take();
  }
}

template <typename T>
void Get(const Json& json, T& value) {
  if constexpr (std::is_same_v<T, double>) {
    value = json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
  } else if constexpr (kIsPlain<T>) {
    json.get_to(value);
  } else if constexpr (std::is_enum_v<T>) {
    value = EnumOf<T>(json);
  } else if constexpr (std::is_same_v<T, absl::Time>) {
    const auto micros = json.get<int64_t>();
    value = micros == std::numeric_limits<int64_t>::min()   ? absl::InfinitePast()
            : micros == std::numeric_limits<int64_t>::max() ? absl::InfiniteFuture()
                                                            : absl::FromUnixMicros(micros);
  } else if constexpr (std::is_same_v<T, absl::Duration>) {
    value = absl::Microseconds(json.get<int64_t>());
  } else if constexpr (kIsOptional<T>) {
    Get(json, value.emplace());
  } else if constexpr (kIsVector<T>) {
    value.clear();
    for (const Json& item : json) Get(item, value.emplace_back());
  } else {
    Reader reader(json);
    Each(reader, value);
  }
}

// `T` is const when written, and not when read.

template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, Moment>
void Fields(A& a, T& v) {
  a("wall", v.wall);
  a("steady", v.steady);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, Submission>
void Fields(A& a, T& v) {
  a("job", v.job);
  a("request_id", v.request_id);
  a("config", v.config);
  a("config_sha256", v.config_sha256);
  a("user", v.user);
  a("group", v.group);
  a("hold", v.hold);
  a("run_dir", v.run_dir);
  a("name", v.name);
  a("project", v.project);
  a("queue", v.queue);
  a("labels", v.labels);
  a("priority", v.priority);
  a("gpus", v.gpus);
  a("gpus_min", v.gpus_min);
  a("global_batch", v.global_batch);
  a("micro_batch", v.micro_batch);
  a("iterations", v.iterations);
  a("infra_max", v.infra_max);
  a("user_max", v.user_max);
  a("shape", v.shape);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, RankPlace>
void Fields(A& a, T& v) {
  a("rank", v.rank);
  a("agent", v.agent);
  a("device", v.device);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, Cause>
void Fields(A& a, T& v) {
  a("reason", v.reason);
  a("rank", v.rank);
  a("agent", v.agent);
  a("message", v.message);
  a("last_lines", v.last_lines);
  a("time", v.time);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, Progress>
void Fields(A& a, T& v) {
  a("step", v.step);
  a("iterations", v.iterations);
  a("phase", v.phase);
  a("steps_per_second", v.steps_per_second);
  a("loss", v.loss);
  a("psnr", v.psnr);
  a("checkpoint_step", v.checkpoint_step);
  a("memory_peak_bytes", v.memory_peak_bytes);
  a("last_step", v.last_step);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, Restarts>
void Fields(A& a, T& v) {
  a("user", v.user);
  a("infra", v.infra);
  a("preempt", v.preempt);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, AttemptRecord>
void Fields(A& a, T& v) {
  a("ranks", v.ranks);
  a("started", v.started);
  a("running", v.running);
  a("stopping", v.stopping);
  a("cause", v.cause);
  a("checkpoint", v.checkpoint);
  a("checkpoint_step", v.checkpoint_step);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, DeviceRecord>
void Fields(A& a, T& v) {
  a("uuid", v.uuid);
  a("model", v.model);
  a("memory_bytes", v.memory_bytes);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, LeaseSplit>
void Fields(A& a, T& v) {
  a("productive_us", v.productive_us);
  a("wasted_us", v.wasted_us);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, LedgerRow>
void Fields(A& a, T& v) {
  a("job", v.job);
  a("attempt", v.attempt);
  a("project", v.project);
  a("user", v.user);
  a("queue", v.queue);
  a("model", v.model);
  a("gpus", v.gpus);
  a("begin", v.begin);
  a("allocated_us", v.allocated_us);
  a("split", v.split);
}

template <typename A, typename T>
void Each(A& archive, T& value) {
  Fields(archive, value);
}

}  // namespace lrti::coordinator::json_fields
