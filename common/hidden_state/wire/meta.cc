#include "common/hidden_state/wire/meta.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <map>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::wire {
namespace {

using hidden_state::StateKey;

Bytes Sealed(Writer& writer) {
  Bytes bytes = writer.TakeSealed();
  LRTI_CHECK(bytes.size() <= kMetaBytesMax);
  return bytes;
}

absl::StatusOr<Reader> Open(std::string_view type, ByteView meta) {
  if (meta.size() > kMetaBytesMax) {
    return DataLoss("{}: meta of {} bytes, beyond {}", type, meta.size(), kMetaBytesMax);
  }
  const auto body = Unseal(meta);
  if (!body.ok()) return Prefixed(body.status(), std::string(type));
  return Reader(*body);
}

// Nothing missing and nothing over.
absl::Status Close(std::string_view type, const Reader& reader) {
  if (!reader.ok()) return DataLoss("{}: meta is cut", type);
  if (reader.left() > 0) return DataLoss("{}: {} bytes after its meta", type, reader.left());
  return absl::OkStatus();
}

absl::Status CheckCount(std::string_view type, uint64_t count, uint64_t least, uint64_t most) {
  if (count >= least && count <= most) return absl::OkStatus();
  return DataLoss("{}: count {} is not in {}..{}", type, count, least, most);
}

// A count and as many keys behind it, which must all be there before any room is made.
absl::StatusOr<std::vector<StateKey>> TakeKeys(std::string_view type, Reader& reader,
                                               uint64_t least) {
  const auto count = reader.Take<uint32_t>();
  LRTI_RETURN_IF_ERROR(CheckCount(type, count, least, kKeysMax));
  if (reader.left() != count * kKeyBytes) {
    return DataLoss("{}: {} bytes for {} keys of {}", type, reader.left(), count, kKeyBytes);
  }
  std::vector<StateKey> keys;
  keys.reserve(count);
  for (uint32_t i = 0; i < count; ++i) keys.push_back(TakeKey(reader));
  return keys;
}

void AddKeys(const std::vector<StateKey>& keys, Writer& writer) {
  LRTI_CHECK(keys.size() <= kKeysMax);
  writer.Add(static_cast<uint32_t>(keys.size()));
  for (const StateKey& key : keys) AddKey(key, writer);
}

bool Printable(char byte) { return byte >= ' ' && byte <= '~'; }

}  // namespace

Bytes Encode(const Hello& hello) {
  LRTI_CHECK(!hello.token.empty() && hello.token.size() <= kTokenBytesMax);
  Writer writer;
  writer.Add(hello.version_min).Add(hello.version_max).Add(hello.job).Add(hello.client);
  writer.Add(static_cast<uint16_t>(hello.token.size())).AddText(hello.token);
  return Sealed(writer);
}

absl::StatusOr<Hello> DecodeHello(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("HELLO", meta));
  Hello hello;
  hello.version_min = reader.Take<uint8_t>();
  hello.version_max = reader.Take<uint8_t>();
  hello.job = reader.Take<uint64_t>();
  hello.client = reader.Take<uint64_t>();
  const auto token_bytes = reader.Take<uint16_t>();
  if (!reader.ok()) return Close("HELLO", reader);
  if (hello.version_min == 0 || hello.version_min > hello.version_max) {
    return DataLoss("HELLO: versions {}..{} are no range", hello.version_min, hello.version_max);
  }
  if (token_bytes == 0 || token_bytes > kTokenBytesMax) {
    return DataLoss("HELLO: token of {} bytes is not in 1..{}", token_bytes, kTokenBytesMax);
  }
  const ByteView token = reader.TakeBytes(token_bytes);
  LRTI_RETURN_IF_ERROR(Close("HELLO", reader));
  hello.token.assign(reinterpret_cast<const char*>(token.data()), token.size());
  return hello;
}

bool SameToken(std::string_view token, std::string_view other) {
  return token.size() == other.size() && !token.empty() &&
         CRYPTO_memcmp(token.data(), other.data(), token.size()) == 0;
}

Bytes Encode(const HelloAck& ack) {
  Writer writer;
  writer.Add(ack.version).Add(ack.incarnation).Add(ack.credit_bytes).Add(ack.lanes_max);
  return Sealed(writer);
}

absl::StatusOr<HelloAck> DecodeHelloAck(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("HELLO_ACK", meta));
  HelloAck ack;
  ack.version = reader.Take<uint8_t>();
  ack.incarnation = reader.Take<uint64_t>();
  ack.credit_bytes = reader.Take<uint64_t>();
  ack.lanes_max = reader.Take<uint32_t>();
  LRTI_RETURN_IF_ERROR(Close("HELLO_ACK", reader));
  if (ack.version != kVersion) {
    return DataLoss("HELLO_ACK: version {} was not offered", ack.version);
  }
  if (ack.lanes_max == 0) return DataLoss("HELLO_ACK: no lane is allowed");
  return ack;
}

