#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "train/formats/byte_reader.h"
#include "train/formats/safetensors_header.h"

// The first 8 bytes: how many bytes of data the file has; the rest: the header.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lrti::formats;
  ByteReader reader({reinterpret_cast<const char*>(data), size});
  uint64_t data_bytes = 0;
  std::string_view text;
  if (!reader.Read(data_bytes) || !reader.ReadBytes(reader.left(), text)) return 0;
  const auto header = ParseHeader(std::string(text), data_bytes);
  if (!header.ok()) return 0;

  uint64_t end = 0;
  for (const TensorEntry& entry : header->entries) {
    auto bytes = static_cast<uint64_t>(BytesOf(entry.dtype));
    for (const int64_t length : entry.shape) bytes *= static_cast<uint64_t>(length);
    LRTI_CHECK(entry.begin == end && entry.end == end + bytes);
    end = entry.end;
  }
  LRTI_CHECK(end == data_bytes);

  // What was read can be written, and reads the same.
  const auto again = ParseHeader(HeaderText(*header), data_bytes);
  LRTI_CHECK(again.ok());
  LRTI_CHECK(again->metadata == header->metadata);
  LRTI_CHECK(again->entries.size() == header->entries.size());
  return 0;
}
