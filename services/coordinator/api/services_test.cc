#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "common/base/files.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "common/rpc/status.h"
#include "lrti/v1/coordinator.grpc.pb.h"
#include "lrti/v1/worker.grpc.pb.h"
#include "services/coordinator/api/agents_service.h"
#include "services/coordinator/api/jobs_service.h"
#include "services/coordinator/journal/journal.h"

namespace lrti::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Config(const std::string& name, const std::string& project = "demo") {
  return fmt::format(
      "apiVersion: lrti/v1\nkind: TrainingJob\nmetadata: {{name: {}, project: {}}}\n"
      "spec: {{data: {{train: {{path: /data}}}}, train: {{global_batch: 2}}, "
      "resources: {{gpus: 2}}}}\n",
      name, project);
}

/// A real coordinator in this process: journal on disk, gRPC over loopback.
class ServicesTest : public ::testing::Test {
 protected:
  explicit ServicesTest(Access access = {}) : access_(std::move(access)) {
    journal_ = *Journal::Open(folder_.path());
    audit_.emplace(*Audit::Open(folder_ / "audit.jsonl"));
    engine_ = *Engine::Start(*journal_, clock_, {});
    const Parts parts{.engine = *engine_,
                      .spool = spool_,
                      .access = access_,
                      .audit = *audit_,
                      .clock = clock_,
                      .calls = calls_,
                      .version = "test",
                      .state_dir = folder_.path(),
                      .started = clock_.Now(),
                      .cache_endpoints = {"unix:/cache.sock"},
                      .cache_secret = "secret",
                      .streams_max = 2};
    jobs_service_ = MakeJobsService(parts);
    agents_service_ = MakeAgentsService(parts);
    server_ = *rpc::Server::Start({.listen = "127.0.0.1:0",
                                   .security = {},
                                   .services = {{"lrti.v1.Coordinator", jobs_service_.get()},
                                                {"lrti.v1.Agents", agents_service_.get()}}});
    const auto channel = *rpc::MakeChannel(fmt::format("127.0.0.1:{}", server_->port()), {});
    jobs_ = v1::Coordinator::NewStub(channel);
    agents_ = v1::Agents::NewStub(channel);
  }
  ~ServicesTest() override {
    engine_->Stop();
    server_.reset();
  }

  template <typename Response, typename Stub, typename Request>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, const std::string& token = "") {
    grpc::ClientContext context;
    rpc::Prepare(context, absl::Seconds(20), token);
    Response response;
    LRTI_RETURN_IF_ERROR(rpc::FromGrpc((stub.*method)(&context, request, &response)));
    return response;
  }

  absl::StatusOr<v1::Job> Submit(const std::string& request_id, const std::string& config,
                                 const std::string& token = "") {
    v1::SubmitJobRequest request;
    request.set_request_id(request_id);
    request.set_config(config);
    request.set_user("ada");
    return Call(*jobs_, &v1::Coordinator::Stub::SubmitJob, request, token);
  }

  absl::StatusOr<v1::Job> Cancel(const std::string& job, const std::string& token = "") {
    v1::JobRequest request;
    request.set_job(job);
    return Call(*jobs_, &v1::Coordinator::Stub::CancelJob, request, token);
  }

  /// A report of an agent with two CPU slots.
  v1::SyncRequest Report() {
    v1::SyncRequest report;
    report.set_agent("here");
    report.set_incarnation(1);
    report.set_address("127.0.0.1");
    for (const char* const uuid : {"cpu-0", "cpu-1"}) {
      v1::Device& device = *report.add_devices();
      device.set_uuid(uuid);
      device.set_model("cpu");
      device.set_state("free");
    }
    return report;
  }
  absl::StatusOr<v1::SyncResponse> Sync(const v1::SyncRequest& report,
                                        const std::string& token = "") {
    return Call(*agents_, &v1::Agents::Stub::Sync, report, token);
  }

  /// Reports until something is assigned.
  v1::Assignment Assigned(const v1::SyncRequest& report, const std::string& token = "") {
    for (int i = 0; i < 200; ++i) {
      const auto answer = Sync(report, token);
      EXPECT_TRUE(answer.ok()) << answer.status();
      if (answer.ok() && answer->assignments_size() > 0) return answer->assignments(0);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ADD_FAILURE() << "nothing was assigned";
    return {};
  }

  absl::StatusOr<v1::AppendSpoolResponse> Append(const std::string& job, int64_t attempt,
                                                 const std::string& data, bool complete) {
    v1::AppendSpoolRequest request;
    request.set_agent("here");
    request.set_job(job);
    request.set_attempt(attempt);
    request.set_stream(v1::AppendSpoolRequest::LOG);
    request.set_data(data);
    request.set_complete(complete);
    return Call(*agents_, &v1::Agents::Stub::AppendSpool, request);
  }

  const TemporaryFolder folder_;
  const SystemClock clock_;
  const Access access_;
  rpc::Calls calls_;
  SpoolStore spool_{folder_ / "logs", 1 << 20};
  std::unique_ptr<Journal> journal_;
  std::optional<Audit> audit_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<grpc::Service> jobs_service_, agents_service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::Coordinator::Stub> jobs_;
  std::unique_ptr<v1::Agents::Stub> agents_;
};

