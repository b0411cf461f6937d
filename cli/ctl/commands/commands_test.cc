#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <regex>
#include <sstream>
#include <thread>

#include "cli/ctl/commands/command_line.h"
#include "cli/ctl/commands/follow.h"
#include "cli/ctl/commands/test_coordinator.h"
#include "cli/ctl/commands/top_screen.h"
#include "cli/ctl/output/human.h"
#include "cli/ctl/stack/ports.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/test_files.h"
#include "common/config/dump.h"
#include "common/job/job.h"

namespace lrti::ctl {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kJob =
    "apiVersion: lrti/v1\n"
    "kind: TrainingJob\n"
    "metadata: {name: small, project: demo}\n"
    "spec: {data: {train: {path: train.mp4}}}\n";

// The command line against a coordinator of this process.
class Commands : public testing::Test {
 protected:
  struct Result {
    int code = 0;
    std::string out, err;
  };

  Result Run(std::vector<std::string> words) {
    words.insert(words.end(), {"--coordinator", coordinator_.address()});
    return RunAlone(words);
  }

  Result RunAlone(const std::vector<std::string>& words) {
    Result result;
    Console console;
    console.out = [this, &result](std::string_view text) {
      result.out += text;
      if (on_out_) on_out_(result.out);
    };
    console.err = [&result](std::string_view text) { result.err += text; };
    const auto variable = [this](const std::string& name) {
      return name == "HOME" ? folder_.path() : variables_[name];
    };
    Session session(console, variable, interrupt_);
    result.code = RunCommandLine(words, session);
    return result;
  }

  std::string Write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(WriteFileAtomic(folder_ / name, text).ok());
    return folder_ / name;
  }

  TemporaryFolder folder_;
  std::map<std::string, std::string> variables_;
  Interrupt interrupt_;
  std::function<void(const std::string&)> on_out_;
  TestCoordinator coordinator_;
};

TEST_F(Commands, SubmitSendsTheCanonicalTextAndPrintsTheIdAlone) {
  const Result result =
      Run({"submit", Write("job.yaml", kJob), "--set", "spec.train.iterations=7"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "lrti-job1\n");
  EXPECT_THAT(result.err, HasSubstr("next: lrti-ctl logs -f lrti-job1"));
  ASSERT_EQ(coordinator_.submitted().size(), 1u);
  const v1::SubmitJobRequest sent = coordinator_.submitted()[0];
  const auto job = job::Parse(sent.config());
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(sent.config(), config::Dump(*job));
  EXPECT_EQ(job->spec.train.iterations, 7);
  EXPECT_EQ(job->spec.data.train.source.path, folder_ / "train.mp4");
  EXPECT_EQ(sent.request_id().size(), 32u);
  EXPECT_NE(sent.user(), "");
}

TEST_F(Commands, SubmitRepeatsTheSameRequestWhileThereIsNoAnswer) {
  coordinator_.RefuseSubmissions(2);
  const Result result = Run({"submit", Write("job.yaml", kJob)});
  EXPECT_EQ(result.code, 0) << result.err;
  ASSERT_EQ(coordinator_.submitted().size(), 3u);
  EXPECT_EQ(coordinator_.submitted()[0].request_id(), coordinator_.submitted()[2].request_id());
}

TEST_F(Commands, SubmitOfASweepIsOneGroupWithRequestsOfItsOwn) {
  const std::string file = Write("sweep.yaml", kJob + "sweep: {grid: {spec.train.seed: [1, 2]}}\n");
  const Result result = Run({"submit", file, "--hold", "--request-id", "again"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "lrti-job1\nlrti-job2\n");
  const auto sent = coordinator_.submitted();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].request_id(), "again-1");
  EXPECT_EQ(sent[1].request_id(), "again-2");
  EXPECT_TRUE(sent[0].hold());
  EXPECT_THAT(sent[0].group(), StartsWith("small-"));
  EXPECT_EQ(sent[0].group(), sent[1].group());
  EXPECT_EQ(Run({"submit", file, "--hold", "--request-id", "again"}).code, 0);
  EXPECT_EQ(coordinator_.submitted()[2].group(), sent[0].group()) << "it may have been half sent";
  EXPECT_EQ(Run({"submit", file, "--hold"}).code, 0);
  EXPECT_NE(coordinator_.submitted()[4].group(), sent[0].group());
}

