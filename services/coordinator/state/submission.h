#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::coordinator {

/// What a job is and asks for: fixed when it is submitted, shared by everything that knows the job.
struct Submission {
  std::string job;  // id
  std::string request_id;
  std::string config;         // canonical YAML
  std::string config_sha256;  // of `config`
  std::string user;
  std::string group;
  bool hold = false;
  std::string run_dir;

  // Read from the config once, so that a restart need not parse it again.
  std::string name;
  std::string project;
  std::string queue;
  std::map<std::string, std::string> labels;
  int64_t priority = 50;
  int64_t gpus = 1;
  int64_t gpus_min = 1;
  int64_t global_batch = 1;
  int64_t micro_batch = 0;
  int64_t iterations = 0;
  int64_t infra_max = 0;
  int64_t user_max = 0;
  std::string shape;  // what the memory a rank takes depends on, but for its share of the batch

  bool operator==(const Submission&) const = default;
};

/// Numbers of ranks that the job may run with, greatest first: gpus_min to gpus, as far as they
/// divide the global batch. Never empty for a Submission of ReadSubmission.
std::vector<int64_t> RankCounts(const Submission& submission);

/// Key of recorded memory peaks for the job with so many ranks.
std::string ShapeWith(const Submission& submission, int64_t ranks);

struct SubmitArguments {
  std::string request_id;
  std::string config;
  bool hold = false;
  std::string user;
  std::string group;
};

inline constexpr size_t kConfigBytesMax = 1 << 20;
inline constexpr size_t kCanonicalBytesMax = 56 << 10;
inline constexpr size_t kNameBytesMax = 128;

/// Checks all that depends on the arguments alone. `job` and `run_dir` stay empty. The slow part
/// of a submission (the YAML is parsed): any thread may do it.
/// Errors: InvalidArgument with every finding, one a line.
absl::StatusOr<Submission> ReadSubmission(const SubmitArguments& arguments);

}  // namespace lrti::coordinator
