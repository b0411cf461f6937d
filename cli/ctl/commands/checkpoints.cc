#include "cli/ctl/runs/checkpoints.h"

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/output/human.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

bool IsFolder(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

// A run directory as it is, or that of a job.
absl::StatusOr<std::string> RunOf(Session& session, const std::string& name) {
  if (IsFolder(name)) return name;
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  const auto job = [&] {
    const Notice notice = session.Waiting();
    return client->Get(name);
  }();
  if (!job.ok()) return job.status();
  if (IsFolder(job->run_dir())) return job->run_dir();
  return Error(absl::StatusCode::kNotFound,
               "{}: its run directory {} is not on this machine, or was not made yet", job->id(),
               job->run_dir());
}

Listing CheckpointListing(const std::vector<CheckpointInfo>& checkpoints) {
  Listing listing;
  listing.columns = {
      {"step", false, true}, {"size", false, true}, {"created"}, {"state"}, {"path"}};
  for (const CheckpointInfo& info : checkpoints) {
    const bool whole = info.state.ok();
    listing.rows.push_back(
        {fmt::format("{}", info.step), Cell(ShortBytes(info.bytes), fmt::format("{}", info.bytes)),
         info.created,
         whole ? Cell("ok", Cell::Color::kGood) : Cell(Message(info.state), Cell::Color::kBad),
         info.path});
    listing.json.push_back({{"step", info.step},
                            {"path", info.path},
                            {"created", info.created},
                            {"bytes", info.bytes},
                            {"state", whole ? "ok" : Message(info.state)}});
  }
  return listing;
}

absl::StatusOr<int> List(Session& session, const std::string& name) {
  LRTI_ASSIGN_OR_RETURN(const std::string run, RunOf(session, name));
  LRTI_ASSIGN_OR_RETURN(const auto checkpoints, ListCheckpoints(run));
  LRTI_RETURN_IF_ERROR(session.Show(CheckpointListing(checkpoints)));
  if (checkpoints.empty()) session.console().Say(run + " has no checkpoints");
  return kOk;
}

absl::StatusOr<int> Verify(Session& session, const std::string& name) {
  LRTI_ASSIGN_OR_RETURN(const std::string run, RunOf(session, name));
  LRTI_ASSIGN_OR_RETURN(auto checkpoints, ListCheckpoints(run));
  int code = kOk;
  for (CheckpointInfo& info : checkpoints) {
    const Notice notice(session.console(), "reading " + info.path);
    if (info.state.ok()) info.state = VerifyCheckpoint(info.path);
    if (!info.state.ok()) code = kFailure;
  }
  LRTI_RETURN_IF_ERROR(session.Show(CheckpointListing(checkpoints)));
  if (checkpoints.empty()) session.console().Say(run + " has no checkpoints");
  return code;
}

absl::StatusOr<int> Gc(Session& session, const std::string& name, size_t keep, bool dry_run) {
  if (!dry_run) {
    return InvalidArgument(
        "only gc --dry-run is there: it lists what could go; a trainer deletes its own old "
        "checkpoints (spec.train.checkpoints_keep)");
  }
  LRTI_ASSIGN_OR_RETURN(const std::string run, RunOf(session, name));
  LRTI_ASSIGN_OR_RETURN(const auto checkpoints, ListCheckpoints(run));
  const std::vector<CheckpointInfo> old = Superfluous(checkpoints, keep);
  uint64_t bytes = 0;
  for (const CheckpointInfo& info : old) bytes += info.bytes;
  LRTI_RETURN_IF_ERROR(session.Show(CheckpointListing(old)));
  session.console().Say(
      fmt::format("{} of {} could go, {}", old.size(), checkpoints.size(), ShortBytes(bytes)));
  return kOk;
}

}  // namespace

void AddCheckpoints(CLI::App& app, Session& session) {
  CLI::App* checkpoints = app.add_subcommand("checkpoints", "What runs have saved.");
  checkpoints->require_subcommand(1);
  const char* const help = "A run directory, or a job whose run directory is on this machine";
  auto listed = std::make_shared<std::string>();
  AddVerb(*checkpoints, session, "ls", "Checkpoints by their manifests.",
          [&session, listed] { return List(session, *listed); })
      ->add_option("RUN", *listed, help)
      ->required();
  auto verified = std::make_shared<std::string>();
  AddVerb(*checkpoints, session, "verify",
          "Read every file and hold it to its hash. Exit code 1 when one is damaged.",
          [&session, verified] { return Verify(session, *verified); })
      ->add_option("RUN", *verified, help)
      ->required();
  struct GcArguments {
    std::string run;
    size_t keep = 3;
    bool dry_run = false;
  };
  auto gc = std::make_shared<GcArguments>();
  CLI::App* command =
      AddVerb(*checkpoints, session, "gc", "List the checkpoints that nobody needs.",
              [&session, gc] { return Gc(session, gc->run, gc->keep, gc->dry_run); });
  command->add_option("RUN", gc->run, help)->required();
  command->add_option("--keep", gc->keep, "Newest ones to keep")
      ->check(CLI::Range(size_t{1}, size_t{10000}));
  command->add_flag("-n,--dry-run", gc->dry_run, "Delete nothing");
}

}  // namespace lrti::ctl
