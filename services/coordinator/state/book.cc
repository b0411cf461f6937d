#include "services/coordinator/state/book.h"

#include "common/base/status.h"

namespace lrti::coordinator {

const JobRecord* FindJob(const Book& book, const std::string& job) {
  const auto it = book.jobs.find(job);
  return it == book.jobs.end() ? nullptr : &it->second;
}

absl::StatusOr<const JobRecord*> JobNamed(const Book& book, const std::string& name) {
  const auto it = book.jobs.lower_bound(name);
  if (name.empty() || it == book.jobs.end() || it->first.compare(0, name.size(), name) != 0) {
    return Error(absl::StatusCode::kNotFound, "no job '{}'; lrti-ctl list --all names them", name);
  }
  if (it->first == name) return &it->second;
  const auto next = std::next(it);
  if (next != book.jobs.end() && next->first.compare(0, name.size(), name) == 0) {
    return InvalidArgument(
        "'{}' begins the names of several jobs, such as {} and {}; write more "
        "of it",
        name, it->first, next->first);
  }
  return &it->second;
}

}  // namespace lrti::coordinator
