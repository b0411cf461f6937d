#include "train/collective/connect.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <torch/torch.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <utility>

#include "common/base/open_file.h"
#include "common/base/status.h"
#include "train/collective/gloo.h"
#include "train/collective/nccl.h"

namespace lrti::train {
namespace {

using c10d::ProcessGroup;

constexpr size_t kBroadcastBytes = size_t{250} << 20;  // of tensors sent together

/// Ranks in processes, through a c10d process group.
class GroupCollective final : public Collective {
 public:
  GroupCollective(const Ranks& ranks, c10::intrusive_ptr<ProcessGroup> group)
      : rank_(ranks.rank), world_size_(ranks.world_size), group_(std::move(group)) {}

  ~GroupCollective() override {
    if (abandoned_) (void)group_.release();
  }

  int64_t rank() const override { return rank_; }
  int64_t world_size() const override { return world_size_; }
  ProcessGroup* group() override { return group_.get(); }
  void Abandon() override { abandoned_ = true; }

  absl::Status Broadcast(const std::vector<at::Tensor>& tensors) override {
    try {
      const torch::NoGradGuard no_grad;
      c10d::broadcast_coalesced(group_, tensors, kBroadcastBytes, /*rank=*/0);
    } catch (const std::exception& error) {
      return LostRank(error);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<double>> Sum(std::vector<double> values) override {
    try {
      std::vector<at::Tensor> sums = {
          torch::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kDouble)};
      group_->allreduce(sums)->wait();
    } catch (const std::exception& error) {
      return LostRank(error);
    }
    return values;
  }

 private:
  const int64_t rank_, world_size_;
  c10::intrusive_ptr<ProcessGroup> group_;
  bool abandoned_ = false;
};

/// The address by which this machine reaches `host`: that of the interface which leads there.
absl::StatusOr<std::string> AddressTowards(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  if (const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found); error != 0) {
    return Error(absl::StatusCode::kUnavailable, "MASTER_ADDR: '{}': {}", host,
                 ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  // Connecting a datagram socket sends nothing, and binds it to the interface.
  const OpenFile socket(::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage own{};
  socklen_t size = sizeof(own);
  std::array<char, NI_MAXHOST> text{};
  if (!socket.valid() || ::connect(socket.fd(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&own), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return Error(absl::StatusCode::kUnavailable, "MASTER_ADDR: no way to '{}': {}", host,
                 std::strerror(errno));
  }
  return std::string(text.data());
}

c10::intrusive_ptr<c10d::Store> OpenStore(const Ranks& ranks, absl::Duration timeout) {
  c10d::TCPStoreOptions options;
  options.port = ranks.master_port;
  options.isServer = ranks.first();
  options.numWorkers = static_cast<size_t>(ranks.world_size);
  options.timeout = absl::ToChronoMilliseconds(timeout);
  options.masterListenFd = ranks.store_fd;
  auto store = c10::make_intrusive<c10d::TCPStore>(ranks.master_address, options);
  return c10::make_intrusive<c10d::PrefixStore>(fmt::format("attempt/{}", ranks.attempt), store);
}

absl::StatusOr<c10::intrusive_ptr<ProcessGroup>> MakeGroup(const Ranks& ranks,
                                                           const c10::Device& device,
                                                           const std::string& address,
                                                           const Patience& patience) {
  const auto store = OpenStore(ranks, patience.connect);
  auto group = c10::make_intrusive<ProcessGroup>(store, static_cast<int>(ranks.rank),
                                                 static_cast<int>(ranks.world_size));
  const auto within = [&](const char* name) {
    return c10::make_intrusive<c10d::PrefixStore>(name, store);
  };
  auto gloo = MakeGloo(within("gloo"), ranks.rank, ranks.world_size, address, patience.exchange);
  group->setBackend(c10::kCPU, ProcessGroup::BackendType::GLOO, std::move(gloo));
  group->setDefaultBackend(ProcessGroup::BackendType::GLOO);
  if (device.is_cuda()) {
    LRTI_ASSIGN_OR_RETURN(auto nccl, MakeNccl(within("nccl"), ranks.rank, ranks.world_size, device,
                                              patience.exchange));
    group->setBackend(c10::kCUDA, ProcessGroup::BackendType::NCCL, std::move(nccl));
    group->setDefaultBackend(ProcessGroup::BackendType::NCCL);
  }
  return group;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Collective>> Connect(const Ranks& ranks, const c10::Device& device,
                                                    const Patience& patience) {
  if (ranks.alone()) return std::make_unique<LocalCollective>();
  LRTI_ASSIGN_OR_RETURN(const std::string address,
                        AddressTowards(ranks.master_address, ranks.master_port));
  try {
    LRTI_ASSIGN_OR_RETURN(auto group, MakeGroup(ranks, device, address, patience));
    return std::make_unique<GroupCollective>(ranks, std::move(group));
  } catch (const std::exception& error) {
    return Prefixed(LostRank(error),
                    fmt::format("rank {} of {}: meeting the others at {}:{} within {}", ranks.rank,
                                ranks.world_size, ranks.master_address, ranks.master_port,
                                absl::FormatDuration(patience.connect)));
  }
}

}  // namespace lrti::train
