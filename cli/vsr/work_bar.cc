#include "cli/vsr/work_bar.h"

#include <cstdio>
#include <utility>

#include "cli/vsr/progress_bar.h"
#include "fmt/format.h"

namespace lrti::vsr {

WorkBar::WorkBar(std::string what, bool terminal, const Clock& clock)
    : what_(std::move(what)), terminal_(terminal), clock_(clock), begin_(clock.Steady()) {}

WorkBar::~WorkBar() {
  if (drawn_) std::fputs("\n", stderr);
}

void WorkBar::Show(double done, const std::string& note) {
  const absl::Duration now = clock_.Steady();
  if (now - last_ < DrawnEvery(terminal_) && done < 1) return;
  last_ = now;
  const std::string left =
      done > 0 ? "ETA " + ShortDuration(elapsed() * ((1 - done) / done)) : "begins";
  const std::string text = fmt::format("{:3.0f}%  {}  {}", 100 * done, left, note);
  if (!terminal_) {
    std::fprintf(stderr, "%s %s\n", what_.c_str(), text.c_str());
    return;
  }
  std::fprintf(stderr, "\r\033[K%s %s %s", what_.c_str(), Bar(done).c_str(), text.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace lrti::vsr