TEST_F(Commands, SubmitOfABadFileSendsNothing) {
  const std::string good = Write("good.yaml", kJob);
  const std::string bad = Write("bad.yaml", kJob + "speck: 1\n");
  const Result result = Run({"submit", good, bad});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("bad.yaml"), HasSubstr("speck")));
  EXPECT_TRUE(coordinator_.submitted().empty());
  EXPECT_EQ(Run({"submit", folder_ / "none.yaml"}).code, 2);
}

TEST_F(Commands, DryRunSendsNothingAndPrintsTheJob) {
  const Result result = Run({"submit", "-n", Write("job.yaml", kJob)});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(job::Parse(result.out).ok());
  EXPECT_TRUE(coordinator_.submitted().empty());
}

TEST_F(Commands, SubmitWaitsForTheEnd) {
  int gets = 0;
  coordinator_.on_get = [&](const std::string& id) {
    if (++gets == 2) coordinator_.SetState(id, "FAILED");
  };
  const Result result = Run({"submit", "--wait", Write("job.yaml", kJob)});
  EXPECT_EQ(result.code, 100) << result.err;
  EXPECT_THAT(result.err, HasSubstr("lrti-job1 sent: FAILED"));
}

TEST_F(Commands, ValidateIsLocalUnlessTheServerIsAsked) {
  const std::string file = Write("job.yaml", kJob);
  EXPECT_EQ(RunAlone({"validate", file, "--coordinator", "127.0.0.1:1"}).out, file + ": ok\n");
  coordinator_.validation.set_advice("fits with 2 GPUs");
  const Result asked = Run({"validate", "--server", file});
  EXPECT_EQ(asked.code, 0) << asked.err;
  EXPECT_THAT(asked.out, HasSubstr("small: ok, but no agent could run it now"));
  EXPECT_THAT(asked.err, HasSubstr("fits with 2 GPUs"));
  coordinator_.validation.add_findings("spec.resources.queue: no such queue");
  EXPECT_EQ(Run({"validate", "--server", file}).code, 2);
}

