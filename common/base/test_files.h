#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/base/check.h"
#include "common/base/files.h"

namespace lrti {

/// For tests: an empty folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    path_ = (std::filesystem::temp_directory_path() / "lrti-XXXXXX").string();
    LRTI_CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ~TemporaryFolder() {
    std::error_code ignored;  // what a test left open or locked is no failure of the test
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// For tests: what is in a file of at most 16 MiB, which is there.
inline std::string Content(const std::string& path) { return ReadFile(path, 1 << 24).value(); }

/// For tests: no file of this process can grow beyond `bytes` while the object lives. The nearest
/// thing to a full disk that needs no rights: the kernel cuts a write short, then refuses.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uint64_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    LRTI_CHECK(::getrlimit(RLIMIT_FSIZE, &old_) == 0);
    struct rlimit limit = old_;
    limit.rlim_cur = bytes;
    LRTI_CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    LRTI_CHECK(::setrlimit(RLIMIT_FSIZE, &old_) == 0);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  struct rlimit old_ {};
  void (*old_handler_)(int) = nullptr;
};

}  // namespace lrti
