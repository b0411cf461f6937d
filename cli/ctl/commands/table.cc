#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/runs/comparison.h"
#include "cli/ctl/runs/paper_table.h"
#include "common/base/status.h"
#include "common/job/job.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr size_t kJobsMax = 1000;
constexpr size_t kComparedMax = 20;

// The jobs of a group in the order they were sent, or the one job of that name.
absl::StatusOr<std::vector<v1::Job>> JobsOf(Client& client, const std::string& name) {
  v1::ListJobsRequest request;
  request.set_group(name);
  LRTI_ASSIGN_OR_RETURN(std::vector<v1::Job> jobs, client.List(request, kJobsMax));
  std::reverse(jobs.begin(), jobs.end());
  if (jobs.empty()) {
    LRTI_ASSIGN_OR_RETURN(jobs.emplace_back(), client.Get(name));
    return jobs;
  }
  for (v1::Job& job : jobs) {  // lists leave the config out
    LRTI_ASSIGN_OR_RETURN(job, client.Get(job.id()));
  }
  return jobs;
}

absl::StatusOr<PaperRow> RowOf(const Session& session, const v1::Job& job) {
  PaperRow row;
  row.job_id = job.id();
  absl::StatusOr<job::Job> config = job::Parse(job.config());
  if (!config.ok()) {
    return Error(absl::StatusCode::kInternal,
                 "{}: this lrti-ctl does not understand its config, is it older than the "
                 "coordinator? {}",
                 job.id(), Message(config.status()));
  }
  row.job = *std::move(config);
  row.peak_memory_bytes = job.progress().memory_peak_bytes();
  row.gpu_seconds = job.gpu_seconds();
  auto results = ReadResults(job.run_dir());
  if (results.ok()) {
    row.results = *std::move(results);
  } else {
    session.console().Say(fmt::format("{} ({}) has no results here: {}", job.id(), job.state(),
                                      Message(results.status())));
  }
  return row;
}

// A row for each of the jobs that the names mean.
absl::StatusOr<std::vector<PaperRow>> RowsOf(Session& session,
                                             const std::vector<std::string>& names) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  std::vector<PaperRow> rows;
  for (const std::string& name : names) {
    const auto jobs = [&] {
      const Notice notice = session.Waiting();
      return JobsOf(*client, name);
    }();
    if (!jobs.ok()) return jobs.status();
    for (const v1::Job& job : *jobs) {
      LRTI_ASSIGN_OR_RETURN(rows.emplace_back(), RowOf(session, job));
    }
  }
  return rows;
}

// What has the jobs as rows, or as columns; their names alone are their ids.
absl::Status ShowRows(Session& session, const Listing& listing, const std::vector<PaperRow>& rows) {
  LRTI_ASSIGN_OR_RETURN(const Format format, session.OutputFormat());
  if (format != Format::kName) return session.Show(listing);
  for (const PaperRow& row : rows) session.console().Print(row.job_id + "\n");
  return absl::OkStatus();
}

absl::StatusOr<int> Table(Session& session, const std::vector<std::string>& names) {
  LRTI_ASSIGN_OR_RETURN(const std::vector<PaperRow> rows, RowsOf(session, names));
  LRTI_RETURN_IF_ERROR(ShowRows(session, PaperTable(rows), rows));
  return kOk;
}

absl::StatusOr<int> Compare(Session& session, const std::vector<std::string>& names) {
  LRTI_ASSIGN_OR_RETURN(const std::vector<PaperRow> rows, RowsOf(session, names));
  if (rows.size() > kComparedMax) {
    return InvalidArgument(
        "these are {} jobs; {} fit beside each other. `lrti-ctl table` has a "
        "row for each",
        rows.size(), kComparedMax);
  }
  LRTI_RETURN_IF_ERROR(ShowRows(session, Comparison(rows), rows));
  return kOk;
}

}  // namespace

void AddTable(CLI::App& app, Session& session) {
  auto names = std::make_shared<std::vector<std::string>>();
  AddVerb(app, session, "table",
          "The papers' table: method, training length, PSNR / SSIM of each set, peak memory, "
          "GPU-days. Run directories are read from this machine.",
          [&session, names] { return Table(session, *names); })
      ->add_option("JOB", *names, "Ids of jobs, or names of groups")
      ->required();
  AddVerb(app, session, "compare",
          "Jobs beside each other: what differs in their specs, and what came of it.",
          [&session, names] { return Compare(session, *names); })
      ->add_option("JOB", *names, "Ids of jobs, or names of groups")
      ->required();
}

}  // namespace lrti::ctl
