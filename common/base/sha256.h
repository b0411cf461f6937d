#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct evp_md_ctx_st;

namespace lrti {

/// SHA-256 of bytes that arrive in pieces.
class Sha256 {
 public:
  Sha256();

  void Update(std::string_view bytes);

  /// 64 lower-case hex digits of all bytes so far. Call it once, last.
  std::string Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string Sha256Hex(std::string_view bytes);

/// What a file holds, in short.
struct FileDigest {
  uint64_t bytes = 0;
  std::string sha256;  // hex

  bool operator==(const FileDigest&) const = default;
};

/// Reads a whole file in bounded memory. Errors: as ReadFile in files.h.
absl::StatusOr<FileDigest> DigestFile(const std::string& path);

}  // namespace lrti
