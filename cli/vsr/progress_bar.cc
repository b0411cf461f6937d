#include "cli/vsr/progress_bar.h"

#include <cstdio>

#include "common/events/kinds.h"
#include "fmt/format.h"

namespace lrti::vsr {
namespace {

namespace kind = events::kind;

constexpr int kWidth = 24;

std::string StepText(const events::Event& event, int64_t iterations) {
  return fmt::format("step {}/{}  loss {:.4f}  {:.2f} dB  {:.2f} steps/s  ETA {}  {}",
                     event.value("step", int64_t{0}), iterations, event.value("loss", 0.0),
                     event.value("psnr", 0.0), event.value("steps_per_second", 0.0),
                     ShortDuration(absl::Seconds(event.value("eta_s", 0.0))),
                     ShortBytes(event.value("memory_bytes", int64_t{0})));
}

}  // namespace

absl::Duration DrawnEvery(bool terminal) {
  return terminal ? absl::Milliseconds(100) : absl::Seconds(10);
}

std::string Bar(double done) {
  const int filled = static_cast<int>(done * kWidth);
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < filled ? "━" : i == filled ? "╸" : " ";
  return bar;
}

std::string ShortDuration(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds >= 3600) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  if (seconds >= 60) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  return fmt::format("{}s", seconds);
}

std::string ShortBytes(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib >= 1024 ? fmt::format("{:.1f} GiB", mib / 1024) : fmt::format("{:.0f} MiB", mib);
}

ProgressBar::~ProgressBar() {
  MutexLock lock(mutex_);
  if (drawn_) std::fputs("\n", stderr);
}

void ProgressBar::Emit(const events::Event& event) {
  MutexLock lock(mutex_);
  const std::string what = event.value("event", "");
  if (what == kind::kStarted) {
    iterations_ = event.value("iterations", int64_t{0});
    Print(fmt::format("{} on {}, {} parameters, strategy {}; run directory {}{}",
                      event.value("model", ""), event.value("device", ""),
                      event.value("parameters", int64_t{0}), event.value("strategy", ""),
                      event.value("run_dir", ""),
                      event.contains("resumed_from")
                          ? fmt::format("; goes on from step {}", event.value("step", int64_t{0}))
                          : ""));
  } else if (what == kind::kStep) {
    OnStep(event);
  } else if (what == kind::kPhase) {
    OnPhase(event.value("phase", ""));
  } else if (what == kind::kEval) {
    Print(fmt::format("step {}: {}  {:.2f} dB / {:.4f}  (bicubic {:.2f} / {:.4f})",
                      event.value("step", int64_t{0}), event.value("set", ""),
                      event.value("psnr", 0.0), event.value("ssim", 0.0),
                      event.value("bicubic_psnr", 0.0), event.value("bicubic_ssim", 0.0)));
  } else if (what == kind::kWarning) {
    Print("warning: " + event.value("message", ""));
  }
}

void ProgressBar::OnStep(const events::Event& event) {
  const bool is_last = event.value("step", int64_t{0}) == iterations_;
  if (clock_.Steady() - last_ < DrawnEvery(terminal_) && !is_last) return;
  last_ = clock_.Steady();
  const std::string text = StepText(event, iterations_);
  if (!terminal_) return Print(text);
  const double done = static_cast<double>(event.value("step", int64_t{0})) /
                      static_cast<double>(std::max<int64_t>(iterations_, 1));
  Redraw(fmt::format("{} {:3.0f}%  {}", Bar(done), 100 * done, text));
}

void ProgressBar::OnPhase(const std::string& phase) {
  if (terminal_ && (phase == "evaluating" || phase == "checkpointing" || phase == "starting")) {
    Redraw(phase + " ...");
  }
}

void ProgressBar::Print(const std::string& line) {
  std::fprintf(stderr, "%s%s\n", drawn_ ? "\r\033[K" : "", line.c_str());
  drawn_ = false;
}

void ProgressBar::Redraw(const std::string& line) {
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace lrti::vsr
