#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/schema.h"
#include "common/job/data.h"
#include "common/job/model.h"
#include "common/job/service.h"
#include "common/job/strategy.h"
#include "common/job/train.h"

namespace lrti::job {

struct Metadata {
  std::string name;
  std::string project = "default";
  std::map<std::string, std::string> labels;

  static auto Fields() {
    return std::tuple{
        config::Field{"name", &Metadata::name, "Name of the run and of its folder.",
                      config::Required()},
        config::Field{"project", &Metadata::project, "Group of jobs that belong together."},
        config::Field{"labels", &Metadata::labels, "Free text to find jobs by."},
    };
  }
};
static_assert(config::Covered<Metadata>);

struct Spec {
  ModelConfig model;
  DataConfig data;
  StrategyConfig strategy = TbStrategy{};
  OptimizerConfig optimizer;
  LossConfig loss;
  TrainConfig train;
  CacheConfig cache;
  ResourcesConfig resources;

  static auto Fields() {
    return std::tuple{
        config::Field{"model", &Spec::model, "The network."},
        config::Field{"data", &Spec::data, "Videos to train on and to measure.",
                      config::Required()},
        config::Field{"strategy", &Spec::strategy, "How clips and their first states are made."},
        config::Field{"optimizer", &Spec::optimizer, "How weights change."},
        config::Field{"loss", &Spec::loss, "What is minimised."},
        config::Field{"train", &Spec::train, "Length, batch, precision and what is kept."},
        config::Field{"cache", &Spec::cache, "Where hidden states are kept."},
        config::Field{"resources", &Spec::resources, "What the job asks of a cluster."},
    };
  }
};
static_assert(config::Covered<Spec>);

/// A training job: one YAML text, checked by the same code wherever it is read.
struct Job {
  std::string api_version = "lrti/v1";
  std::string kind = "TrainingJob";
  Metadata metadata;
  Spec spec;

  static auto Fields() {
    return std::tuple{
        config::Field{"apiVersion", &Job::api_version, "Version of this format.",
                      config::Exactly("lrti/v1")},
        config::Field{"kind", &Job::kind, "Kind of object.", config::Exactly("TrainingJob")},
        config::Field{"metadata", &Job::metadata, "Who the job is.", config::Required()},
        config::Field{"spec", &Job::spec, "What the job does.", config::Required()},
    };
  }
};
static_assert(config::Covered<Job>);

/// Reads a job and checks it, fields first, then what several fields say together (a clip must fit
/// its sequence, and so on). Errors: InvalidArgument with every finding, one a line,
/// `path: what is wrong`.
absl::StatusOr<Job> Parse(const std::string& yaml);

/// Reads a job from a file, with `path=value` overrides (common/config/override.h) applied, and
/// makes its data paths absolute: relative ones, overridden or not, start at the file's folder.
/// Errors: as lrti::ReadFile (for over 1 MiB, too); otherwise InvalidArgument with the file's name
/// in the first line and Parse's findings below it.
absl::StatusOr<Job> ParseFile(const std::string& path, const std::vector<std::string>& overrides);

}  // namespace lrti::job
