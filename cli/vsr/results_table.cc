#include "cli/vsr/results_table.h"

#include <variant>

#include "cli/vsr/progress_bar.h"
#include "fmt/format.h"
#include "train/report/table.h"

namespace lrti::vsr {
namespace {

std::string Text(const train::Score& score) {
  return fmt::format("{:.2f} / {:.4f}", score.psnr, score.ssim);
}

struct TrainingLength {
  std::string operator()(const job::PlainStrategy& s) const {
    return fmt::format("L={}", s.clip_frames);
  }
  std::string operator()(const job::TbStrategy& s) const {
    return fmt::format("L={} T={} N={}", s.clip_frames, s.sequence_frames, s.clips_per_sequence);
  }
  std::string operator()(const job::PiStrategy& s) const {
    return fmt::format("L={} R={}", s.clip_frames, s.repeats);
  }
};

std::string MethodOf(const job::Spec& spec) {
  const auto type = [](const auto& config) { return std::string(config.kType); };
  return std::visit(type, spec.model) + " " + std::visit(type, spec.strategy);
}

}  // namespace

std::string ResultsTable(const job::Job& job, const std::vector<train::SetScores>& scores,
                         const train::RunOutcome* outcome) {
  std::vector<std::string> header = {"method", "training length"};
  std::vector<std::string> bicubic = {"bicubic", "-"};
  std::vector<std::string> ours = {MethodOf(job.spec),
                                   std::visit(TrainingLength{}, job.spec.strategy)};
  for (const train::SetScores& set : scores) {
    header.push_back(fmt::format("{} {} PSNR / SSIM", set.name,
                                 set.channel == job::Channel::kRgb ? "RGB" : "Y"));
    bicubic.push_back(Text(set.bicubic));
    ours.push_back(Text(set.network));
  }
  if (outcome != nullptr) {
    header.insert(header.end(), {"peak memory", "device days"});
    bicubic.insert(bicubic.end(), {"-", "-"});
    // A run that only evaluated took no step.
    ours.push_back(outcome->peak_memory_bytes == 0 ? "-" : ShortBytes(outcome->peak_memory_bytes));
    ours.push_back(
        fmt::format("{:.5f}", absl::FDivDuration(outcome->training_time, absl::Hours(24))));
  }
  return report::FormatTable(header, {bicubic, ours});
}

}  // namespace lrti::vsr