Bytes EncodePutBegin(const std::vector<Item>& items) {
  LRTI_CHECK(!items.empty() && items.size() <= kItemsMax);
  Writer writer;
  writer.Add(static_cast<uint32_t>(items.size()));
  for (const Item& item : items) AddItem(item, writer);
  return Sealed(writer);
}

absl::StatusOr<std::vector<absl::StatusOr<Item>>> DecodePutBegin(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("PUT_BEGIN", meta));
  const auto count = reader.Take<uint32_t>();
  LRTI_RETURN_IF_ERROR(CheckCount("PUT_BEGIN", count, 1, kItemsMax));
  if (reader.left() / kItemHeaderBytes < count) {
    return DataLoss("PUT_BEGIN: {} bytes hold no {} items", reader.left(), count);
  }
  std::vector<absl::StatusOr<Item>> items;
  items.reserve(count);
  std::map<StateKey, uint32_t> places;
  for (uint32_t i = 0; i < count; ++i) {
    auto taken = TakeItem(reader);
    if (!taken.ok()) return Prefixed(taken.status(), fmt::format("PUT_BEGIN: item {}", i));
    if (taken->ok()) {
      const auto [place, is_new] = places.emplace((*taken)->key, i);
      if (!is_new) *taken = InvalidArgument("item: its key is that of item {}", place->second);
    }
    items.push_back(*std::move(taken));
  }
  LRTI_RETURN_IF_ERROR(Close("PUT_BEGIN", reader));
  return items;
}

Bytes EncodeOutcomes(const std::vector<Outcome>& outcomes) {
  LRTI_CHECK(!outcomes.empty() && outcomes.size() <= kItemsMax);
  Writer writer;
  for (const Outcome outcome : outcomes) writer.Add(static_cast<uint8_t>(outcome));
  return Sealed(writer);
}

absl::StatusOr<std::vector<Outcome>> DecodeOutcomes(ByteView meta, size_t items) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("outcomes", meta));
  if (reader.left() != items) {
    return DataLoss("outcomes: {} for {} items", reader.left(), items);
  }
  std::vector<Outcome> outcomes;
  outcomes.reserve(items);
  while (reader.left() > 0) {
    const auto outcome = reader.Take<uint8_t>();
    if (outcome >= kOutcomes) return DataLoss("outcomes: {} is not known", outcome);
    outcomes.push_back(static_cast<Outcome>(outcome));
  }
  return outcomes;
}

Bytes Encode(const Get& get) {
  LRTI_CHECK(!get.keys.empty());
  Writer writer;
  writer.Add(get.rule.lineage).Add(get.rule.step).Add(get.rule.staleness_steps_max);
  AddKeys(get.keys, writer);
  return Sealed(writer);
}

absl::StatusOr<Get> DecodeGet(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("GET", meta));
  Get get;
  get.rule.lineage = reader.Take<uint64_t>();
  get.rule.step = reader.Take<uint64_t>();
  get.rule.staleness_steps_max = reader.Take<int64_t>();
  LRTI_ASSIGN_OR_RETURN(get.keys, TakeKeys("GET", reader, 1));
  LRTI_RETURN_IF_ERROR(Close("GET", reader));
  return get;
}

Bytes EncodeFound(const Item& item) {
  Writer writer;
  AddItem(item, writer);
  return Sealed(writer);
}

absl::StatusOr<Item> DecodeFound(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("GET_ITEM", meta));
  auto item = TakeItem(reader);
  if (!item.ok()) return Prefixed(item.status(), "GET_ITEM");
  LRTI_RETURN_IF_ERROR(Close("GET_ITEM", reader));
  if (!item->ok()) return DataLoss("GET_ITEM: {}", Message(item->status()));
  return *std::move(item);
}

Bytes EncodeStale(const hidden_state::Version& version) {
  Writer writer;
  AddVersion(version, writer);
  return Sealed(writer);
}

absl::StatusOr<hidden_state::Version> DecodeStale(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("GET_ITEM", meta));
  const hidden_state::Version version = TakeVersion(reader);
  LRTI_RETURN_IF_ERROR(Close("GET_ITEM", reader));
  return version;
}

Bytes EncodeCredit(uint64_t bytes) {
  LRTI_CHECK(bytes <= kItemBytesMax);
  Writer writer;
  writer.Add(bytes);
  return Sealed(writer);
}

absl::StatusOr<uint64_t> DecodeCredit(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("CREDIT", meta));
  const auto bytes = reader.Take<uint64_t>();
  LRTI_RETURN_IF_ERROR(Close("CREDIT", reader));
  if (bytes > kItemBytesMax) return DataLoss("CREDIT: {} bytes, beyond {}", bytes, kItemBytesMax);
  return bytes;
}

Bytes Encode(const Invalidate& invalidate) {
  Writer writer;
  writer.Add(invalidate.job);
  AddKeys(invalidate.keys, writer);
  return Sealed(writer);
}