TEST_F(Commands, ListShowsEveryFormat) {
  coordinator_.Put("lrti-a", "RUNNING").mutable_progress()->set_step(5);
  coordinator_.Put("lrti-b", "FAILED").set_end_reason("OOM_GPU");
  EXPECT_THAT(Run({"list"}).out,
              AllOf(StartsWith("id      name         state"), HasSubstr("OOM_GPU")));
  EXPECT_THAT(Run({"ps", "-o", "wide"}).out, HasSubstr("priority"));
  EXPECT_EQ(Run({"list", "-o", "name"}).out, "lrti-a\nlrti-b\n");
  const auto json = nlohmann::json::parse(Run({"-o", "json", "list"}).out);
  EXPECT_EQ(json[0]["progress"]["step"], 5);
  EXPECT_THAT(Run({"list", "-o", "yaml"}).out, HasSubstr("- id: lrti-a\n"));
  EXPECT_THAT(Run({"list", "-o", "csv"}).out, HasSubstr("\nlrti-b,name-lrti-b,FAILED,OOM_GPU,"));
  const Result bad = Run({"list", "-o", "xml"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("unknown output format 'xml'"));
}

TEST_F(Commands, ListPassesItsFilters) {
  EXPECT_EQ(Run({"list", "--state", "running", "--project", "p", "--queue", "q", "--user", "u",
                 "--group", "g", "-l", "table=3", "-l", "lr=1e-4"})
                .code,
            0);
  const v1::ListJobsRequest listed = coordinator_.listed();
  EXPECT_EQ(listed.states(0), "RUNNING");
  EXPECT_EQ(listed.project() + listed.queue() + listed.user() + listed.group(), "pqug");
  EXPECT_EQ(listed.labels().at("table"), "3");
  EXPECT_EQ(listed.labels().at("lr"), "1e-4");
  const Result bad = Run({"list", "--state", "walking"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("known: PENDING"));
  EXPECT_EQ(Run({"list", "-l", "table"}).code, 2);
}

TEST_F(Commands, GetOfOneIsOneObjectInJson) {
  coordinator_.Put("lrti-a", "RUNNING");
  EXPECT_EQ(nlohmann::json::parse(Run({"get", "lrti-a", "-o", "json"}).out)["id"], "lrti-a");
  const Result unknown = Run({"get", "lrti-x"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err,
              AllOf(HasSubstr("error: no job 'lrti-x'"), HasSubstr("next: lrti-ctl list")));
}

TEST_F(Commands, DescribeTellsPlaceRestartsHistoryAndLastWords) {
  v1::Job& job = coordinator_.Put("lrti-a", "RUNNING");
  job.set_attempt(2);
  job.mutable_restarts()->set_infra(1);
  job.mutable_restarts()->set_infra_max(10);
  v1::Rank& rank = *job.add_placement();
  rank.set_agent("host");
  rank.set_gpu("GPU-1");
  v1::Transition transition;
  transition.set_seq(1);
  transition.set_from("STARTING");
  transition.set_to("RUNNING");
  coordinator_.transitions = {transition};
  coordinator_.tail_logs = [](int, const v1::TailLogsRequest&, auto& writer) {
    v1::LogChunk chunk;
    chunk.set_data("step 7\n");
    writer.Write(chunk);
    return grpc::Status::OK;
  };
  const Result result = Run({"describe", "lrti-a"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("state       RUNNING"), HasSubstr("infra 1/10"),
                                HasSubstr("host GPU-1"), HasSubstr("STARTING -> RUNNING"),
                                HasSubstr("  step 7\n")));
}

TEST_F(Commands, ExplainGivesReasonAndNextStep) {
  coordinator_.Put("lrti-a", "PENDING");
  coordinator_.explanation.set_reason("WaitingForGpus");
  coordinator_.explanation.set_next_step("Wait");
  coordinator_.explanation.add_nearest("fits with 6 GPUs");
  EXPECT_THAT(Run({"explain", "lrti-a"}).out,
              AllOf(HasSubstr("reason      WaitingForGpus"), HasSubstr("fits with 6 GPUs"),
                    HasSubstr("next        Wait")));
  EXPECT_EQ(nlohmann::json::parse(Run({"explain", "lrti-a", "-o", "json"}).out)["reason"],
            "WaitingForGpus");
}

TEST_F(Commands, WaitHasACodeForEveryEnd) {
  for (const auto& [state, code] :
       {std::pair{"SUCCEEDED", 0}, {"FAILED", 100}, {"CANCELLED", 103}, {"RUNNING", 101}}) {
    coordinator_.Put("lrti-a", state);
    EXPECT_EQ(Run({"wait", "lrti-a", "--timeout", "0s"}).code, code) << state;
  }
  EXPECT_EQ(Run({"wait", "lrti-none"}).code, 102);
  EXPECT_EQ(Run({"wait", "lrti-a", "--timeout", "soon"}).code, 2);
}

TEST_F(Commands, WaitOfSeveralHasTheCodeOfTheFirstThatDidNotSucceed) {
  coordinator_.Put("lrti-a", "SUCCEEDED");
  coordinator_.Put("lrti-b", "CANCELLED");
  coordinator_.Put("lrti-c", "FAILED");
  EXPECT_EQ(Run({"wait", "lrti-a", "lrti-b", "lrti-c"}).code, 103);
}

TEST_F(Commands, WaitOutlastsACoordinatorThatRestarts) {
  coordinator_.Put("lrti-a", "RUNNING");
  int gets = 0;
  std::thread restart;
  coordinator_.on_get = [&](const std::string& id) {
    if (++gets != 1) return;
    restart = std::thread([this, id] {  // not from its own call
      coordinator_.Stop();
      coordinator_.SetState(id, "SUCCEEDED");
      coordinator_.Start();
    });
  };
  const Result result = Run({"wait", "lrti-a"});
  restart.join();
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST_F(Commands, WaitDoesNotOutlastItsTimeWhenNobodyAnswers) {
  const auto nobody = FreeAddress("127.0.0.1:0");
  ASSERT_TRUE(nobody.ok());
  const Result result =
      RunAlone({"wait", "lrti-a", "--timeout", "100ms", "--coordinator", *nobody});
  EXPECT_EQ(result.code, 3) << result.err;
}

TEST_F(Commands, CtrlCDetachesAndSaysThatTheJobGoesOn) {
  coordinator_.Put("lrti-a", "RUNNING");
  coordinator_.on_get = [this](const std::string&) { interrupt_.Ask(); };
  const Result result = Run({"wait", "lrti-a"});
  EXPECT_EQ(result.code, 130);
  EXPECT_THAT(result.err, HasSubstr("lrti-a goes on; lrti-ctl wait lrti-a looks again"));
}

v1::LogChunk Chunk(int64_t rank, uint64_t offset, const std::string& data, bool complete = false) {
  v1::LogChunk chunk;
  chunk.set_attempt(1);
  chunk.set_rank(rank);
  chunk.set_offset(offset);
  chunk.set_data(data);
  chunk.set_complete(complete);
  return chunk;
}

TEST_F(Commands, LogsGoOnWhereTheyWereWhenTheCoordinatorRestarts) {
  coordinator_.Put("lrti-a", "SUCCEEDED").set_gpus(2);
  v1::TailLogsRequest second;
  coordinator_.tail_logs = [&](int call, const v1::TailLogsRequest& request, auto& writer) {
    if (call == 1) {
      writer.Write(Chunk(0, 0, "one\ntw"));
      writer.Write(Chunk(1, 0, "uno\n"));
      return grpc::Status(grpc::UNAVAILABLE, "going away");
    }
    second = request;
    writer.Write(Chunk(0, 6, "o\n", true));
    writer.Write(Chunk(1, 4, "", true));
    return grpc::Status::OK;
  };
  const Result result = Run({"logs", "-f", "lrti-a", "--tail", "5"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "rank 0 | one\nrank 1 | uno\nrank 0 | two\n");
  EXPECT_EQ(second.attempt(), 1);
  EXPECT_EQ(second.tail_lines(), 0);
  EXPECT_EQ(second.offsets().at(0), 6u);
  EXPECT_EQ(second.offsets().at(1), 4u);
  EXPECT_THAT(result.err, AllOf(HasSubstr("it is tried again"), HasSubstr("\ncomplete\n"),
                                HasSubstr("lrti-a SUCCEEDED")));
}

TEST_F(Commands, LogsSayWhatIsMissing) {
  coordinator_.Put("lrti-a", "FAILED");
  coordinator_.tail_logs = [](int, const v1::TailLogsRequest&, auto& writer) {
    writer.Write(Chunk(0, 0, "one\n"));
    v1::LogChunk late = Chunk(0, 100, "two\n", true);
    late.set_missing_bytes(96);
    writer.Write(late);
    return grpc::Status::OK;
  };
  const Result result = Run({"logs", "-f", "lrti-a"});
  EXPECT_EQ(result.code, 100);
  EXPECT_EQ(result.out, "one\ntwo\n");
  EXPECT_THAT(result.err, HasSubstr("gap of 96 bytes"));
  EXPECT_THAT(result.err, Not(HasSubstr("complete")));
  EXPECT_EQ(Run({"logs", "-f", "lrti-none"}).code, 102);
  EXPECT_EQ(Run({"logs", "lrti-none"}).code, 1);
}

TEST_F(Commands, CtrlCEndsAStreamThatIsSilent) {
  coordinator_.Put("lrti-a", "RUNNING");
  coordinator_.tail_logs = [](int, const v1::TailLogsRequest&, auto& writer) {
    writer.Write(Chunk(0, 0, "one\n"));
    while (writer.Write(Chunk(0, 4, ""))) absl::SleepFor(absl::Milliseconds(5));
    return grpc::Status(grpc::CANCELLED, "the reader left");
  };
  on_out_ = [this](const std::string& out) {
    if (out == "one\n") interrupt_.Ask();
  };
  const Result result = Run({"logs", "-f", "lrti-a"});
  EXPECT_EQ(result.code, 130);
  EXPECT_THAT(result.err, HasSubstr("lrti-a goes on"));
}

TEST_F(Commands, AStreamThatWasOpenForLongMayBreakThoughNothingCame) {
  Console console;
  console.out = console.err = [](std::string_view) {};
  Session session(
      console, [](const std::string&) { return std::string(); }, interrupt_);
  int reads = 0;
  const auto read = [&] {
    if (++reads > 1) return absl::OkStatus();
    absl::SleepFor(absl::Milliseconds(20));
    return absl::UnavailableError("going away");
  };
  const absl::Duration least = absl::Milliseconds(10);
  const absl::Status status = KeepReading(
      session, read, [] { return false; }, /*away_max=*/least, /*connected_least=*/least);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(Commands, MetricsAreJsonLines) {
  coordinator_.Put("lrti-a", "SUCCEEDED");
  EXPECT_EQ(Run({"metrics", "lrti-a"}).out, "{\"event\":\"step\"}\n");
}

TEST_F(Commands, ControlVerbsChangeEachJobAndKeepTheFirstError) {
  coordinator_.Put("lrti-a", "RUNNING");
  coordinator_.Put("lrti-b", "RUNNING");
  const Result cancelled = Run({"cancel", "lrti-a", "lrti-none", "lrti-b"});
  EXPECT_EQ(cancelled.code, 1);
  EXPECT_THAT(cancelled.err,
              AllOf(HasSubstr("lrti-none: no job"), HasSubstr("lrti-b name-lrti-b is CANCELLED")));
  EXPECT_EQ(Run({"pause", "lrti-a"}).code, 0);
  const Result refused = Run({"resume", "lrti-a"});
  EXPECT_EQ(refused.code, 5);
  EXPECT_THAT(refused.err, HasSubstr("only PAUSED jobs can be resumed"));
  const Result priority = Run({"priority", "70", "lrti-a", "-o", "json"});
  EXPECT_EQ(nlohmann::json::parse(priority.out)[0]["priority"], 70);
  EXPECT_EQ(Run({"priority", "101", "lrti-a"}).code, 2);
}

TEST_F(Commands, AgentsQueuesAndUsageAreListed) {
  v1::Agent& agent = *coordinator_.agents.add_agents();
  agent.set_id("host");
  agent.set_state("ready");
  v1::Gpu& gpu = *agent.add_gpus();
  gpu.set_uuid("GPU-1");
  gpu.set_model("H200");
  gpu.set_state("free");
  EXPECT_THAT(Run({"agents", "ls"}).out, HasSubstr("host   ready     1        1  1 x H200"));
  EXPECT_THAT(Run({"agents", "ls", "--devices", "-o", "csv"}).out, HasSubstr("GPU-1,host,H200"));
  EXPECT_THAT(Run({"agents", "drain", "host", "-m", "new disk"}).err,
              HasSubstr("host is draining"));
  v1::Queue& queue = *coordinator_.queues.add_queues();
  queue.set_name("default");
  queue.set_pending(3);
  (*queue.mutable_pending_by_reason())["WaitingForGpus"] = 3;
  EXPECT_THAT(Run({"queues"}).out, HasSubstr("3 WaitingForGpus"));
  v1::GetUsageResponse::Row& row = *coordinator_.usage.add_rows();
  row.set_key("demo");
  row.set_allocated_gpu_seconds(86400 * 2);
  row.set_productive_gpu_seconds(86400);
  EXPECT_THAT(Run({"usage", "--since", "30d"}).out,
              AllOf(HasSubstr("project"), HasSubstr("2.00"), HasSubstr("50%")));
  EXPECT_EQ(Run({"usage", "--by", "moon"}).code, 2);
}

TEST_F(Commands, EventsAreTheNewestOnes) {
  for (uint64_t seq = 1; seq <= 5; ++seq) {
    v1::Transition transition;
    transition.set_seq(seq);
    transition.set_job("lrti-a");
    transition.set_to("RUNNING");
    coordinator_.transitions.push_back(transition);
  }
  EXPECT_EQ(Run({"events", "--limit", "2", "-o", "name"}).out, "4\n5\n");
  EXPECT_EQ(Run({"events", "lrti-a", "--limit", "3", "-o", "name"}).out, "3\n4\n5\n");
}

TEST_F(Commands, TopWithoutATerminalIsOneScreen) {
  v1::Job& job = coordinator_.Put("lrti-a", "RUNNING");
  job.mutable_progress()->set_step(50);
  job.mutable_progress()->set_iterations(100);
  coordinator_.Put("lrti-b", "PENDING").set_pending_reason("WaitingForGpus");
  v1::Queue& queue = *coordinator_.queues.add_queues();
  queue.set_running(1);
  queue.set_pending(1);
  const Result result = Run({"top"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("1 running, 1 waiting"), HasSubstr("50%"),
                                HasSubstr("WaitingForGpus"), Not(HasSubstr("\x1b"))));
}

TEST_F(Commands, TopShowsWhatRunsHoweverManyWait) {
  for (int i = 0; i < 300; ++i) coordinator_.Put(fmt::format("lrti-{:03}", i), "PENDING");
  coordinator_.Put("lrti-old", "RUNNING");
  v1::Queue& queue = *coordinator_.queues.add_queues();
  queue.set_running(1);
  queue.set_pending(300);
  EXPECT_THAT(Run({"top"}).out,
              AllOf(HasSubstr("1 running, 300 waiting"), HasSubstr("\nlrti-old")));
}

TEST(TopScreen, CutsColouredLinesAtTheEdgeToo) {
  v1::Job job;
  job.set_id("lrti-a");
  job.set_state("RUNNING");
  job.set_pending_reason(std::string(100, 'x'));
  const std::string screen = TopScreen({job}, v1::ListAgentsResponse(), v1::ListQueuesResponse(),
                                       absl::UnixEpoch(), {.width = 60}, /*color=*/true);
  EXPECT_THAT(screen, HasSubstr("…\x1b[0m\n"));
  std::istringstream lines(std::regex_replace(screen, std::regex("\x1b\\[[0-9]*m"), ""));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(Characters(line), 60U) << line;
}

TEST_F(Commands, TableHasARowForEachJobOfAGroup) {
  ASSERT_TRUE(MakeFolders(folder_ / "run").ok());
  Write("run/results.json",
        R"({"step":8,"sets":{"unseen":{"psnr":31.57,"ssim":0.91,"bicubic_psnr":30.76,
        "bicubic_ssim":0.9,"channel":"rgb"}}})");
  for (const char* id : {"lrti-a", "lrti-b"}) {
    v1::Job& job = coordinator_.Put(id, "SUCCEEDED");
    job.set_group("ablation");
    job.set_config(kJob);
    job.set_gpu_seconds(86400);
    job.set_run_dir(folder_ / (id == std::string("lrti-a") ? "run" : "none"));
  }
  const Result result = Run({"table", "ablation"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("method"), HasSubstr("\nbicubic"),
                                HasSubstr("31.57 / 0.9100"), HasSubstr("1.00")));
  EXPECT_THAT(result.err, HasSubstr("lrti-b (SUCCEEDED) has no results here"));
  for (const char* verb : {"table", "compare"}) {
    EXPECT_EQ(Run({verb, "ablation", "-o", "name"}).out, "lrti-b\nlrti-a\n");
  }
}

TEST_F(Commands, NobodyThereIsCode3WithTheNextStep) {
  const auto nobody = FreeAddress("127.0.0.1:0");
  ASSERT_TRUE(nobody.ok());
  const Result result = RunAlone({"list", "--coordinator", *nobody});
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("error: coordinator at " + *nobody), HasSubstr("next: lrti-ctl up")));
  EXPECT_EQ(RunAlone({"list", "--coordinator", "nowhere"}).code, 2);
}

TEST_F(Commands, MissingCertificatesAndTokensAreBadSettings) {
  variables_["LRTI_SECURITY_TOKEN_FILE"] = folder_ / "token";
  const Result without_token = Run({"list"});
  EXPECT_EQ(without_token.code, 2);
  EXPECT_THAT(without_token.err, AllOf(HasSubstr("/token"), Not(HasSubstr("next:"))));
  variables_ = {{"LRTI_SECURITY_CA", folder_ / "ca.pem"},
                {"LRTI_SECURITY_CERTIFICATE", folder_ / "client.pem"},
                {"LRTI_SECURITY_KEY", folder_ / "client.key"}};
  const Result without_ca = Run({"list"});
  EXPECT_EQ(without_ca.code, 2);
  EXPECT_THAT(without_ca.err, AllOf(HasSubstr("/ca.pem"), Not(HasSubstr("next:"))));
}

TEST_F(Commands, ACallThatTheCoordinatorDoesNotKnowIsThatOfAnotherVersion) {
  const Result result = Run({"agents", "undrain", "gpu1"});  // the test's coordinator has no such
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("of another version"), HasSubstr("lrti-ctl version")));
}

