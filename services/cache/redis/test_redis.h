#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/base/open_file.h"
#include "common/base/test_files.h"

namespace lrti::cache {

/// For tests: looks again and again whether something came true; false when it did not in time.
inline bool Eventually(const std::function<bool()>& true_now,
                       std::chrono::milliseconds longest = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + longest;
  while (!true_now()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// For tests: a real redis-server on a Unix socket of its own folder, with the config that a cache
/// node's second tier is meant to have; `more` goes behind it.
class TestRedis {
 public:
  explicit TestRedis(std::vector<std::string> more = {}) : more_(std::move(more)) { Start(); }
  ~TestRedis() { Kill(); }
  TestRedis(const TestRedis&) = delete;
  TestRedis& operator=(const TestRedis&) = delete;

  std::string endpoint() const { return "unix:" + path(); }
  std::string path() const { return folder_ / "redis.sock"; }

  /// As before, but empty.
  void Start() {
    std::vector<std::string> words = {"redis-server",
                                      "--port",
                                      "0",
                                      "--unixsocket",
                                      path(),
                                      "--dir",
                                      folder_.path(),
                                      "--save",
                                      "",
                                      "--appendonly",
                                      "no",
                                      "--maxmemory",
                                      "256mb",
                                      "--maxmemory-policy",
                                      "allkeys-lru",
                                      "--lazyfree-lazy-eviction",
                                      "yes",
                                      "--lazyfree-lazy-expire",
                                      "yes",
                                      "--client-output-buffer-limit",
                                      "normal 64mb 32mb 10",
                                      "--maxmemory-clients",
                                      "5%"};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string log = folder_ / "log";
    process_ = ::fork();
    LRTI_CHECK(process_ >= 0);
    if (process_ == 0) {
      const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(file, STDOUT_FILENO);
      ::dup2(file, STDERR_FILENO);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    LRTI_CHECK(Eventually([this] { return Command("PING").starts_with("+PONG"); }));
  }

  void Signal(int signal) const { LRTI_CHECK(::kill(process_, signal) == 0); }

  void Kill() {
    if (process_ <= 0) return;
    Signal(SIGKILL);
    LRTI_CHECK(::waitpid(process_, nullptr, 0) == process_);
    process_ = 0;
  }

  /// Sends one command as a line of words and answers what comes back, at most 64 KiB of it.
  std::string Command(const std::string& words) const {
    const OpenFile socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    if (::connect(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      return "";
    }
    const std::string line = words + "\r\n";
    if (::send(socket.fd(), line.data(), line.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(line.size())) {
      return "";
    }
    std::string answer(64 << 10, '\0');
    const ssize_t bytes = ::recv(socket.fd(), answer.data(), answer.size(), 0);
    answer.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
    return answer;
  }

 private:
  TemporaryFolder folder_;
  std::vector<std::string> more_;
  pid_t process_ = 0;
};

}  // namespace lrti::cache