absl::StatusOr<Invalidate> DecodeInvalidate(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("INVALIDATE", meta));
  Invalidate invalidate;
  invalidate.job = reader.Take<uint64_t>();
  LRTI_ASSIGN_OR_RETURN(invalidate.keys, TakeKeys("INVALIDATE", reader, 0));
  LRTI_RETURN_IF_ERROR(Close("INVALIDATE", reader));
  for (const StateKey& key : invalidate.keys) {
    if (key.job != invalidate.job) {
      return DataLoss("INVALIDATE: a key of job {}, not {}", key.job, invalidate.job);
    }
  }
  return invalidate;
}

Bytes Encode(const Pool& pool) {
  Writer writer;
  writer.Add(pool.pool_bytes).Add(pool.directory_bytes);
  return Sealed(writer);
}

absl::StatusOr<Pool> DecodePool(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("POOL", meta));
  Pool pool;
  pool.pool_bytes = reader.Take<uint64_t>();
  pool.directory_bytes = reader.Take<uint64_t>();
  LRTI_RETURN_IF_ERROR(Close("POOL", reader));
  if (pool.pool_bytes == 0 || pool.pool_bytes % kPageBytes != 0) {
    return DataLoss("POOL: {} bytes are no pages of {}", pool.pool_bytes, kPageBytes);
  }
  const uint64_t wanted = pool.pool_bytes / kPageBytes * sizeof(uint64_t);
  if (pool.directory_bytes == wanted) return pool;
  return DataLoss("POOL: a directory of {} bytes, where the pool needs {}", pool.directory_bytes,
                  wanted);
}

Bytes Encode(const Placed& placed) {
  LRTI_CHECK(placed.crcs.size() == ChunkCount(placed.item.bytes));
  Writer writer;
  writer.Add(placed.offset).Add(placed.generation);
  AddItem(placed.item, writer);
  writer.AddBytes(std::as_bytes(std::span(placed.crcs)));
  return Sealed(writer);
}

absl::StatusOr<Placed> DecodePlaced(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("PLACE", meta));
  Placed placed;
  placed.offset = reader.Take<uint64_t>();
  placed.generation = reader.Take<uint64_t>();
  auto item = TakeItem(reader);
  if (!item.ok()) return Prefixed(item.status(), "PLACE");
  if (!item->ok()) return DataLoss("PLACE: {}", Message(item->status()));
  placed.item = **std::move(item);
  if (placed.offset % kPageBytes != 0 || placed.generation == 0) {
    return DataLoss("PLACE: generation {} at {} is no place", placed.generation, placed.offset);
  }
  const uint64_t crcs = ChunkCount(placed.item.bytes);
  if (reader.left() != crcs * sizeof(uint32_t)) {
    return DataLoss("PLACE: {} bytes for {} CRCs", reader.left(), crcs);
  }
  placed.crcs.reserve(crcs);
  for (uint64_t i = 0; i < crcs; ++i) placed.crcs.push_back(reader.Take<uint32_t>());
  return placed;
}

Bytes EncodeRelease(const std::vector<LeasedPlace>& places) {
  LRTI_CHECK(!places.empty() && places.size() <= kKeysMax);
  Writer writer;
  writer.Add(static_cast<uint32_t>(places.size()));
  for (const LeasedPlace& place : places) writer.Add(place.offset).Add(place.generation);
  return Sealed(writer);
}

absl::StatusOr<std::vector<LeasedPlace>> DecodeRelease(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("RELEASE", meta));
  const auto count = reader.Take<uint32_t>();
  LRTI_RETURN_IF_ERROR(CheckCount("RELEASE", count, 1, kKeysMax));
  if (reader.left() != count * 2 * sizeof(uint64_t)) {
    return DataLoss("RELEASE: {} bytes for {} places of {}", reader.left(), count,
                    2 * sizeof(uint64_t));
  }
  std::vector<LeasedPlace> places(count);
  for (LeasedPlace& place : places) {
    place.offset = reader.Take<uint64_t>();
    place.generation = reader.Take<uint64_t>();
  }
  return places;
}

Bytes EncodeError(std::string_view text) {
  std::string shown(text.substr(0, kErrorTextBytesMax));
  std::ranges::replace_if(
      shown, [](char byte) { return !Printable(byte); }, '?');
  Writer writer;
  writer.AddText(shown);
  return Sealed(writer);
}

absl::StatusOr<std::string> DecodeError(ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(Reader reader, Open("ERROR", meta));
  if (reader.left() > kErrorTextBytesMax) {
    return DataLoss("ERROR: text of {} bytes, beyond {}", reader.left(), kErrorTextBytesMax);
  }
  const ByteView bytes = reader.TakeBytes(reader.left());
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!std::ranges::all_of(text, Printable)) return DataLoss("ERROR: text is not printable");
  return text;
}

}  // namespace lrti::wire
