#include "services/coordinator/state/submit.h"

#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace lrti::coordinator {
namespace {

std::string QueueNames(const Rules& rules) {
  return absl::StrJoin(rules.queues, ", ",
                       [](std::string* out, const auto& queue) { out->append(queue.first); });
}

}  // namespace

absl::StatusOr<Submitted> Submit(const Book& book, const Rules& rules, Submission submission,
                                 const std::string& job) {
  if (const auto it = book.requests.find(submission.request_id); it != book.requests.end()) {
    const Submission& known = *FindJob(book, it->second)->submission;
    if (known.config_sha256 == submission.config_sha256) return Submitted{{}, it->second};
    return Error(absl::StatusCode::kAlreadyExists,
                 "request_id '{}' came with another config before, as job {}; choose a new one",
                 submission.request_id, it->second);
  }
  if (!rules.queues.contains(submission.queue)) {
    return InvalidArgument("spec.resources.queue: no queue '{}'; known: {}", submission.queue,
                           QueueNames(rules));
  }
  if (book.waiting >= rules.jobs_waiting_max) {
    return Error(absl::StatusCode::kResourceExhausted,
                 "{} jobs wait already, and no more may; cancel some (lrti-ctl list --state "
                 "PENDING) or submit later",
                 book.waiting);
  }
  if (book.jobs.contains(job)) {
    return Error(absl::StatusCode::kAborted, "the id {} is taken", job);
  }
  submission.job = job;
  submission.run_dir = rules.runs_dir + "/" + job;
  auto shared = std::make_shared<const Submission>(std::move(submission));
  return Submitted{{JobSubmitted{std::move(shared)}}, job};
}

}  // namespace lrti::coordinator
