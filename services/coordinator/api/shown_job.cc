#include "services/coordinator/api/shown_job.h"

#include "lrti/v1/coordinator.pb.h"
#include "services/coordinator/api/convert_job.h"

namespace lrti::coordinator {

absl::Status ShowJob(const Parts& parts, const Caller& caller, const std::string& name,
                     bool with_config, v1::Job& message) {
  absl::Status status;
  parts.engine.Read([&](const Book& book, const Live& live, Moment now) {
    const auto job = JobNamed(book, name);
    status = job.status();
    if (!job.ok()) return;
    status = Allow(caller, Role::kViewer, (*job)->submission->project);
    if (!status.ok()) return;
    Fill(**job, live, now, message);
    if (with_config) message.set_config((*job)->submission->config);
  });
  return status;
}

}  // namespace lrti::coordinator
