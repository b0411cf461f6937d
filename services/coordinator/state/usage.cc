#include "services/coordinator/state/usage.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/status.h"

namespace lrti::coordinator {
namespace {

/// The part of [begin, begin + length) that lies in the query, in microseconds.
int64_t Overlap(const UsageQuery& query, absl::Time begin, int64_t length) {
  const absl::Time end = begin + absl::Microseconds(length);
  const absl::Time from = std::max(begin, query.since);
  const absl::Time to = std::min(end, query.until);
  return to <= from ? 0 : absl::ToInt64Microseconds(to - from);
}

/// `value` x `part` / `whole`; the product is beyond 64 bits after a few hours.
int64_t Scaled(int64_t value, int64_t part, int64_t whole) {
  if (part == whole) return value;
  return static_cast<int64_t>(static_cast<long double>(value) * static_cast<long double>(part) /
                              static_cast<long double>(whole));
}

class Sum {
 public:
  explicit Sum(const UsageQuery& query) : query_(query) {}

  void Add(const LedgerRow& row) {
    if (!query_.project.empty() && row.project != query_.project) return;
    const int64_t part = Overlap(query_, row.begin, row.allocated_us);
    if (part == 0) return;
    Line& line = lines_[KeyOf(row.job, row.project, row.user, row.queue)];
    line.jobs.insert(row.job);
    UsageRow& sum = line.row;
    sum.allocated_gpu_us += row.gpus * part;
    int64_t left = part;  // so that the parts add up exactly
    for (size_t i = 0; i < kWastes; ++i) {
      const int64_t wasted = Scaled(row.split.wasted_us[i], part, row.allocated_us);
      sum.wasted_gpu_us[i] += row.gpus * wasted;
      left -= wasted;
    }
    sum.productive_gpu_us += row.gpus * left;
  }

  void AddRunning(const JobRecord& job, Moment now) {
    const Submission& submission = *job.submission;
    if (!query_.project.empty() && submission.project != query_.project) return;
    const absl::Duration held = now.steady - job.current->started.steady;
    const int64_t part = Overlap(query_, job.current->started.wall,
                                 absl::ToInt64Microseconds(std::max(held, absl::ZeroDuration())));
    if (part == 0) return;
    Line& line = lines_[KeyOf(job.id(), submission.project, submission.user, submission.queue)];
    line.jobs.insert(job.id());
    line.row.allocated_gpu_us += static_cast<int64_t>(job.current->ranks.size()) * part;
  }

  std::vector<UsageRow> Rows() && {
    std::vector<UsageRow> rows;
    for (auto& [key, line] : lines_) {
      line.row.key = key;
      line.row.jobs = static_cast<int64_t>(line.jobs.size());
      rows.push_back(std::move(line.row));
    }
    return rows;
  }

 private:
  struct Line {
    UsageRow row;
    std::set<std::string> jobs;
  };

  const std::string& KeyOf(const std::string& job, const std::string& project,
                           const std::string& user, const std::string& queue) const {
    if (query_.by == "job") return job;
    if (query_.by == "user") return user;
    if (query_.by == "queue") return queue;
    return project;
  }

  const UsageQuery& query_;
  std::map<std::string, Line> lines_;
};

}  // namespace

absl::StatusOr<std::vector<UsageRow>> UsageOf(const Book& book, const UsageQuery& query,
                                              Moment now) {
  const std::set<std::string> known = {"", "project", "user", "queue", "job"};
  if (!known.contains(query.by)) {
    return InvalidArgument("by: '{}' is not one of project, user, queue, job", query.by);
  }
  Sum sum(query);
  for (const LedgerRow& row : book.ledger) sum.Add(row);
  for (const std::string& id : book.active) sum.AddRunning(*FindJob(book, id), now);
  return std::move(sum).Rows();
}

}  // namespace lrti::coordinator
