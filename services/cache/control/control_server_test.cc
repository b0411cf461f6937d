#include "services/cache/control/control_server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "common/base/status.h"
#include "lrti/v1/cache.grpc.pb.h"

namespace lrti::cache {
namespace {

using testing::HasSubstr;

// A real server on a port of its own, and a real channel to it.
class Control : public testing::Test {
 protected:
  void SetUp() override {
    auto engine = Engine::Create({.pool_bytes = 8 << 20, .open_jobs = false});
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
    auto server = ControlServer::Start(
        {.self = {.incarnation = 77, .endpoint = "127.0.0.1:7070", .unix_path = "/run/a.sock"}},
        *engine_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(fmt::format("127.0.0.1:{}", server_->port()),
                                   grpc::InsecureChannelCredentials());
    cache_ = v1::Cache::NewStub(channel_);
  }

  static void Limit(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  }

  grpc::Status Register(uint64_t job, const std::string& token,
                        const std::vector<uint64_t>& sizes = {}) {
    grpc::ClientContext context;
    Limit(context);
    v1::RegisterJobRequest request;
    request.set_job(job);
    request.set_token(token);
    request.mutable_state_bytes()->Add(sizes.begin(), sizes.end());
    v1::RegisterJobResponse response;
    return cache_->RegisterJob(&context, request, &response);
  }

  grpc::Status Advance(uint64_t job, bool with_rule) {
    grpc::ClientContext context;
    Limit(context);
    v1::AdvanceStepRequest request;
    request.set_job(job);
    if (with_rule) request.mutable_now()->set_staleness_steps_max(-1);
    v1::AdvanceStepResponse response;
    return cache_->AdvanceStep(&context, request, &response);
  }

  v1::StatsResponse Stats() {
    grpc::ClientContext context;
    Limit(context);
    v1::StatsResponse response;
    EXPECT_TRUE(cache_->Stats(&context, {}, &response).ok());
    return response;
  }

  // Sends the bytes of one message to a method and answers those of the first one that comes back.
  std::string Ask(const std::string& method, const std::string& request) {
    grpc::ClientContext context;
    Limit(context);
    grpc::CompletionQueue queue;
    grpc::GenericStub stub(channel_);
    const auto call = stub.PrepareCall(&context, method, &queue);
    const auto wait = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      EXPECT_TRUE(queue.Next(&tag, &ok));
      return ok;
    };
    call->StartCall(nullptr);
    EXPECT_TRUE(wait());
    const grpc::Slice slice(request);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    EXPECT_TRUE(wait());
    grpc::ByteBuffer answer;
    call->Read(&answer, nullptr);
    EXPECT_TRUE(wait());
    grpc::Status status;
    call->Finish(&status, nullptr);
    EXPECT_TRUE(wait());
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<grpc::Slice> slices;
    EXPECT_TRUE(answer.Dump(&slices).ok());
    std::string text;
    for (const grpc::Slice& it : slices) {
      text.append(reinterpret_cast<const char*>(it.begin()), it.size());
    }
    return text;
  }