TEST_F(Commands, BadFlagsAreCode2AndHelpIsNot) {
  EXPECT_EQ(Run({"list", "--nonsense"}).code, 2);
  EXPECT_EQ(Run({}).code, 2);
  EXPECT_EQ(Run({"agents"}).code, 2);
  const Result help = RunAlone({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("Begin with:"), Not(HasSubstr("__complete"))));
  EXPECT_EQ(RunAlone({"--version"}).out, "lrti-ctl 0.1.0\n");
}

TEST_F(Commands, QuietLeavesDataAndErrors) {
  coordinator_.Put("lrti-a", "RUNNING");
  const Result sent = Run({"submit", "-q", Write("job.yaml", kJob)});
  EXPECT_EQ(sent.out, "lrti-job1\n");
  EXPECT_EQ(sent.err, "");
  EXPECT_THAT(Run({"get", "-q", "lrti-none"}).err, StartsWith("error: "));
}

TEST_F(Commands, ConfigViewTellsOrigins) {
  variables_["LRTI_OUTPUT"] = "csv";
  const Result result = Run({"config", "view", "--origin"});
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("coordinator," + coordinator_.address() + ",flag\n"),
                    HasSubstr("output,csv,$LRTI_OUTPUT\n"), HasSubstr("timeout,10s,default\n")));
  EXPECT_THAT(RunAlone({"config", "view"}).out, HasSubstr("coordinator: \"127.0.0.1:7430\"\n"));
  EXPECT_EQ(RunAlone({"config", "view", "-o", "name"}).out.substr(0, 12), "coordinator\n");
  EXPECT_EQ(RunAlone({"config", "path"}).out, folder_ / ".config/lrti/config.yaml\n");
}

