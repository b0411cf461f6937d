#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/ctl/output/listing.h"

namespace google::protobuf {
class Duration;
class Timestamp;
}  // namespace google::protobuf
namespace lrti::v1 {
class Explanation;
class Job;
class ListJobsRequest;
class Transition;
}  // namespace lrti::v1

namespace lrti::ctl {

absl::Time TimeOf(const google::protobuf::Timestamp& time);
absl::Duration DurationOf(const google::protobuf::Duration& duration);

/// Asks for the jobs that hold GPUs.
v1::ListJobsRequest RequestOfRunning();

/// A state in its colour.
Cell StateCell(const std::string& state);

/// Jobs as rows.
Listing JobListing(const std::vector<v1::Job>& jobs, absl::Time now);

/// All about one job, for a person: who it is, where it stands and why, where it runs, what
/// happened to it last.
std::string JobPage(const v1::Job& job, const std::vector<v1::Transition>& transitions,
                    absl::Time now);

/// Why a job is where it is, and what to do.
std::string ExplanationPage(const v1::Explanation& explanation);

/// Changes of state as rows.
Listing TransitionListing(const std::vector<v1::Transition>& transitions);

/// One change of state on a line, for who follows them.
std::string TransitionLine(const v1::Transition& transition);

}  // namespace lrti::ctl
