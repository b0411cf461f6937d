#include "services/coordinator/state/submission.h"

#include <algorithm>

#include "common/base/hash.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "common/job/job.h"
#include "services/coordinator/state/text.h"

namespace lrti::coordinator {
namespace {

absl::Status CheckName(const char* what, const std::string& name) {
  if (name.size() <= kNameBytesMax && CleanLine(name, kNameBytesMax) == name) {
    return absl::OkStatus();
  }
  return InvalidArgument("{}: more than {} bytes, or not one line of UTF-8; shorten it", what,
                         kNameBytesMax);
}

/// Of what the memory of a rank depends on, but for its share of the batch.
std::string ShapeOf(const job::Spec& spec) {
  Fingerprint shape;
  shape.Add(config::Dump(spec.model)).Add(config::Dump(spec.strategy));
  shape.Add(static_cast<uint64_t>(spec.data.train.crop));
  shape.Add(static_cast<uint64_t>(spec.train.precision));
  shape.Add(uint64_t{spec.train.activation_checkpointing});
  return fmt::format("{:016x}", shape.value());
}

void TakeFrom(const job::Job& job, Submission& submission) {
  const job::ResourcesConfig& resources = job.spec.resources;
  submission.name = job.metadata.name;
  submission.project = job.metadata.project;
  submission.labels = job.metadata.labels;
  submission.queue = resources.queue;
  submission.priority = resources.priority;
  submission.gpus = resources.gpus;
  submission.gpus_min = resources.gpus_min == 0 ? resources.gpus : resources.gpus_min;
  submission.global_batch = job.spec.train.global_batch;
  submission.micro_batch = job.spec.train.micro_batch;
  submission.iterations = job.spec.train.iterations;
  submission.infra_max = resources.max_restarts.infra;
  submission.user_max = resources.max_restarts.user;
  submission.shape = ShapeOf(job.spec);
}

absl::Status CheckArguments(const SubmitArguments& arguments) {
  if (arguments.request_id.empty()) {
    return InvalidArgument("request_id: is empty; choose a new one for every job");
  }
  LRTI_RETURN_IF_ERROR(CheckName("request_id", arguments.request_id));
  LRTI_RETURN_IF_ERROR(CheckName("user", arguments.user));
  LRTI_RETURN_IF_ERROR(CheckName("group", arguments.group));
  if (arguments.config.size() <= kConfigBytesMax) return absl::OkStatus();
  return InvalidArgument("config: {} bytes, at most {} are taken", arguments.config.size(),
                         kConfigBytesMax);
}

}  // namespace

std::vector<int64_t> RankCounts(const Submission& submission) {
  std::vector<int64_t> counts;
  for (int64_t count = submission.gpus; count >= submission.gpus_min; --count) {
    if (submission.global_batch % count == 0) counts.push_back(count);
  }
  return counts;
}

std::string ShapeWith(const Submission& submission, int64_t ranks) {
  const int64_t share = submission.global_batch / std::max<int64_t>(ranks, 1);
  const int64_t micro = submission.micro_batch;
  return fmt::format("{}x{}", submission.shape, micro == 0 ? share : std::min(micro, share));
}

absl::StatusOr<Submission> ReadSubmission(const SubmitArguments& arguments) {
  LRTI_RETURN_IF_ERROR(CheckArguments(arguments));
  LRTI_ASSIGN_OR_RETURN(const job::Job job, job::Parse(arguments.config));
  Submission submission;
  TakeFrom(job, submission);
  if (RankCounts(submission).empty()) {
    return InvalidArgument(
        "spec.resources.gpus: no count from {} to {} divides "
        "spec.train.global_batch ({})",
        submission.gpus_min, submission.gpus, submission.global_batch);
  }
  LRTI_RETURN_IF_ERROR(CheckName("metadata.project", submission.project));
  LRTI_RETURN_IF_ERROR(CheckName("spec.resources.queue", submission.queue));
  submission.request_id = arguments.request_id;
  submission.user = arguments.user;
  submission.group = arguments.group;
  submission.hold = arguments.hold;
  submission.config = config::Dump(job);
  if (submission.config.size() > kCanonicalBytesMax) {
    return InvalidArgument(
        "config: takes {} bytes with all its fields, at most {} are taken; name "
        "fewer clips and labels",
        submission.config.size(), kCanonicalBytesMax);
  }
  submission.config_sha256 = Sha256Hex(submission.config);
  return submission;
}

}  // namespace lrti::coordinator
