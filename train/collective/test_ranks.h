#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/base/open_file.h"
#include "train/collective/connect.h"

namespace lrti::train {

/// For tests: `count` ranks as threads of this process, which meet on a port of the loopback. Each
/// gives its group away, and may end it before the others have. Returns when all have returned.
inline void AsRanks(int64_t count,
                    const std::function<void(std::unique_ptr<Collective> group)>& rank_of_group) {
  OpenFile listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  LRTI_CHECK(::bind(listening.fd(), any, size) == 0 && ::listen(listening.fd(), 16) == 0 &&
             ::getsockname(listening.fd(), any, &size) == 0);
  const int fd = listening.Release();  // the store of rank 0 closes it

  std::vector<std::jthread> threads;
  for (int64_t rank = 0; rank < count; ++rank) {
    Ranks ranks{.rank = rank,
                .world_size = count,
                .local_rank = rank,
                .local_world_size = count,
                .master_address = "127.0.0.1",
                .master_port = ntohs(address.sin_port)};
    if (rank == 0) ranks.store_fd = fd;
    threads.emplace_back(
        [ranks, &rank_of_group] { rank_of_group(Connect(ranks, c10::kCPU).value()); });
  }
}

}  // namespace lrti::train
