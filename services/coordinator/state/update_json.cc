#include "services/coordinator/state/update_json.h"

#include <type_traits>
#include <utility>

#include "common/base/status.h"
#include "services/coordinator/state/json_fields.h"

namespace lrti::coordinator {
namespace json_fields {

template <typename A>
void Fields(A& a, const JobSubmitted& v) {
  Fields(a, *v.submission);
}
template <typename A>
void Fields(A& a, JobSubmitted& v) {
  auto submission = std::make_shared<Submission>();
  Fields(a, *submission);
  v.submission = std::move(submission);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, StateChanged>
void Fields(A& a, T& v) {
  a("job", v.job);
  a("attempt", v.attempt);
  a("from", v.from);
  a("to", v.to);
  a("reason", v.reason);
  a("message", v.message);
  a("actor", v.actor);
  a("cause", v.cause);
  a("fresh_budgets", v.fresh_budgets);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, AttemptStarted>
void Fields(A& a, T& v) {
  a("job", v.job);
  a("attempt", v.attempt);
  a("ranks", v.ranks);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, AttemptEnded>
void Fields(A& a, T& v) {
  a("job", v.job);
  a("attempt", v.attempt);
  a("reason", v.reason);
  a("cause", v.cause);
  a("progress", v.progress);
  a("row", v.row);
  a("restarts", v.restarts);
  a("failures_in_row", v.failures_in_row);
  a("stalled_step", v.stalled_step);
  a("backoff", v.backoff);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, CauseFound>
void Fields(A& a, T& v) {
  a("job", v.job);
  a("attempt", v.attempt);
  a("cause", v.cause);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, PriorityChanged>
void Fields(A& a, T& v) {
  a("job", v.job);
  a("priority", v.priority);
  a("actor", v.actor);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, HoldReleased> ||
           std::is_same_v<std::remove_const_t<T>, BackoffCleared>
void Fields(A& a, T& v) {
  a("job", v.job);
  a("actor", v.actor);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, CheckpointSeen>
void Fields(A& a, T& v) {
  a("job", v.job);
  a("attempt", v.attempt);
  a("step", v.step);
  a("time", v.time);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, PeakSeen>
void Fields(A& a, T& v) {
  a("shape", v.shape);
  a("bytes", v.bytes);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, AgentJoined>
void Fields(A& a, T& v) {
  a("agent", v.agent);
  a("incarnation", v.incarnation);
  a("address", v.address);
  a("version", v.version);
  a("devices", v.devices);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, AgentChanged>
void Fields(A& a, T& v) {
  a("agent", v.agent);
  a("mode", v.mode);
  a("lost", v.lost);
  a("message", v.message);
  a("actor", v.actor);
  a("faults_cleared", v.faults_cleared);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, AgentForgotten>
void Fields(A& a, T& v) {
  a("agent", v.agent);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, JobForgotten>
void Fields(A& a, T& v) {
  a("job", v.job);
}

}  // namespace json_fields

namespace {

using json_fields::Json;

template <size_t... I>
bool ReadAs(std::string_view kind, const Json& json, Update& update, std::index_sequence<I...>) {
  const auto try_one = [&]<typename Fact>(std::type_identity<Fact>) {
    if (kind != Fact::kKind) return false;
    Fact fact;
    json_fields::Reader reader(json);
    json_fields::Fields(reader, fact);
    update = std::move(fact);
    return true;
  };
  return (try_one(std::type_identity<std::variant_alternative_t<I, Update>>()) || ...);
}

}  // namespace

std::string ToJson(const Update& update) {
  json_fields::Writer writer;
  std::visit([&](const auto& fact) { json_fields::Fields(writer, fact); }, update);
  return writer.Take().dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Update> UpdateFromJson(std::string_view kind, const std::string& json) {
  try {
    const Json tree = Json::parse(json);
    if (!tree.is_object()) return DataLoss("{}: not a JSON object", kind);
    Update update;
    if (!ReadAs(kind, tree, update, std::make_index_sequence<std::variant_size_v<Update>>())) {
      return DataLoss("unknown kind of update '{}'; a newer release wrote it", kind);
    }
    return update;
  } catch (const Json::exception& error) {
    return DataLoss("{}: {}", kind, error.what());
  }
}

}  // namespace lrti::coordinator
