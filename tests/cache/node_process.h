#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "tests/cache/test_cluster.h"

namespace lrti::cache {

/// For tests: a node in a process of its own, that can be stopped, continued and killed. Start it
/// while this process has no other thread.
class NodeProcess {
 public:
  NodeProcess(const TemporaryFolder& folder, const std::string& name, Path path,
              uint64_t pool_bytes = uint64_t{64} << 20, uint16_t port = 0) {
    std::array<int, 2> pipe{};
    LRTI_CHECK(::pipe(pipe.data()) == 0);
    endpoint_.name = name;
    if (path == Path::kTcp) endpoint_.host = "127.0.0.1";
    if (path == Path::kUnix) endpoint_.path = folder / (name + ".sock");
    pid_ = ::fork();
    LRTI_CHECK(pid_ >= 0);
    if (pid_ == 0) Serve(pipe[1], path, pool_bytes, port);
    const OpenFile read_end(pipe[0]);
    ::close(pipe[1]);
    const ssize_t got = ::read(read_end.fd(), &endpoint_.port, sizeof endpoint_.port);
    LRTI_CHECK(got == sizeof endpoint_.port);  // else it has said why it did not start
  }
  ~NodeProcess() { Kill(); }
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

  const client::Endpoint& endpoint() const { return endpoint_; }

  void Stop() {
    Signal(SIGSTOP);
    LRTI_CHECK(::waitpid(pid_, nullptr, WUNTRACED) == pid_);
  }
  void Continue() { Signal(SIGCONT); }

  /// It is gone when this returns.
  void Kill() {
    if (pid_ < 0) return;
    Signal(SIGKILL);
    LRTI_CHECK(::waitpid(pid_, nullptr, 0) == pid_);
    pid_ = -1;
  }

 private:
  void Signal(int signal) { LRTI_CHECK(::kill(pid_, signal) == 0); }

  [[noreturn]] void Serve(int ready, Path path, uint64_t pool_bytes, uint16_t port) const {
    LRTI_CHECK(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    NodeOptions options;
    options.listen = path == Path::kTcp ? "127.0.0.1:" + std::to_string(port) : "";
    options.unix_path = endpoint_.path;
    options.engine.pool_bytes = pool_bytes;
    const auto node = Node::Start(options);
    if (!node.ok()) std::fprintf(stderr, "%s\n", Message(node.status()).c_str());
    if (!node.ok()) ::_exit(1);
    const uint16_t bound = (*node)->port();
    LRTI_CHECK(::write(ready, &bound, sizeof bound) == sizeof bound);
    while (true) ::pause();
  }

  client::Endpoint endpoint_;
  pid_t pid_ = -1;
};

}  // namespace lrti::cache
