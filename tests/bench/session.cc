#include "tests/bench/session.h"

#include <torch/torch.h>

#include <charconv>
#include <optional>
#include <utility>
#include <variant>

#include "common/base/status.h"
#include "nlohmann/json.hpp"
#include "tests/bench/resident_memory.h"
#include "train/checkpoint/checkpoint.h"
#include "train/infer.h"

namespace lrti::bench {
namespace {

constexpr int64_t kStepsMax = 10000;

/// The number after `name` and a blank; nothing for other commands.
std::optional<int64_t> CountOf(const std::string& command, const std::string& name) {
  if (!command.starts_with(name + " ")) return std::nullopt;
  const char* const begin = command.data() + name.size() + 1;
  const char* const end = command.data() + command.size();
  int64_t count = 0;
  const auto [stop, error] = std::from_chars(begin, end, count);
  if (error != std::errc() || stop != end || count < 1 || count > kStepsMax) return std::nullopt;
  return count;
}

/// Starts the threads of the tensor library and loads its convolution code.
void RunTinyConvolution() {
  const torch::NoGradGuard no_grad;
  at::conv2d(at::ones({1, 8, 64, 64}), at::ones({8, 8, 3, 3}), {}, 1, 1);
}

}  // namespace

Session::Session(job::Spec spec)
    : spec_(std::move(spec)),
      progress_(clock_),
      store_(static_cast<uint64_t>(spec_.cache.memory_mib) << 20) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const std::string& config,
                                                       const std::vector<std::string>& overrides) {
  LRTI_ASSIGN_OR_RETURN(const job::Job job, job::ParseFile(config, overrides));
  std::unique_ptr<Session> session(new Session(job.spec));
  LRTI_RETURN_IF_ERROR(session->Prepare());
  return session;
}

absl::Status Session::Prepare() {
  if (spec_.train.threads > 0) at::set_num_threads(static_cast<int>(spec_.train.threads));
  LRTI_ASSIGN_OR_RETURN(dataset_,
                        data::Dataset::Open(spec_.data.train.source, spec_.data.train.degradation,
                                            spec_.data.frame_cache_mib << 20));
  LRTI_RETURN_IF_ERROR(DecodeEveryFrame());
  LRTI_ASSIGN_OR_RETURN(
      trainer_, train::Trainer::Make(spec_, *dataset_, store_, progress_, c10::kCPU, alone_));
  RunTinyConvolution();
  LRTI_ASSIGN_OR_RETURN(baseline_bytes_, ResidentBytes());
  return ForgetPeak();
}

absl::Status Session::DecodeEveryFrame() const {
  for (size_t clip = 0; clip < dataset_->clips().size(); ++clip) {
    for (int64_t frame = 0; frame < dataset_->clips()[clip].frames; ++frame) {
      const data::Cut pixel{.clip = static_cast<int64_t>(clip),
                            .first_frame = frame,
                            .frames = 1,
                            .height = 1,
                            .width = 1};
      LRTI_RETURN_IF_ERROR(dataset_->Load(pixel).status());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Session::Obey(const std::string& command) {
  if (const auto count = CountOf(command, "steps")) return Steps(*count);
  if (const auto count = CountOf(command, "infer")) return Infer(*count);
  if (command == "memory") return Memory();
  if (command.starts_with("save ")) return Save(command.substr(5));
  return InvalidArgument(
      "command '{}': known are 'steps N', 'infer N' (N up to {}), 'memory', 'save FOLDER'", command,
      kStepsMax);
}

absl::StatusOr<std::string> Session::Steps(int64_t count) {
  double loss = 0;
  const absl::Duration begin = clock_.Steady();
  for (int64_t i = 0; i < count; ++i) {
    LRTI_ASSIGN_OR_RETURN(const train::StepResult result, trainer_->Step());
    loss = result.loss;
  }
  const double seconds = absl::ToDoubleSeconds(clock_.Steady() - begin);
  return nlohmann::json{{"seconds", seconds}, {"steps", count}, {"loss", loss}}.dump();
}

absl::StatusOr<std::string> Session::Infer(int64_t count) {
  if (!frames_.defined()) {
    const int64_t length =
        std::visit([](const auto& strategy) { return strategy.clip_frames; }, spec_.strategy);
    frames_ = at::rand({1, length, 3, spec_.data.train.crop, spec_.data.train.crop});
  }
  int64_t frames = 0;
  const absl::Duration begin = clock_.Steady();
  try {
    for (int64_t i = 0; i < count; ++i) {
      train::ForEachOutput(trainer_->model(), frames_, frames_.size(1), spec_.train.precision,
                           [&](int64_t, const at::Tensor&) { ++frames; });
    }
  } catch (const c10::Error& error) {
    return Error(absl::StatusCode::kInternal, "infer: {}", error.what_without_backtrace());
  }
  const double seconds = absl::ToDoubleSeconds(clock_.Steady() - begin);
  return nlohmann::json{{"seconds", seconds}, {"frames", frames}}.dump();
}

absl::StatusOr<std::string> Session::Memory() const {
  LRTI_ASSIGN_OR_RETURN(const int64_t peak, PeakResidentBytes());
  return nlohmann::json{{"baseline_bytes", baseline_bytes_}, {"peak_bytes", peak}}.dump();
}

absl::StatusOr<std::string> Session::Save(const std::string& folder) const {
  LRTI_ASSIGN_OR_RETURN(const auto written, checkpoint::WriteCheckpoint(folder, trainer_->Save()));
  return nlohmann::json{{"path", written.path}}.dump();
}

}  // namespace lrti::bench
