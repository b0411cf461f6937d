#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/base/check.h"
#include "services/cache/redis/resp_reader.h"

namespace lrti::cache {
namespace {

// Values that lie alone on the heap, so that a byte beyond one is seen.
struct Seen {
  std::vector<std::vector<std::byte>> values;
  std::vector<RespReader::Answer> answers;
  bool sound = true;

  bool operator==(const Seen&) const = default;
};

// Reads `text` as answers to GETs of values of 0, 1, 2, ... bytes, `piece` bytes at a time.
Seen Read(std::span<const std::byte> text, size_t piece) {
  Seen seen;
  RespReader reader;
  for (size_t i = 0; i < 8; ++i) seen.values.emplace_back(i * i);
  for (std::vector<std::byte>& value : seen.values) reader.Expect(value);
  while (!text.empty() && seen.sound) {
    size_t taken = 0;
    for (const std::span<std::byte>& space : reader.Space()) {
      const size_t bytes = std::min({space.size(), piece - taken, text.size() - taken});
      if (bytes > 0) std::memcpy(space.data(), text.data() + taken, bytes);
      taken += bytes;
    }
    LRTI_CHECK(taken > 0);
    seen.sound = reader.Received(taken).ok();
    text = text.subspan(taken);
    while (auto answer = reader.Next()) seen.answers.push_back(*std::move(answer));
  }
  LRTI_CHECK(seen.answers.size() + reader.pending() == seen.values.size());
  return seen;
}

}  // namespace
}  // namespace lrti::cache

// However the bytes are cut into reads, they are the same answers.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lrti::cache;
  const auto text = std::as_bytes(std::span(data, size));
  const Seen whole = Read(text, SIZE_MAX);
  for (const size_t piece : {size_t{1}, size_t{7}}) {
    const Seen pieces = Read(text, piece);
    LRTI_CHECK(pieces.sound == whole.sound && pieces.answers == whole.answers);
    if (whole.sound) LRTI_CHECK(pieces.values == whole.values);
  }
  return 0;
}
