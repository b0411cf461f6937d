#include "tests/bench/coordinator/swarm.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "lrti/v1/coordinator.grpc.pb.h"
#include "lrti/v1/worker.grpc.pb.h"
#include "tests/bench/coordinator/latencies.h"

namespace lrti::bench {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(30);

std::string JobText(int64_t number, int64_t gpus) {
  return fmt::format(
      "apiVersion: lrti/v1\nkind: TrainingJob\nmetadata: {{name: bench-{}}}\nspec:\n"
      "  data: {{train: {{path: /data/REDS/train_sharp}}}}\n"
      "  train: {{global_batch: {}}}\n  resources: {{gpus: {}, priority: {}}}\n",
      number, gpus, gpus, number % 100);
}

/// Runs `work(thread)` in threads; the first error ends them all soon.
absl::Status InThreads(int64_t threads, const std::function<absl::Status(int64_t)>& work) {
  std::vector<absl::Status> results(static_cast<size_t>(threads));
  {
    std::vector<std::jthread> running;
    for (int64_t i = 0; i < threads; ++i) {
      running.emplace_back([&, i] { results[static_cast<size_t>(i)] = work(i); });
    }
  }
  for (const absl::Status& result : results) LRTI_RETURN_IF_ERROR(result);
  return absl::OkStatus();
}

nlohmann::json Report(const Latencies& latencies, double seconds) {
  return {{"calls", latencies.count()},
          {"per_second", static_cast<double>(latencies.count()) / seconds},
          {"p50_ms", latencies.Quantile(0.5)},
          {"p99_ms", latencies.Quantile(0.99)}};
}

/// An agent with devices, which does what it is told at once and says so next time.
class FakeAgent {
 public:
  FakeAgent(std::string name, int64_t devices) {
    request_.set_agent(name);
    request_.set_incarnation(static_cast<uint64_t>(absl::ToUnixMicros(absl::Now())));
    request_.set_address("127.0.0.1");
    request_.set_version("bench");
    for (int64_t i = 0; i < devices; ++i) {
      v1::Device& device = *request_.add_devices();
      device.set_uuid(fmt::format("GPU-{}-{}", name, i));
      device.set_model("H200");
      device.set_memory_bytes(uint64_t{140} << 30);
      device.set_state("free");
    }
  }

  absl::Status Sync(v1::Agents::Stub& stub, Latencies& latencies, const Clock& clock) {
    grpc::ClientContext context;
    rpc::Prepare(context, kDeadline, "");
    v1::SyncResponse response;
    const absl::Duration begin = clock.Steady();
    const grpc::Status status = stub.Sync(&context, request_, &response);
    latencies.Add(clock.Steady() - begin);
    LRTI_RETURN_IF_ERROR(rpc::FromGrpc(status));
    Obey(response);
    return absl::OkStatus();
  }

 private:
  void Obey(const v1::SyncResponse& response) {
    request_.clear_attempts();
    for (v1::Device& device : *request_.mutable_devices()) device.set_state("free");
    for (const v1::Assignment& assignment : response.assignments()) {
      const bool ends = assignment.order() != v1::Assignment::RUN;
      v1::AttemptReport& attempt = *request_.add_attempts();
      attempt.set_job(assignment.job());
      attempt.set_attempt(assignment.attempt());
      attempt.set_rendezvous("127.0.0.1:29500");
      attempt.set_gone(ends);
      int64_t& step = steps_[assignment.job()];
      if (!ends) ++step;
      for (const v1::RankPlace& place : assignment.ranks()) {
        v1::RankReport& rank = *attempt.add_ranks();
        rank.set_rank(place.rank());
        rank.set_device(place.device());
        rank.set_state(ends ? "exited" : "running");
        rank.set_step(step);
        rank.set_iterations(300'000);
        rank.set_phase("forward_backward");
        if (ends) rank.mutable_exit()->set_end_reason("STOPPED");
        for (v1::Device& device : *request_.mutable_devices()) {
          if (!ends && device.uuid() == place.device()) device.set_state("busy");
        }
      }
    }
  }

  v1::SyncRequest request_;
  std::map<std::string, int64_t> steps_;
};

}  // namespace

absl::StatusOr<nlohmann::json> RunSubmit(const SubmitLoad& load) {
  const SystemClock clock;
  const std::string run = std::to_string(absl::ToUnixMicros(absl::Now()));
  std::atomic<int64_t> next = 0;
  Latencies latencies;
  const absl::Duration begin = clock.Steady();
  const absl::Status submitted = InThreads(load.threads, [&](int64_t) -> absl::Status {
    LRTI_ASSIGN_OR_RETURN(const auto channel, rpc::MakeChannel(load.coordinator, {}));
    const auto stub = v1::Coordinator::NewStub(channel);
    for (int64_t number = next++; number < load.jobs; number = next++) {
      if (load.rate > 0) {
        const absl::Duration due = absl::Seconds(static_cast<double>(number) / load.rate);
        absl::SleepFor(due - (clock.Steady() - begin));
      }
      grpc::ClientContext context;
      rpc::Prepare(context, kDeadline, "");
      v1::SubmitJobRequest request;
      request.set_request_id(fmt::format("{}-{}", run, number));
      request.set_config(JobText(number, load.gpus));
      request.set_hold(load.hold);
      v1::Job job;
      const absl::Duration sent = clock.Steady();
      LRTI_RETURN_IF_ERROR(rpc::FromGrpc(stub->SubmitJob(&context, request, &job)));
      latencies.Add(clock.Steady() - sent);
    }
    return absl::OkStatus();
  });
  LRTI_RETURN_IF_ERROR(submitted);
  return Report(latencies, absl::ToDoubleSeconds(clock.Steady() - begin));
}

absl::StatusOr<nlohmann::json> RunAgents(const AgentLoad& load) {
  const SystemClock clock;
  std::vector<FakeAgent> agents;
  for (int64_t i = 0; i < load.agents; ++i) {
    agents.emplace_back(fmt::format("host-{:04}", i), load.devices);
  }
  Latencies latencies;
  std::atomic<int64_t> late = 0;
  const absl::Duration begin = clock.Steady();
  const absl::Duration end = begin + absl::Seconds(load.seconds);
  const absl::Status reported = InThreads(load.threads, [&](int64_t thread) -> absl::Status {
    LRTI_ASSIGN_OR_RETURN(const auto channel, rpc::MakeChannel(load.coordinator, {}));
    const auto stub = v1::Agents::NewStub(channel);
    for (absl::Duration round = clock.Steady(); round < end; round += absl::Seconds(1)) {
      for (int64_t i = thread; i < load.agents; i += load.threads) {
        LRTI_RETURN_IF_ERROR(agents[static_cast<size_t>(i)].Sync(*stub, latencies, clock));
      }
      const absl::Duration left = round + absl::Seconds(1) - clock.Steady();
      if (left < absl::ZeroDuration()) {
        ++late;
        round = clock.Steady() - absl::Seconds(1);
      }
      absl::SleepFor(left);
    }
    return absl::OkStatus();
  });
  LRTI_RETURN_IF_ERROR(reported);
  nlohmann::json report = Report(latencies, absl::ToDoubleSeconds(clock.Steady() - begin));
  report["late_rounds"] = late.load();  // of a thread's agents: they could not report each second
  return report;
}

}  // namespace lrti::bench