TEST_F(ServicesTest, TheSameRequestAgainIsTheSameJob) {
  const auto first = Submit("r1", Config("a"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->state(), "PENDING");
  EXPECT_EQ(first->user(), "ada");
  EXPECT_EQ(Submit("r1", Config("a"))->id(), first->id());
  EXPECT_TRUE(absl::IsAlreadyExists(Submit("r1", Config("b")).status()));
  EXPECT_NE(Submit("r2", Config("a"))->id(), first->id());
}

TEST_F(ServicesTest, ABadJobIsRefusedWithEveryFinding) {
  const auto refused = Submit("r1", "spec: {model: {typ: basicvsr}}");
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(Message(refused.status()), HasSubstr("metadata"));
  v1::ValidateJobRequest request;
  request.set_config("kind: Dance");
  const auto checked = Call(*jobs_, &v1::Coordinator::Stub::ValidateJob, request);
  EXPECT_GT(checked->findings_size(), 1);
  EXPECT_TRUE(absl::IsInvalidArgument(Submit("r1", std::string(2 << 20, '#')).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Submit("r1", std::string(100 << 20, '#')).status()));
}

TEST_F(ServicesTest, ListsByPageAndByState) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Submit(std::to_string(i), Config("a")).ok());
  v1::ListJobsRequest request;
  request.set_page_size(2);
  std::vector<int> pages;
  do {
    const auto page = Call(*jobs_, &v1::Coordinator::Stub::ListJobs, request);
    ASSERT_TRUE(page.ok()) << page.status();
    pages.push_back(page->jobs_size());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(pages, ElementsAre(2, 2, 1));
  request.add_states("FAILED");
  EXPECT_THAT(Call(*jobs_, &v1::Coordinator::Stub::ListJobs, request)->jobs(), SizeIs(0));
  request.add_states("DANCING");
  EXPECT_TRUE(
      absl::IsInvalidArgument(Call(*jobs_, &v1::Coordinator::Stub::ListJobs, request).status()));
}

TEST_F(ServicesTest, AnUnknownJobIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Cancel("lrti-nobody").status()));
  EXPECT_TRUE(absl::IsNotFound(Append("lrti-nobody", 1, "x", false).status()));
}

TEST_F(ServicesTest, AnAgentIsToldWhatToRunAndItsLogIsKept) {
  const auto job = Submit("r1", Config("a"));
  const v1::Assignment assignment = Assigned(Report());
  EXPECT_EQ(assignment.job(), job->id());
  EXPECT_EQ(assignment.order(), v1::Assignment::RUN);
  EXPECT_EQ(assignment.world_size(), 2);
  EXPECT_THAT(assignment.ranks(), SizeIs(2));
  EXPECT_THAT(assignment.cache_endpoints(), ElementsAre("unix:/cache.sock"));
  EXPECT_EQ(assignment.cache_token(), Sha256Hex("secret" + job->id()));

  EXPECT_EQ(Append(job->id(), 1, "hello\n", true)->have(), 6);
  EXPECT_TRUE(absl::IsNotFound(Append(job->id(), 2, "later", false).status()));
  grpc::ClientContext context;
  rpc::Prepare(context, absl::Seconds(20), "");
  v1::TailLogsRequest request;
  request.set_job(job->id());
  request.set_rank(-1);
  const auto reader = jobs_->TailLogs(&context, request);
  v1::LogChunk chunk;
  ASSERT_TRUE(reader->Read(&chunk));
  EXPECT_EQ(chunk.data(), "hello\n");
  EXPECT_TRUE(chunk.complete());
  EXPECT_FALSE(reader->Read(&chunk));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ServicesTest, WatchersSeeWhatIsAndWhatChanges) {
  const auto job = Submit("r1", Config("a"));
  grpc::ClientContext context;
  rpc::Prepare(context, absl::Seconds(20), "");
  const auto reader = jobs_->WatchJobs(&context, v1::WatchJobsRequest());
  v1::JobEvent event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.job().id(), job->id());
  const uint64_t version = event.version();
  ASSERT_TRUE(Cancel(job->id()).ok());
  while (event.job().state() != "CANCELLED") ASSERT_TRUE(reader->Read(&event));
  EXPECT_GT(event.version(), version);
  context.TryCancel();
  while (reader->Read(&event)) {
  }
  reader->Finish();
}

