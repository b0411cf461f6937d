#pragma once

#include <string>
#include <thread>

#include "cli/ctl/output/console.h"
#include "common/base/mutex.h"

namespace lrti::ctl {

/// Says on a terminal what is waited for when it takes longer than 100 ms, and takes it back when
/// the wait is over. The console outlives it.
class Notice {
 public:
  Notice(const Console& console, std::string what);
  ~Notice();
  Notice(const Notice&) = delete;
  Notice& operator=(const Notice&) = delete;

 private:
  const Console& console_;
  Mutex mutex_;
  CondVar ended_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lrti::ctl
