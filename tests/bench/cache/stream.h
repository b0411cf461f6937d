#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/open_file.h"
#include "tests/bench/cache/child.h"

namespace lrti::bench {

/// A blocking connection without any protocol of ours: what the others are measured with.
class Stream {
 public:
  /// Tries for some seconds: a server may be starting.
  static absl::StatusOr<Stream> ToPort(uint16_t port);
  static absl::StatusOr<Stream> ToPath(const std::string& path);

  absl::Status Send(std::span<const std::byte> bytes);
  absl::Status Send(std::string_view text);

  /// Exactly as many, straight to where they go.
  absl::Status Receive(std::span<std::byte> bytes);

  /// Up to "\r\n", which is taken but not returned.
  absl::StatusOr<std::string> Line();

  int fd() const { return file_.fd(); }

 private:
  explicit Stream(OpenFile file) : file_(std::move(file)) {}

  OpenFile file_;
  std::string ahead_;  // read along with a line
};

/// Redis' GET and SET, the value read to where it goes.
absl::Status RedisSet(Stream& redis, const std::string& key, std::span<const std::byte> value);
absl::Status RedisGet(Stream& redis, const std::string& key, std::span<std::byte> value);

/// Those of memcached's text protocol.
absl::Status MemcachedSet(Stream& cache, const std::string& key, std::span<const std::byte> value);
absl::Status MemcachedGet(Stream& cache, const std::string& key, std::span<std::byte> value);

/// A pair of sockets and nothing else, over loopback TCP: `get` asks a process for so many bytes of
/// its memory, `put` sends them there and waits for its word.
absl::StatusOr<std::pair<Child, uint16_t>> StartRawServer(size_t memory_bytes);
absl::Status RawGet(Stream& raw, std::span<std::byte> room);
absl::Status RawPut(Stream& raw, std::span<const std::byte> bytes);

}  // namespace lrti::bench