TEST_F(ServicesTest, StreamsLeaveRoomForOtherCalls) {
  ASSERT_TRUE(Submit("r1", Config("a")).ok());
  std::array<grpc::ClientContext, 3> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::JobEvent>>> readers;
  v1::JobEvent event;
  for (size_t i = 0; i < contexts.size(); ++i) {
    rpc::Prepare(contexts[i], absl::Seconds(20), "");
    readers.push_back(jobs_->WatchJobs(&contexts[i], v1::WatchJobsRequest()));
    EXPECT_EQ(readers[i]->Read(&event), i < 2);
  }
  EXPECT_EQ(readers[2]->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Submit("r2", Config("b")).ok());
  for (size_t i = 0; i < 2; ++i) {
    contexts[i].TryCancel();
    readers[i]->Finish();
  }
}

TEST_F(ServicesTest, ExplainSaysWhatToDo) {
  const auto job = Submit("r1", Config("a"));
  v1::JobRequest request;
  request.set_job(job->id().substr(0, 8));
  const auto why = Call(*jobs_, &v1::Coordinator::Stub::ExplainJob, request);
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_FALSE(why->reason().empty());
  EXPECT_FALSE(why->next_step().empty());
}

Access Tokens() {
  const auto line = [](const std::string& token, const std::string& rest) {
    return "sha256:" + Sha256Hex(token) + " " + rest + "\n";
  };
  return *Access::Parse(line("look", "viewer demo vera") + line("use", "user demo uma") +
                        line("other", "user elsewhere otto") + line("agent", "agent * here") +
                        line("any agent", "agent * *"));
}

class TokensTest : public ServicesTest {
 protected:
  TokensTest() : ServicesTest(Tokens()) {}
};

TEST_F(TokensTest, RolesAndProjectsDecide) {
  EXPECT_TRUE(absl::IsUnauthenticated(Submit("r", Config("a")).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Submit("r", Config("a"), "look").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Submit("r", Config("a"), "other").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Submit("r", Config("a"), "agent").status()));
  const auto job = Submit("r", Config("a"), "use");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->user(), "uma") << "the token's name counts, not the one that was claimed";
  v1::GetJobRequest get;
  get.set_job(job->id());
  EXPECT_TRUE(Call(*jobs_, &v1::Coordinator::Stub::GetJob, get, "look").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(
      Call(*jobs_, &v1::Coordinator::Stub::GetJob, get, "other").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Cancel(job->id(), "look").status()));
  EXPECT_TRUE(absl::IsUnauthenticated(Sync(Report()).status()));
  const auto audit = ReadFile(folder_ / "audit.jsonl", 1 << 20);
  EXPECT_THAT(*audit, HasSubstr("\"user\":\"vera\",\"verb\":\"CancelJob\",\"object\":\"" +
                                job->id() + "\",\"outcome\":\"PERMISSION_DENIED\""));
}

TEST_F(TokensTest, AnAgentSpeaksForItselfAlone) {
  EXPECT_TRUE(Sync(Report(), "agent").ok());
  v1::SyncRequest report = Report();
  report.set_agent("there");
  const absl::Status refused = Sync(report, "agent").status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_THAT(Message(refused), HasSubstr("token is for agent here, and this is agent there"));
  EXPECT_TRUE(Sync(report, "any agent").ok()) << "the user of its token is *";
}

TEST_F(TokensTest, AnAgentsJobsAreShownToWhoMaySeeThem) {
  const auto job = Submit("r", Config("a"), "use");
  ASSERT_TRUE(job.ok()) << job.status();
  Assigned(Report(), "agent");
  const auto job_of_gpu = [&](const std::string& token) {
    const auto listed =
        Call(*jobs_, &v1::Coordinator::Stub::ListAgents, v1::ListAgentsRequest(), token);
    return listed->agents(0).gpus(0).job();
  };
  EXPECT_EQ(job_of_gpu("look"), job->id());
  EXPECT_EQ(job_of_gpu("other"), "");
}

TEST_F(TokensTest, TheAuditNamesWhatNobodyKnownAskedForAndWithWhat) {
  v1::SetPriorityRequest priority;
  priority.set_job("lrti-abc");
  priority.set_priority(70);
  EXPECT_TRUE(absl::IsUnauthenticated(
      Call(*jobs_, &v1::Coordinator::Stub::SetPriority, priority, "wrong").status()));
  v1::AgentRequest drain;
  drain.set_agent("here");
  drain.set_message("a new disk");
  EXPECT_TRUE(absl::IsPermissionDenied(
      Call(*jobs_, &v1::Coordinator::Stub::DrainAgent, drain, "use").status()));
  const auto audit = ReadFile(folder_ / "audit.jsonl", 1 << 20);
  EXPECT_THAT(*audit, HasSubstr("\"user\":\"\",\"verb\":\"SetPriority\",\"object\":\"lrti-abc\","
                                "\"detail\":\"70\",\"outcome\":\"UNAUTHENTICATED\""));
  EXPECT_THAT(*audit, HasSubstr("\"object\":\"here\",\"detail\":\"a new disk\""));
}

}  // namespace
}  // namespace lrti::coordinator
