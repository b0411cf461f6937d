#pragma once

#include <grpcpp/support/status.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "common/base/mutex.h"
#include "common/rpc/status.h"

namespace lrti::rpc {

/// How often each method ended with each code of gRPC, by their names. Thread-safe.
class Calls {
 public:
  using Counts = std::map<std::pair<std::string, std::string>, uint64_t>;

  void Count(const std::string& method, grpc::StatusCode code) {
    MutexLock lock(mutex_);
    ++counts_[{method, CodeName(code)}];
  }

  Counts Get() const {
    MutexLock lock(mutex_);
    return counts_;
  }

 private:
  mutable Mutex mutex_;
  Counts counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lrti::rpc
