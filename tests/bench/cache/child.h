#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::bench {

/// A process beside this one, killed with the object, and by the system if this one dies first.
class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept : pid_(other.pid_) { other.pid_ = -1; }
  Child& operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  ~Child();

  /// Runs `serve`, which does not return, in a copy of this process. It says by `ready` where it
  /// listens; that is returned with it. REQUIRES: no other thread in this process.
  /// Errors: Internal when it ends before that.
  using Ready = std::function<void(uint16_t port)>;
  static absl::StatusOr<std::pair<Child, uint16_t>> Fork(
      const std::function<void(const Ready& ready)>& serve);

  /// Runs a program, found by PATH, with its output thrown away.
  static absl::StatusOr<Child> Run(const std::vector<std::string>& command);

 private:
  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
};

/// Keeps this process, or with `pid` another, on one processor, where there are several: clients on
/// the first, servers on the second.
enum class Side : uint8_t { kClient, kServer };
void Pin(Side side);

/// Whether a program of this name is found by PATH.
bool IsInstalled(const std::string& program);

/// A TCP port of loopback that is free now.
uint16_t FreePort();

}  // namespace lrti::bench
