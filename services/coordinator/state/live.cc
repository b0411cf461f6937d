#include "services/coordinator/state/live.h"

#include <algorithm>

namespace lrti::coordinator {

const AttemptLive* FindAttempt(const Live& live, const std::string& job, int64_t attempt) {
  const auto it = live.attempts.find(job);
  return it == live.attempts.end() || it->second.attempt != attempt ? nullptr : &it->second;
}

absl::Duration SilenceOf(const Live& live, const std::string& agent, Moment now) {
  const auto it = live.agents.find(agent);
  if (it == live.agents.end()) return now.steady - live.began;
  return now.steady - std::max(live.began, it->second.last_seen.steady);
}

}  // namespace lrti::coordinator