TEST_F(Commands, LoginStoresTheTokenForItsOwnerAndTriesIt) {
  const Result result = Run({"login", "--token-file", Write("token", "lrti_secret\n")});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("takes it"));
  EXPECT_EQ(*ReadFile(folder_ / ".config/lrti/token", 100), "lrti_secret\n");
  EXPECT_EQ(Run({"list"}).code, 0);
}

TEST_F(Commands, CheckpointsOfARunDirectoryNeedNoCoordinator) {
  ASSERT_TRUE(MakeFolders(folder_ / "run/checkpoints/step-00000010").ok());
  const Result listed = RunAlone({"checkpoints", "ls", folder_ / "run"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("manifest.json"));
  EXPECT_EQ(RunAlone({"checkpoints", "verify", folder_ / "run"}).code, 1);
  EXPECT_EQ(RunAlone({"checkpoints", "gc", folder_ / "run"}).code, 2);
  EXPECT_EQ(RunAlone({"checkpoints", "gc", "-n", folder_ / "run"}).code, 0);
}

TEST_F(Commands, CompletionOffersVerbsFlagsAndLiveJobs) {
  coordinator_.Put("lrti-a", "RUNNING");
  EXPECT_EQ(Run({"__complete", "jobs"}).out, "lrti-a\n");
  const auto nobody = FreeAddress("127.0.0.1:0");
  const Result silent = RunAlone({"__complete", "jobs", "--coordinator", *nobody});
  EXPECT_EQ(silent.out + silent.err, "");
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = RunAlone({"completion", shell}).out;
    EXPECT_THAT(script, AllOf(HasSubstr("lrti-ctl __complete jobs"), HasSubstr("undrain"),
                              HasSubstr("follow")))
        << shell;
  }
}

TEST_F(Commands, VersionNamesBothSides) {
  EXPECT_THAT(Run({"version"}).out,
              AllOf(StartsWith("lrti-ctl 0.1.0\n"), HasSubstr("lrti-coordinator 0.1.0")));
}

TEST_F(Commands, DownOfWhatIsNotUpIsFine) {
  EXPECT_THAT(RunAlone({"down", "--state", folder_ / "state"}).err, HasSubstr("It was not up."));
}

}  // namespace
}  // namespace lrti::ctl
