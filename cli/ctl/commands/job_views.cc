#include "cli/ctl/commands/job_views.h"

#include "cli/ctl/client/message_json.h"
#include "cli/ctl/output/human.h"
#include "common/lifecycle/job_state.h"
#include "fmt/format.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

using lifecycle::JobState;

constexpr size_t kTransitionsShown = 8;

// Why it waits, or why its last attempt ended.
std::string ReasonOf(const v1::Job& job) {
  return job.pending_reason().empty() ? job.end_reason() : job.pending_reason();
}

std::string ProgressText(const v1::Progress& progress) {
  if (progress.iterations() == 0)
    return progress.step() == 0 ? "-" : fmt::format("{}", progress.step());
  return fmt::format(
      "{}/{} {:.0f}%", progress.step(), progress.iterations(),
      100.0 * static_cast<double>(progress.step()) / static_cast<double>(progress.iterations()));
}

// It trains now, or is about to: speeds and phases are news.
bool IsUnderWay(const v1::Job& job) {
  const auto state = lifecycle::ValueIn(lifecycle::kJobStates, job.state());
  return state && lifecycle::HoldsGpus(*state);
}

std::string EtaText(const v1::Job& job) {
  if (!IsUnderWay(job) || !job.progress().has_eta()) return "-";
  return ShortDuration(DurationOf(job.progress().eta()));
}

std::string GpusText(const v1::Job& job) {
  if (job.ranks() > 0 && job.ranks() != job.gpus()) {
    return fmt::format("{} of {}", job.ranks(), job.gpus());
  }
  return fmt::format("{}", job.gpus());
}

std::string RestartsText(const v1::Restarts& restarts) {
  return fmt::format("user {}/{}, infra {}/{}, preempted {}", restarts.user(), restarts.user_max(),
                     restarts.infra(), restarts.infra_max(), restarts.preempt());
}

std::string LabelsText(const v1::Job& job) {
  const std::map<std::string, std::string> sorted(job.labels().begin(), job.labels().end());
  std::string text;
  for (const auto& [key, value] : sorted) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value);
  }
  return text;
}

Cell TimeCell(const google::protobuf::Timestamp& time, absl::Time now) {
  const absl::Time at = TimeOf(time);
  return {Ago(at, now), Rfc3339(at)};
}

std::vector<Cell> JobCells(const v1::Job& job, absl::Time now) {
  const v1::Progress& progress = job.progress();
  const int64_t restarts =
      job.restarts().user() + job.restarts().infra() + job.restarts().preempt();
  return {
      job.id(),
      job.name(),
      StateCell(job.state()),
      ReasonOf(job),
      {ProgressText(progress), fmt::format("{}", progress.step())},
      GpusText(job),
      EtaText(job),
      TimeCell(job.submitted(), now),
      job.project(),
      job.queue(),
      job.user(),
      job.group(),
      fmt::format("{}", job.priority()),
      fmt::format("{}", job.attempt()),
      fmt::format("{}", restarts),
      {Days(job.gpu_seconds()), fmt::format("{}", job.gpu_seconds() / 86400)},
      job.message(),
  };
}

// `name    value`, for values that are there.
void Line(std::string& page, const std::string& name, const std::string& value) {
  if (value.empty() || value == "-") return;
  page += fmt::format("  {:<12}{}\n", name, value);
}

void AddProgress(const v1::Job& job, absl::Time now, std::string& page) {
  const v1::Progress& progress = job.progress();
  if (progress.step() == 0 && progress.phase().empty()) return;
  page += "Progress\n";
  Line(page, "steps", ProgressText(progress));
  if (IsUnderWay(job)) Line(page, "phase", progress.phase());
  if (IsUnderWay(job) && progress.steps_per_second() > 0) {
    Line(page, "speed",
         fmt::format("{:.2f} steps/s, ETA {}", progress.steps_per_second(), EtaText(job)));
  }
  if (progress.step() > 0) {
    Line(page, "loss", fmt::format("{:.5f}, {:.2f} dB", progress.loss(), progress.psnr()));
  }
  if (progress.checkpoint_step() > 0) {
    Line(page, "checkpoint", fmt::format("step {}", progress.checkpoint_step()));
  }
  if (progress.memory_peak_bytes() > 0) {
    Line(page, "peak memory", ShortBytes(progress.memory_peak_bytes()));
  }
  if (progress.has_last_step()) Line(page, "last step", Ago(TimeOf(progress.last_step()), now));
}

