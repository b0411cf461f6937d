#include "services/coordinator/state/live.h"

namespace lrti::coordinator {

const AttemptLive* FindAttempt(const Live& live, const std::string& job, int64_t attempt) {
  const auto it = live.attempts.find(job);
  return it == live.attempts.end() || it->second.attempt != attempt ? nullptr : &it->second;
}

absl::Duration SilenceOf(const Live& live, const std::string& agent, Moment now) {
  const auto it = live.agents.find(agent);
  return now.steady - (it == live.agents.end() ? live.began : it->second.last_seen.steady);
}

}  // namespace lrti::coordinator
