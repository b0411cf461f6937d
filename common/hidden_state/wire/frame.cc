#include "common/hidden_state/wire/frame.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/status.h"

namespace lrti::wire {
namespace {

enum class Field : uint8_t { kNo, kMay, kMust };
using enum Field;

// Which fields a type has.
struct Rules {
  std::string_view name;
  Field meta;
  Field payload;
  Field request;
  Field deadline;
  bool item;
  bool offset;
  Field outcome;
};

// In the order of the enumerators.
constexpr Rules kRules[] = {
    // name            meta   payload request deadline item  offset outcome
    {"HELLO", kMust, kNo, kNo, kMust, false, false, kNo},
    {"HELLO_ACK", kMust, kNo, kNo, kNo, false, false, kNo},
    {"PUT_BEGIN", kMust, kMay, kMust, kMust, false, false, kNo},
    {"PUT_GRANT", kMust, kNo, kMust, kNo, false, false, kNo},
    {"PUT_DATA", kNo, kMust, kMust, kMay, true, true, kNo},
    {"PUT_DONE", kMust, kNo, kMust, kNo, false, false, kNo},
    {"PUT_ABORT", kNo, kNo, kMust, kNo, false, false, kMay},
    {"GET", kMust, kNo, kMust, kMust, false, false, kNo},
    {"GET_ITEM", kMay, kNo, kMust, kNo, true, false, kMay},
    {"GET_DATA", kNo, kMust, kMust, kNo, true, true, kNo},
    {"GET_END", kNo, kNo, kMust, kNo, false, false, kMay},
    {"CANCEL", kNo, kNo, kMust, kNo, false, false, kNo},
    {"CREDIT", kMust, kNo, kNo, kNo, false, false, kNo},
    {"PING", kNo, kNo, kMust, kMay, false, false, kNo},
    {"PONG", kNo, kNo, kMust, kNo, false, false, kNo},
    {"INVALIDATE", kMust, kNo, kMust, kMust, false, false, kNo},
    {"INVALIDATE_ACK", kNo, kNo, kMust, kNo, false, false, kNo},
    {"GOAWAY", kNo, kNo, kNo, kNo, false, false, kMay},
    {"ERROR", kMust, kNo, kMay, kNo, false, false, kMust},
    {"POOL", kMust, kNo, kNo, kNo, false, false, kNo},
    {"LOCATE", kMust, kNo, kMust, kMust, false, false, kNo},
    {"PLACE", kMay, kNo, kMust, kNo, true, false, kMay},
    {"LEASE", kMust, kNo, kMust, kMust, false, false, kNo},
    {"RELEASE", kMust, kNo, kNo, kNo, false, false, kNo},
};
static_assert(std::size(kRules) == static_cast<size_t>(FrameType::kRelease));

const Rules& RulesOf(FrameType type) { return kRules[static_cast<size_t>(type) - 1]; }

absl::Status CheckField(const Rules& rules, std::string_view field, Field rule, uint64_t value) {
  if (rule == kNo && value != 0) {
    return DataLoss("{} frame: it has no {}, but that is {}", rules.name, field, value);
  }
  if (rule == kMust && value == 0) return DataLoss("{} frame: its {} is zero", rules.name, field);
  return absl::OkStatus();
}

absl::Status CheckMost(std::string_view field, uint64_t value, uint64_t most) {
  if (value <= most) return absl::OkStatus();
  return DataLoss("frame: {} is {}, beyond {}", field, value, most);
}

absl::Status CheckBounds(const FrameHeader& header) {
  LRTI_RETURN_IF_ERROR(CheckMost("flags", header.flags, kMustUnderstand));
  LRTI_RETURN_IF_ERROR(CheckMost("meta length", header.meta_bytes, kMetaBytesMax));
  LRTI_RETURN_IF_ERROR(CheckMost("payload length", header.payload_bytes, kChunkBytes));
  LRTI_RETURN_IF_ERROR(CheckMost("deadline", header.deadline_us, kDeadlineUsMax));
  LRTI_RETURN_IF_ERROR(CheckMost("item", header.item, std::max(kItemsMax, kKeysMax) - 1));
  LRTI_RETURN_IF_ERROR(CheckMost("status", static_cast<uint32_t>(header.outcome), kOutcomes - 1));
  return CheckMost("offset", header.offset, kItemBytesMax - header.payload_bytes);
}

absl::Status CheckFields(const FrameHeader& header) {
  const Rules& rules = RulesOf(header.type);
  const auto flag = [](bool has) { return has ? kMay : kNo; };
  const std::pair<std::string_view, std::pair<Field, uint64_t>> fields[] = {
      {"meta length", {rules.meta, header.meta_bytes}},
      {"payload length", {rules.payload, header.payload_bytes}},
      {"request id", {rules.request, header.request}},
      {"deadline", {rules.deadline, header.deadline_us}},
      {"item", {flag(rules.item), header.item}},
      {"offset", {flag(rules.offset), header.offset}},
      {"status", {rules.outcome, static_cast<uint32_t>(header.outcome)}},
      {"payload CRC", {flag(header.payload_bytes != 0), header.payload_crc}},
  };
  for (const auto& [name, field] : fields) {
    LRTI_RETURN_IF_ERROR(CheckField(rules, name, field.first, field.second));
  }
  if (header.offset % kChunkBytes != 0) {
    return DataLoss("{} frame: offset {} is no multiple of {}", rules.name, header.offset,
                    kChunkBytes);
  }
  return absl::OkStatus();
}

absl::Status Check(const FrameHeader& header) {
  LRTI_RETURN_IF_ERROR(CheckBounds(header));
  if (Known(header.type)) return CheckFields(header);
  if ((header.flags & kMustUnderstand) == 0) return absl::OkStatus();
  return DataLoss("frame: type {} is not known and must be understood",
                  static_cast<uint8_t>(header.type));
}

constexpr size_t kCrcAt = 8;

uint32_t HeaderCrc(std::span<const std::byte, kHeaderBytes> bytes) {
  constexpr std::byte kZero[sizeof(uint32_t)] = {};
  const ByteView all = bytes;
  uint32_t crc = Crc32c(all.first(kCrcAt));
  crc = Crc32c(kZero, crc);
  return Crc32c(all.subspan(kCrcAt + sizeof(uint32_t)), crc);
}

}  // namespace

bool Known(FrameType type) { return type >= FrameType::kHello && type <= FrameType::kRelease; }

std::string_view NameOf(FrameType type) { return Known(type) ? RulesOf(type).name : "unknown"; }

HeaderBytes EncodeHeader(const FrameHeader& header) {
  LRTI_CHECK(Known(header.type) && Check(header).ok());
  Writer writer;
  writer.Add(kMagic).Add(kVersion).Add(header.type).Add(header.flags).Add(uint32_t{0});
  writer.Add(header.meta_bytes).Add(header.payload_bytes).Add(header.request);
  writer.Add(header.deadline_us).Add(header.item).Add(header.outcome).Add(header.offset);
  writer.Add(header.payload_crc).Add(uint32_t{0});
  const Bytes written = writer.Take();
  HeaderBytes bytes;
  LRTI_CHECK(written.size() == bytes.size());
  std::ranges::copy(written, bytes.begin());
  const uint32_t crc = HeaderCrc(bytes);
  std::memcpy(bytes.data() + kCrcAt, &crc, sizeof crc);
  return bytes;
}

absl::StatusOr<FrameHeader> DecodeHeader(std::span<const std::byte, kHeaderBytes> bytes) {
  Reader reader(bytes);
  if (const auto magic = reader.Take<uint32_t>(); magic != kMagic) {
    return DataLoss("frame: magic {:#010x}, not {:#010x}: the peer speaks something else", magic,
                    kMagic);
  }
  if (const auto version = reader.Take<uint8_t>(); version != kVersion) {
    return DataLoss("frame: version {}, not {}", version, kVersion);
  }
  FrameHeader header;
  header.type = static_cast<FrameType>(reader.Take<uint8_t>());
  header.flags = reader.Take<uint16_t>();
  if (reader.Take<uint32_t>() != HeaderCrc(bytes)) {
    return DataLoss("frame: header CRC does not agree with the header");
  }
  header.meta_bytes = reader.Take<uint32_t>();
  header.payload_bytes = reader.Take<uint64_t>();
  header.request = reader.Take<uint64_t>();
  header.deadline_us = reader.Take<uint64_t>();
  header.item = reader.Take<uint32_t>();
  header.outcome = static_cast<Outcome>(reader.Take<uint32_t>());
  header.offset = reader.Take<uint64_t>();
  header.payload_crc = reader.Take<uint32_t>();
  if (const auto zero = reader.Take<uint32_t>(); zero != 0) {
    return DataLoss("frame: the last four bytes are {:#x}, not zero", zero);
  }
  LRTI_CHECK(reader.ok() && reader.left() == 0);
  LRTI_RETURN_IF_ERROR(Check(header));
  return header;
}

absl::Status CheckPlace(const FrameHeader& header, uint64_t item_bytes) {
  if (header.offset % kChunkBytes != 0 || header.offset >= item_bytes) {
    return DataLoss("frame: offset {} is no chunk of an item of {} bytes", header.offset,
                    item_bytes);
  }
  const uint64_t bytes = std::min(kChunkBytes, item_bytes - header.offset);
  if (header.payload_bytes == bytes) return absl::OkStatus();
  return DataLoss("frame: payload length {}, where the chunk at {} of {} bytes has {}",
                  header.payload_bytes, header.offset, item_bytes, bytes);
}

}  // namespace lrti::wire
