#include "cli/ctl/commands/top_screen.h"

#include <algorithm>
#include <map>
#include <sstream>

#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/output/human.h"
#include "cli/ctl/output/listing.h"
#include "common/lifecycle/job_state.h"
#include "fmt/format.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

using lifecycle::JobState;

constexpr size_t kAgentsShown = 8;
constexpr size_t kBarWidth = 10;

// Running, then waiting, then ended.
int RankOf(const v1::Job& job) {
  const auto state = lifecycle::ValueIn(lifecycle::kJobStates, job.state());
  if (!state || lifecycle::HoldsGpus(*state)) return 0;
  return lifecycle::IsFinal(*state) ? 2 : 1;
}

std::string Bar(const v1::Progress& progress) {
  if (progress.iterations() == 0) return "";
  const double done =
      static_cast<double>(progress.step()) / static_cast<double>(progress.iterations());
  const auto full = std::min<size_t>(static_cast<size_t>(done * kBarWidth), kBarWidth);
  std::string bar;
  for (size_t i = 0; i < kBarWidth; ++i) bar += i < full ? "━" : "╌";
  return fmt::format("{} {:3.0f}%", bar, 100 * done);
}

// `jobs` are not all that there are; the queues know how many run and wait.
std::string Sums(const std::vector<v1::Job>& jobs, const v1::ListAgentsResponse& agents,
                 const v1::ListQueuesResponse& queues, absl::Time now) {
  int64_t running = 0, waiting = 0, failed = 0, free = 0, devices = 0;
  for (const v1::Queue& queue : queues.queues()) {
    running += queue.running();
    waiting += queue.pending();
  }
  for (const v1::Job& job : jobs) failed += job.state() == NameOf(JobState::kFailed) ? 1 : 0;
  for (const v1::Agent& agent : agents.agents()) {
    devices += agent.gpus_size();
    free += std::count_if(agent.gpus().begin(), agent.gpus().end(),
                          [](const v1::Gpu& gpu) { return gpu.state() == "free"; });
  }
  return fmt::format("{} running, {} waiting, {} failed   {} of {} devices free   {}\n", running,
                     waiting, failed, free, devices,
                     absl::FormatTime("%H:%M:%S", now, absl::LocalTimeZone()));
}

// One letter a device, so that a machine of eight fits anywhere.
std::string Devices(const v1::Agent& agent) {
  std::string text;
  for (const v1::Gpu& gpu : agent.gpus()) {
    text += gpu.state() == "free" ? "□" : gpu.state() == "allocated" ? "■" : "✗";
  }
  return text;
}

Listing AgentRows(const v1::ListAgentsResponse& agents, absl::Time now) {
  Listing listing;
  listing.columns = {{"agent"}, {"state"}, {"devices"}, {"seen", false, true}, {"message"}};
  for (const v1::Agent& agent : agents.agents()) {
    if (listing.rows.size() == kAgentsShown) break;
    listing.rows.push_back({agent.id(), agent.state(), Devices(agent),
                            Ago(TimeOf(agent.last_seen()), now), agent.message()});
  }
  return listing;
}

Listing QueueRows(const v1::ListQueuesResponse& queues) {
  Listing listing;
  listing.columns = {
      {"queue"}, {"running", false, true}, {"pending", false, true}, {"gpus", false, true}};
  for (const v1::Queue& queue : queues.queues()) {
    listing.rows.push_back(
        {queue.name(), fmt::format("{}", queue.running()), fmt::format("{}", queue.pending()),
         queue.gpus_max() == 0 ? fmt::format("{}", queue.gpus_used())
                               : fmt::format("{}/{}", queue.gpus_used(), queue.gpus_max())});
  }
  return listing;
}

Listing JobRows(std::vector<v1::Job> jobs) {
  std::stable_sort(jobs.begin(), jobs.end(),
                   [](const v1::Job& a, const v1::Job& b) { return RankOf(a) < RankOf(b); });
  Listing listing;
  listing.columns = {{"job"},
                     {"name"},
                     {"state"},
                     {"gpus", false, true},
                     {"done"},
                     {"steps/s", false, true},
                     {"eta", false, true},
                     {"loss", false, true},
                     {"dB", false, true},
                     {"memory", false, true},
                     {"why"}};
  for (const v1::Job& job : jobs) {
    const v1::Progress& progress = job.progress();
    const bool runs = RankOf(job) == 0;
    const bool stepped = progress.step() > 0;
    listing.rows.push_back(
        {job.id(), Cut(job.name(), 24), StateCell(job.state()), fmt::format("{}", job.gpus()),
         Bar(progress), runs && stepped ? fmt::format("{:.2f}", progress.steps_per_second()) : "",
         runs && progress.has_eta() ? ShortDuration(DurationOf(progress.eta())) : "",
         stepped ? fmt::format("{:.4f}", progress.loss()) : "",
         stepped ? fmt::format("{:.2f}", progress.psnr()) : "",
         progress.memory_peak_bytes() > 0 ? ShortBytes(progress.memory_peak_bytes()) : "",
         job.pending_reason().empty() ? job.end_reason() : job.pending_reason()});
  }
  return listing;
}

// As Cut; a colour takes no room, and ends with the line.
std::string CutColored(const std::string& line, size_t width) {
  size_t shown = 0;
  for (size_t at = 0, end = 0; at < line.size(); at = end) {
    if (line[at] == '\x1b') {
      end = std::min(line.find('m', at), line.size() - 1) + 1;
      continue;
    }
    end = std::min(line.find('\x1b', at), line.size());
    const std::string piece = line.substr(at, end - at);
    if (shown + Characters(piece) > width) {
      const char* const no_color = line.find('\x1b') < at ? "\x1b[0m" : "";
      return line.substr(0, at) + Cut(piece, width - shown) + no_color;
    }
    shown += Characters(piece);
  }
  return line;
}

// Cut at the screen's edges.
std::string Fit(const std::string& text, ScreenSize size) {
  std::istringstream lines(text);
  std::string fitted;
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    if (size.height > 0 && count + 1 >= size.height) return fitted + "...\n";
    fitted += CutColored(line, size.width) + "\n";
  }
  return fitted;
}

}  // namespace

std::string TopScreen(const std::vector<v1::Job>& jobs, const v1::ListAgentsResponse& agents,
                      const v1::ListQueuesResponse& queues, absl::Time now, ScreenSize size,
                      bool color) {
  std::string text = Sums(jobs, agents, queues, now);
  text += "\n" + Render(QueueRows(queues), Format::kTable, false);
  text += "\n" + Render(AgentRows(agents, now), Format::kTable, false);
  if (static_cast<size_t>(agents.agents_size()) > kAgentsShown) {
    text += fmt::format("and {} more\n", static_cast<size_t>(agents.agents_size()) - kAgentsShown);
  }
  text += "\n" + Render(JobRows(jobs), Format::kTable, color);
  return Fit(text, size);
}

}  // namespace lrti::ctl
