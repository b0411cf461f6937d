#include "tests/bench/cache/child.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "common/base/check.h"
#include "common/base/open_file.h"
#include "common/base/status.h"

namespace lrti::bench {

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

absl::StatusOr<std::pair<Child, uint16_t>> Child::Fork(
    const std::function<void(const Ready& ready)>& serve) {
  std::array<int, 2> pipe{};
  LRTI_CHECK(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  const OpenFile from(pipe[0]);
  OpenFile to(pipe[1]);
  const pid_t pid = ::fork();
  LRTI_CHECK(pid >= 0);
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Pin(Side::kServer);
    serve([&](uint16_t port) { LRTI_CHECK(::write(to.fd(), &port, sizeof port) == sizeof port); });
    ::_exit(1);
  }
  Child child(pid);
  to = OpenFile();
  uint16_t port = 0;
  if (::read(from.fd(), &port, sizeof port) != sizeof port) {
    return Error(absl::StatusCode::kInternal, "a server of the benchmark ended at once");
  }
  return std::pair(std::move(child), port);
}

absl::StatusOr<Child> Child::Run(const std::vector<std::string>& command) {
  const pid_t pid = ::fork();
  LRTI_CHECK(pid >= 0);
  if (pid > 0) return Child(pid);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Pin(Side::kServer);
  const int nowhere = ::open("/dev/null", O_RDWR);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

void Pin(Side side) {
  if (std::thread::hardware_concurrency() < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(side == Side::kClient ? 0 : 1, &set);
  LRTI_CHECK(::sched_setaffinity(0, sizeof set, &set) == 0);
}

bool IsInstalled(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

uint16_t FreePort() {
  const OpenFile file(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  LRTI_CHECK(::bind(file.fd(), any, size) == 0 && ::getsockname(file.fd(), any, &size) == 0);
  return ntohs(address.sin_port);
}

}  // namespace lrti::bench
