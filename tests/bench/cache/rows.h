#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::bench {

/// One thing that is measured: an operation, called again and again.
struct Row {
  std::string name;
  uint64_t state_bytes = 0;  // 0: of no size
  uint64_t bytes = 0;        // that one operation moves; 0: only its time counts
  std::function<absl::Status()> operate;
  std::function<absl::StatusOr<double>()> own_speed = nullptr;  // bytes a second, as others measure
};

/// The servers, what lies in them, and the rows over them.
class Setup {
 public:
  struct Options {
    std::vector<uint64_t> state_bytes;
    uint64_t pool_bytes = 0;  // of states of each size in each server, and of each ring
  };

  /// Starts everything. Redis and memcached have rows only where they are installed.
  static absl::StatusOr<std::unique_ptr<Setup>> Start(const Options& options);
  ~Setup();

  const std::vector<Row>& rows() const;
  std::string others() const;  // servers that are not ours, as words

 private:
  struct Parts;
  explicit Setup(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lrti::bench
