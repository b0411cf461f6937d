#include "services/coordinator/state/book_json.h"

#include "common/base/status.h"
#include "services/coordinator/state/json_fields.h"

namespace lrti::coordinator {
namespace json_fields {

template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, JobRecord>
void Fields(A& a, T& v) {
  a("submit_seq", v.submit_seq);
  a("version", v.version);
  a("state", v.state);
  a("state_reason", v.state_reason);
  a("message", v.message);
  a("state_since", v.state_since);
  a("hold", v.hold);
  a("priority", v.priority);
  a("attempt", v.attempt);
  a("current", v.current);
  a("end_reason", v.end_reason);
  a("end_cause", v.end_cause);
  a("progress", v.progress);
  a("restarts", v.restarts);
  a("failures_in_row", v.failures_in_row);
  a("stalled_step", v.stalled_step);
  a("checkpoint_step", v.checkpoint_step);
  a("checkpoint_time", v.checkpoint_time);
  a("not_before", v.not_before);
  a("not_before_wall", v.not_before_wall);
  a("submitted", v.submitted);
  a("started", v.started);
  a("ended", v.ended);
  a("gpu_microseconds", v.gpu_microseconds);
}
template <typename A, typename T>
  requires std::is_same_v<std::remove_const_t<T>, AgentRecord>
void Fields(A& a, T& v) {
  a("id", v.id);
  a("incarnation", v.incarnation);
  a("address", v.address);
  a("version", v.version);
  a("mode", v.mode);
  a("lost", v.lost);
  a("message", v.message);
  a("since", v.since);
  a("devices", v.devices);
  a("faulty", v.faulty);
}

}  // namespace json_fields

namespace {

using json_fields::Json;

/// Fills what Apply keeps beside the records.
void Index(Book& book) {
  for (auto& [id, agent] : book.agents) agent.jobs.assign(agent.devices.size(), "");
  for (const auto& [id, job] : book.jobs) {
    book.requests[job.submission->request_id] = id;
    book.by_submission[job.submit_seq] = id;
    book.by_version[job.version] = id;
    if (job.state == JobState::kPending) book.pending[{job.priority, job.submit_seq}] = id;
    if (lifecycle::IsFinal(job.state)) book.ended.insert({job.version, id});
    if (job.state == JobState::kPending || job.state == JobState::kPaused) ++book.waiting;
    if (!job.current) continue;
    book.active.insert(id);
    book.gpus_used[job.submission->queue] += static_cast<int64_t>(job.current->ranks.size());
    for (const RankPlace& place : job.current->ranks) {
      const auto agent = book.agents.find(place.agent);
      if (agent == book.agents.end()) continue;
      agent->second.active.insert(id);
      const std::vector<DeviceRecord>& devices = agent->second.devices;
      for (size_t i = 0; i < devices.size(); ++i) {
        if (devices[i].uuid == place.device) agent->second.jobs[i] = id;
      }
    }
  }
}

}  // namespace

std::string ToJson(const Book& book) {
  Json jobs = Json::object();
  for (const auto& [id, job] : book.jobs) jobs[id] = json_fields::Put(job);
  Json agents = Json::object();
  for (const auto& [id, agent] : book.agents) agents[id] = json_fields::Put(agent);
  const Json tree = {{"seq", book.seq},     {"at", json_fields::Put(book.at)},
                     {"jobs", jobs},        {"agents", agents},
                     {"peaks", book.peaks}, {"ledger", json_fields::Put(book.ledger)}};
  return tree.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Book> BookFromJson(
    const std::string& json,
    const std::function<absl::StatusOr<std::shared_ptr<const Submission>>(const std::string& job)>&
        submission) {
  try {
    const Json tree = Json::parse(json);
    Book book;
    tree.at("seq").get_to(book.seq);
    json_fields::Get(tree.at("at"), book.at);
    for (const auto& [id, value] : tree.at("jobs").items()) {
      JobRecord& job = book.jobs[id];
      json_fields::Get(value, job);
      LRTI_ASSIGN_OR_RETURN(job.submission, submission(id));
    }
    for (const auto& [id, value] : tree.at("agents").items()) {
      json_fields::Get(value, book.agents[id]);
    }
    tree.at("peaks").get_to(book.peaks);
    json_fields::Get(tree.at("ledger"), book.ledger);
    Index(book);
    return book;
  } catch (const Json::exception& error) {
    return DataLoss("snapshot: {}", error.what());
  }
}

}  // namespace lrti::coordinator
