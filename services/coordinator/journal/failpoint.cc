#include "services/coordinator/journal/failpoint.h"

#include <csignal>
#include <cstdlib>
#include <string>

#include "common/base/mutex.h"

namespace lrti::coordinator {
namespace {

struct Setting {
  std::string name;
  int64_t left = 0;  // calls until it happens; 0: never
};

/// `name[:n]:kill`; anything else does nothing.
Setting Parse(std::string_view text) {
  constexpr std::string_view kKill = ":kill";
  if (!text.ends_with(kKill)) return {};
  text.remove_suffix(kKill.size());
  const size_t colon = text.find(':');
  Setting setting{std::string(text.substr(0, colon)), 1};
  if (colon != std::string_view::npos) {
    setting.left = std::atoll(std::string(text.substr(colon + 1)).c_str());
  }
  return setting;
}

class Failpoints {
 public:
  Failpoints() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this program writes the environment
    if (const char* text = std::getenv("LRTI_FAILPOINT")) setting_ = Parse(text);
  }

  void Set(std::string_view text) {
    MutexLock lock(mutex_);
    setting_ = Parse(text);
  }

  void Reach(std::string_view name) {
    MutexLock lock(mutex_);
    if (setting_.left == 0 || setting_.name != name) return;
    if (--setting_.left == 0) std::raise(SIGKILL);
  }

 private:
  Mutex mutex_;
  Setting setting_ ABSL_GUARDED_BY(mutex_);
};

Failpoints& All() {
  static Failpoints failpoints;
  return failpoints;
}

}  // namespace

void Failpoint(std::string_view name) { All().Reach(name); }

void SetFailpoint(std::string_view setting) { All().Set(setting); }

}  // namespace lrti::coordinator
