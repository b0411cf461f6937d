#include "services/coordinator/state/progress.h"

#include <algorithm>

namespace lrti::coordinator {

Progress ProgressOf(const Live& live, const JobRecord& job) {
  Progress progress = job.progress;
  progress.iterations = job.submission->iterations;
  progress.checkpoint_step = job.checkpoint_step;
  const AttemptLive* attempt = FindAttempt(live, job.id(), job.attempt);
  if (!job.current || attempt == nullptr) return progress;
  progress.step = attempt->step;
  progress.memory_peak_bytes = 0;
  if (attempt->last_step) progress.last_step = attempt->last_step->wall;
  for (const auto& [rank, live_rank] : attempt->ranks) {
    const RankReport& report = live_rank.report;
    progress.memory_peak_bytes = std::max(progress.memory_peak_bytes, report.memory_peak_bytes);
    if (rank != 0) continue;
    progress.phase = report.phase;
    progress.steps_per_second = report.steps_per_second;
    progress.loss = report.loss;
    progress.psnr = report.psnr;
    if (report.iterations > 0) progress.iterations = report.iterations;
  }
  return progress;
}

absl::Duration Eta(const Progress& progress) {
  const auto left = static_cast<double>(progress.iterations - progress.step);
  if (!(progress.steps_per_second > 0) || left < 0) return absl::Seconds(-1);
  return absl::Seconds(left / progress.steps_per_second);
}

double GpuSeconds(const JobRecord& job, Moment now) {
  int64_t micros = job.gpu_microseconds;
  if (job.current) {
    const absl::Duration held = now.steady - job.current->started.steady;
    micros += absl::ToInt64Microseconds(std::max(held, absl::ZeroDuration())) *
              static_cast<int64_t>(job.current->ranks.size());
  }
  return static_cast<double>(micros) / 1e6;
}

}  // namespace lrti::coordinator