  // What grpc.health.v1 answers for a service: HealthCheckRequest{service = 1: string},
  // HealthCheckResponse{status = 1: 1 SERVING, 2 NOT_SERVING}.
  int Health(const std::string& service) {
    const std::string request =
        "\x0a" + std::string(1, static_cast<char>(service.size())) + service;
    const std::string answer = Ask("/grpc.health.v1.Health/Check", request);
    EXPECT_TRUE(answer.size() == 2 && answer[0] == '\x08');
    return answer.back();
  }

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ControlServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Cache::Stub> cache_;
};

TEST_F(Control, RegistersJobsWithTheirTokenAndSizes) {
  EXPECT_TRUE(Register(5, "secret", {4096, 8192}).ok());
  EXPECT_TRUE(Register(5, "secret", {4096, 8192}).ok());
  EXPECT_EQ(Stats().jobs(), 1u);
  const wire::Hello hello{.job = 5, .client = 1, .token = "secret"};
  const Engine::Joined joined = engine_->Join(hello, 1);
  EXPECT_EQ(joined.outcome, wire::Outcome::kOk);
  EXPECT_EQ(Stats().clients(), 1u);
  engine_->Leave(joined.lane);
  EXPECT_EQ(engine_->Join({.job = 5, .client = 1, .token = "other"}, 1).outcome,
            wire::Outcome::kWrongToken);
}

TEST_F(Control, RefusesWhatCannotBeWithItsCode) {
  EXPECT_EQ(Register(5, "").error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(Register(5, std::string(257, 'x')).error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(Register(5, "x", {uint64_t{1} << 40}).error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(Register(5, "x", std::vector<uint64_t>(65, 4096)).error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(Register(5, "x", std::vector<uint64_t>(100'000, uint64_t{1} << 60)).error_code(),
            grpc::RESOURCE_EXHAUSTED);  // a message beyond its bound
  EXPECT_EQ(Advance(6, true).error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(Stats().jobs(), 0u);
}

TEST_F(Control, AdvancesJobsThatItKnows) {
  ASSERT_TRUE(Register(5, "secret").ok());
  EXPECT_TRUE(Advance(5, true).ok());
  EXPECT_EQ(Advance(5, false).error_code(), grpc::INVALID_ARGUMENT);
}

TEST_F(Control, InvalidatesAlsoWhatItDoesNotKnow) {
  grpc::ClientContext context;
  Limit(context);
  v1::InvalidateRequest request;
  request.set_job(99);
  v1::InvalidateResponse response;
  EXPECT_TRUE(cache_->Invalidate(&context, request, &response).ok());
}

TEST_F(Control, StatsSayWhatTheNodeIs) {
  const v1::StatsResponse stats = Stats();
  EXPECT_EQ(stats.incarnation(), 77u);
  EXPECT_FALSE(stats.draining());
  EXPECT_GE(stats.pool_bytes(), uint64_t{8} << 20);
  EXPECT_EQ(stats.states(), 0u);
}

TEST_F(Control, ListsJobsWithTheirClients) {
  ASSERT_TRUE(Register(5, "secret").ok());
  ASSERT_TRUE(Register(3, "secret").ok());
  const Engine::Joined joined = engine_->Join({.job = 5, .client = 1, .token = "secret"}, 1);
  grpc::ClientContext context;
  Limit(context);
  v1::ListCacheJobsResponse response;
  ASSERT_TRUE(cache_->ListJobs(&context, {}, &response).ok());
  ASSERT_EQ(response.jobs_size(), 2);
  EXPECT_EQ(response.jobs(0).job(), 3u);
  EXPECT_EQ(response.jobs(0).clients(), 0u);
  EXPECT_EQ(response.jobs(1).clients(), 1u);
  EXPECT_EQ(response.jobs(1).states(), 0u);
  engine_->Leave(joined.lane);
}

TEST_F(Control, DrainIsSeenByWatchersAndHealth) {
  grpc::ClientContext watching;
  Limit(watching);
  const auto members = cache_->WatchMembership(&watching, {});
  v1::Membership seen;
  ASSERT_TRUE(members->Read(&seen));
  EXPECT_EQ(seen.epoch(), 1u);
  ASSERT_EQ(seen.nodes_size(), 1);
  EXPECT_EQ(seen.nodes(0).incarnation(), 77u);
  EXPECT_EQ(seen.nodes(0).endpoint(), "127.0.0.1:7070");
  EXPECT_EQ(seen.nodes(0).unix_path(), "/run/a.sock");
  EXPECT_EQ(seen.nodes(0).weight(), 1);
  EXPECT_EQ(Health("lrti.v1.Cache"), 1);
  EXPECT_EQ(Health(""), 1);

  grpc::ClientContext context;
  Limit(context);
  v1::DrainResponse response;
  ASSERT_TRUE(cache_->Drain(&context, {}, &response).ok());
  ASSERT_TRUE(members->Read(&seen));
  EXPECT_EQ(seen.epoch(), 2u);
  EXPECT_EQ(seen.nodes(0).weight(), 0);
  EXPECT_TRUE(Stats().draining());
  EXPECT_EQ(Health("lrti.v1.Cache"), 2);
}

TEST_F(Control, WatchersLearnThatTheNodeEnds) {
  grpc::ClientContext watching;
  Limit(watching);
  const auto members = cache_->WatchMembership(&watching, {});
  v1::Membership seen;
  ASSERT_TRUE(members->Read(&seen));
  server_.reset();
  EXPECT_FALSE(members->Read(&seen));
  EXPECT_EQ(members->Finish().error_code(), grpc::UNAVAILABLE);
}

TEST_F(Control, OneWatcherTooManyIsRefusedAndOneThatLeftMakesRoom) {
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::Membership>> members;
  };
  v1::Membership seen;
  std::vector<std::unique_ptr<Watch>> watches;
  for (size_t i = 0; i < ControlServer::kWatchersMax; ++i) {
    auto watch = std::make_unique<Watch>();
    Limit(watch->context);
    watch->members = cache_->WatchMembership(&watch->context, {});
    ASSERT_TRUE(watch->members->Read(&seen)) << i;
    watches.push_back(std::move(watch));
  }
  const auto one_more = [&] {
    grpc::ClientContext context;
    Limit(context);
    const auto members = cache_->WatchMembership(&context, {});
    if (members->Read(&seen)) {
      context.TryCancel();
      return true;
    }
    EXPECT_EQ(members->Finish().error_code(), grpc::RESOURCE_EXHAUSTED);
    return false;
  };
  EXPECT_FALSE(one_more());
  for (const auto& watch : watches) watch->context.TryCancel();
  for (const auto& watch : watches) {
    EXPECT_EQ(watch->members->Finish().error_code(), grpc::CANCELLED);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool there = false;
  while (!there && std::chrono::steady_clock::now() < end) there = one_more();
  EXPECT_TRUE(there);
}

TEST_F(Control, ReflectionNamesTheServices) {
  const std::string list_services = "\x3a\x01*";  // ServerReflectionRequest{list_services = 7}
  EXPECT_THAT(Ask("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", list_services),
              testing::AllOf(HasSubstr("lrti.v1.Cache"), HasSubstr("grpc.health.v1.Health")));
}

TEST_F(Control, CountsCallsByMethodAndCode) {
  ASSERT_TRUE(Register(5, "secret").ok());
  ASSERT_FALSE(Register(5, "").ok());
  Stats();
  const auto calls = server_->GetCalls();
  EXPECT_EQ(calls.at({"RegisterJob", "OK"}), 1u);
  EXPECT_EQ(calls.at({"RegisterJob", "InvalidArgument"}), 1u);
  EXPECT_EQ(calls.at({"Stats", "OK"}), 1u);
}

TEST_F(Control, ASecondNodeCannotShareThePort) {
  const std::string address = fmt::format("127.0.0.1:{}", server_->port());
  const auto second = ControlServer::Start({.listen = address}, *engine_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(second.status()), HasSubstr("control: cannot listen on " + address));
}

}  // namespace
}  // namespace lrti::cache