void AddPlacement(const v1::Job& job, std::string& page) {
  if (job.placement().empty()) return;
  page += "Ranks\n";
  for (const v1::Rank& rank : job.placement()) {
    page +=
        fmt::format("  {:<4}{} {}  step {}", rank.rank(), rank.agent(), rank.gpu(), rank.step());
    if (!rank.phase().empty()) {
      page += fmt::format(", {} for {}", rank.phase(), ShortDuration(DurationOf(rank.phase_age())));
    }
    if (rank.memory_bytes() > 0) page += ", " + ShortBytes(rank.memory_bytes());
    page += "\n";
  }
}

}  // namespace

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Duration DurationOf(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

v1::ListJobsRequest RequestOfRunning() {
  v1::ListJobsRequest request;
  for (const auto& state : lifecycle::kJobStates) {
    if (lifecycle::HoldsGpus(state.value)) request.add_states(std::string(state.name));
  }
  return request;
}

Cell StateCell(const std::string& state) {
  using Color = Cell::Color;
  if (state == NameOf(JobState::kSucceeded) || state == NameOf(JobState::kRunning)) {
    return {state, Color::kGood};
  }
  if (state == NameOf(JobState::kFailed)) return {state, Color::kBad};
  if (state == NameOf(JobState::kCancelled) || state == NameOf(JobState::kPaused)) {
    return {state, Color::kFaint};
  }
  return {state, Color::kBusy};
}

Listing JobListing(const std::vector<v1::Job>& jobs, absl::Time now) {
  Listing listing;
  listing.columns = {{"id"},
                     {"name"},
                     {"state"},
                     {"reason"},
                     {"steps", false, true},
                     {"gpus", false, true},
                     {"eta", false, true},
                     {"submitted", false, true},
                     {"project", true},
                     {"queue", true},
                     {"user", true},
                     {"group", true},
                     {"priority", true, true},
                     {"attempt", true, true},
                     {"restarts", true, true},
                     {"gpu-days", true, true},
                     {"message", true}};
  for (const v1::Job& job : jobs) {
    listing.rows.push_back(JobCells(job, now));
    listing.json.push_back(MessageJson(job));
  }
  return listing;
}

std::string JobPage(const v1::Job& job, const std::vector<v1::Transition>& transitions,
                    absl::Time now) {
  std::string page = fmt::format("{}  {}\n", job.id(), job.name());
  const std::string reason = ReasonOf(job);
  Line(page, "state", job.state() + (reason.empty() ? "" : " (" + reason + ")"));
  Line(page, "message", job.message());
  Line(page, "project", job.project());
  Line(page, "queue", fmt::format("{}, priority {}", job.queue(), job.priority()));
  Line(page, "user", job.user());
  Line(page, "group", job.group());
  Line(page, "labels", LabelsText(job));
  Line(page, "GPUs",
       GpusText(job) + (job.gpus_min() > 0 && job.gpus_min() < job.gpus()
                            ? fmt::format(", at least {}", job.gpus_min())
                            : ""));
  Line(page, "attempt", job.attempt() == 0 ? "" : fmt::format("{}", job.attempt()));
  Line(page, "restarts", RestartsText(job.restarts()));
  Line(page, "GPU-days", Days(job.gpu_seconds()));
  Line(page, "submitted", Ago(TimeOf(job.submitted()), now));
  Line(page, "started", Ago(TimeOf(job.started()), now));
  Line(page, "ended", Ago(TimeOf(job.ended()), now));
  Line(page, "not before", job.has_not_before() ? Ago(TimeOf(job.not_before()), now) : "");
  Line(page, "run folder", job.run_dir());
  AddProgress(job, now, page);
  AddPlacement(job, page);
  if (!transitions.empty()) page += "Happened\n";
  const size_t first =
      transitions.size() > kTransitionsShown ? transitions.size() - kTransitionsShown : 0;
  for (size_t i = first; i < transitions.size(); ++i) {
    page += "  " + TransitionLine(transitions[i]) + "\n";
  }
  return page;
}

std::string ExplanationPage(const v1::Explanation& explanation) {
  const v1::Job& job = explanation.job();
  std::string page = fmt::format("{}  {}  {}\n", job.id(), job.name(), job.state());
  Line(page, "reason", explanation.reason());
  Line(page, "meaning", explanation.meaning());
  Line(page, "message", job.message());
  for (const std::string& fact : explanation.facts()) Line(page, "fact", fact);
  for (const std::string& nearest : explanation.nearest()) Line(page, "nearest", nearest);
  Line(page, "next", explanation.next_step());
  return page;
}

Listing TransitionListing(const std::vector<v1::Transition>& transitions) {
  Listing listing;
  listing.columns = {
      {"seq", false, true}, {"time"},     {"job"},    {"attempt", false, true}, {"from"}, {"to"},
      {"reason"},           {"by", true}, {"message"}};
  for (const v1::Transition& transition : transitions) {
    listing.rows.push_back({fmt::format("{}", transition.seq()), Rfc3339(TimeOf(transition.time())),
                            transition.job(), fmt::format("{}", transition.attempt()),
                            transition.from(), StateCell(transition.to()), transition.reason(),
                            transition.actor(), transition.message()});
    listing.json.push_back(MessageJson(transition));
  }
  return listing;
}

std::string TransitionLine(const v1::Transition& transition) {
  std::string line = fmt::format("{}  {} -> {}", Rfc3339(TimeOf(transition.time())),
                                 transition.from(), transition.to());
  if (transition.attempt() > 0) line += fmt::format("  attempt {}", transition.attempt());
  if (!transition.reason().empty()) line += "  " + transition.reason();
  if (!transition.actor().empty()) line += "  by " + transition.actor();
  if (!transition.message().empty()) line += ": " + transition.message();
  return line;
}

}  // namespace lrti::ctl
