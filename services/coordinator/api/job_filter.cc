#include "services/coordinator/api/job_filter.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::coordinator {
namespace {

bool Fits(const std::string& wanted, const std::string& value) {
  return wanted.empty() || wanted == value;
}

}  // namespace

absl::StatusOr<JobFilter> JobFilter::Of(const v1::ListJobsRequest& request, const Caller& caller) {
  JobFilter filter;
  filter.caller_ = caller;
  for (const std::string& word : request.states()) {
    const auto state = lifecycle::ValueIn(lifecycle::kJobStates, word);
    if (!state) return InvalidArgument("states: '{}' is no state of a job", word);
    filter.states_.insert(*state);
  }
  filter.project_ = request.project();
  filter.queue_ = request.queue();
  filter.user_ = request.user();
  filter.group_ = request.group();
  filter.labels_.insert(request.labels().begin(), request.labels().end());
  const std::string& token = request.page_token();
  filter.before_ = std::numeric_limits<uint64_t>::max();
  if (token.empty()) return filter;
  const char* const end = token.data() + token.size();
  const auto parsed = std::from_chars(token.data(), end, filter.before_);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return InvalidArgument("page_token: '{}' was not given by this service", token);
  }
  return filter;
}

bool JobFilter::Matches(const JobRecord& job) const {
  const Submission& submission = *job.submission;
  const auto has_label = [&submission](const auto& label) {
    const auto it = submission.labels.find(label.first);
    return it != submission.labels.end() && it->second == label.second;
  };
  return (states_.empty() || states_.contains(job.state)) && Fits(project_, submission.project) &&
         Fits(queue_, submission.queue) && Fits(user_, submission.user) &&
         Fits(group_, submission.group) && std::all_of(labels_.begin(), labels_.end(), has_label) &&
         Allow(caller_, Role::kViewer, submission.project).ok();
}

}  // namespace lrti::coordinator
