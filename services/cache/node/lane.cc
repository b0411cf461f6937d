#include "services/cache/node/lane.h"

#include <algorithm>
#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/base/crc32c.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"
#include "common/hidden_state/wire/meta.h"

namespace lrti::cache {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;
using wire::FrameHeader;
using wire::FrameType;
using wire::Outcome;

constexpr size_t kOutBytesMax = 48 << 10;  // of small frames, before they are sent
constexpr size_t kFetchesMax = 16;         // at a time, of one lane
constexpr std::chrono::seconds kFetchMax{2};
constexpr std::chrono::seconds kFinishMax{1};

SteadyTime DeadlineOf(const FrameHeader& header) {
  return steady_clock::now() + std::chrono::microseconds(header.deadline_us);
}

bool IsRequest(FrameType type) {
  return type == FrameType::kPutBegin || type == FrameType::kGet || type == FrameType::kLocate ||
         type == FrameType::kLease || type == FrameType::kInvalidate;
}

// Waits until `count` callbacks have come, from any thread.
class Countdown {
 public:
  explicit Countdown(size_t count) : left_(count) {}

  void Done() {
    if (left_.fetch_sub(1) == 1) finish_();
  }

  // Calls `begin`, which sets the callbacks off, and waits. `begin` must outlive the wait.
  // (Captures without destructors: g++ 12 destroys others twice in a coroutine.)
  Awaitable<void> Wait(const std::function<void()>& begin) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this, &begin](auto handler) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          auto executor = asio::get_associated_executor(*shared);
          finish_ = [shared, work = asio::make_work_guard(executor)]() mutable {
            asio::post(work.get_executor(), [shared] { std::invoke(std::move(*shared)); });
            work.reset();
          };
          begin();
        },
        asio::use_awaitable);
  }

 private:
  std::atomic<size_t> left_;
  std::function<void()> finish_;
};

}  // namespace

Lane::Lane(NodeContext& node, Socket socket, bool local, std::span<std::byte> scratch)
    : node_(node),
      connection_(std::move(socket), node.options.frame_timeout, scratch),
      local_(local) {}

// ---- the whole ----

Awaitable<void> Lane::Run() {
  const absl::Status status = co_await Serve();
  putting_.reset();
  if (status.code() != absl::StatusCode::kUnavailable) {
    (error_ == Outcome::kProtocol ? node_.protocol_errors : node_.lanes_refused) += 1;
    SayError(status);
    co_await connection_.Finish(steady_clock::now() + kFinishMax);
  }
  if (joined_) node_.engine.Leave(*joined_);
  connection_.Close();
}

Awaitable<absl::Status> Lane::Serve() {
  absl::Status status = co_await Greet();
  while (status.ok()) {
    FrameHeader header;
    status = co_await NextHeader(header);
    if (status.ok()) status = co_await Answer(header);
  }
  co_return status;
}

void Lane::Tick(SteadyTime now) {
  if (!connection_.Late(now)) return;
  if (idle_ && !pinged_ && !connection_.writing()) {
    pinged_ = true;
    connection_.SetDeadline(now + node_.options.idle_timeout);
    if (connection_.WriteNow(wire::EncodeHeader({.type = FrameType::kPing, .request = 1}))) return;
  }
  if (!std::exchange(timed_out_, true)) ++node_.timeouts;
  connection_.Close();
}

void Lane::SayGoaway() {
  goaway_ = true;
  if (!connection_.writing() && joined_ && !GoawayNow()) connection_.Close();
}

bool Lane::GoawayNow() {
  if (!std::exchange(goaway_, false)) return true;
  return connection_.WriteNow(
      wire::EncodeHeader({.type = FrameType::kGoaway, .outcome = Outcome::kClosing}));
}

void Lane::SayError(const absl::Status& status) {
  const wire::Bytes meta = wire::EncodeError(Message(status));
  out_.clear();
  Append({.type = FrameType::kError, .outcome = error_}, meta);
  if (!connection_.WriteNow(out_)) connection_.Close();  // it does not listen
}

// ---- HELLO ----

Awaitable<absl::Status> Lane::Greet() {
  const SteadyTime by = steady_clock::now() + node_.options.hello_timeout;
  const auto header = co_await connection_.ReadHeader(by);
  if (!header.ok()) co_return header.status();
  if (header->type != FrameType::kHello) {
    co_return DataLoss("{} comes before HELLO", wire::NameOf(header->type));
  }
  absl::Status status = co_await ReadMeta(*header);
  if (!status.ok()) co_return status;
  const auto hello = wire::DecodeHello(meta_);
  co_return hello.ok() ? Welcome(*hello) : hello.status();
}

// Few bytes into a socket that is empty: they fit.
absl::Status Lane::Welcome(const wire::Hello& hello) {
  if (hello.version_min > wire::kVersion || hello.version_max < wire::kVersion) {
    error_ = Outcome::kWrongVersion;
    return DataLoss("HELLO: versions {}..{}, where this node speaks {}", hello.version_min,
                    hello.version_max, wire::kVersion);
  }
  const Engine::Joined joined = node_.engine.Join(hello, node_.options.lanes_client_max);
  if (joined.outcome != Outcome::kOk) {
    error_ = joined.outcome;
    if (error_ == Outcome::kWrongToken) {
      return DataLoss("HELLO: job {} is not known here with this token", hello.job);
    }
    if (error_ == Outcome::kClosing) return DataLoss("HELLO: the node is closing");
    return DataLoss("HELLO: no more jobs, clients or lanes of a client than allowed");
  }
  joined_ = joined.lane;
  const wire::HelloAck ack{.incarnation = node_.incarnation,
                           .credit_bytes = 0,
                           .lanes_max = node_.options.lanes_client_max};
  Append({.type = FrameType::kHelloAck}, wire::Encode(ack));
  bool sent = connection_.WriteNow(std::exchange(out_, {}));
  if (sent && local_) {
    const PoolMemory& memory = node_.engine.memory();
    const wire::Pool pool{memory.bytes().size(), memory.directory_bytes()};
    Append({.type = FrameType::kPool}, wire::Encode(pool));
    sent = connection_.WriteNow(std::exchange(out_, {}),
                                std::array{memory.pool_fd(), memory.directory_fd()});
  }
  if (sent) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "lane: HELLO_ACK could not be sent");
}

// ---- frames ----

Awaitable<absl::Status> Lane::NextHeader(FrameHeader& header) {
  if (stashed_) {
    header = *std::exchange(stashed_, std::nullopt);
    co_return absl::OkStatus();
  }
  if (!GoawayNow()) co_return Error(absl::StatusCode::kUnavailable, "lane: does not listen");
  // Within a put there is more to come; else the death of a peer on this host shows by itself.
  SteadyTime by = SteadyTime::max();
  idle_ = !putting_;
  pinged_ = false;
  if (putting_) by = steady_clock::now() + node_.options.frame_timeout;
  if (idle_ && !local_) by = steady_clock::now() + node_.options.idle_timeout;
  const auto read = co_await connection_.ReadHeader(by);
  idle_ = false;
  if (!read.ok()) co_return read.status();
  header = *read;
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Lane::ReadMeta(const FrameHeader& header) {
  meta_.resize(header.meta_bytes);
  return connection_.Read(meta_);
}

Awaitable<absl::Status> Lane::Answer(FrameHeader header) {
  absl::Status status = co_await ReadMeta(header);
  if (!status.ok()) co_return status;
  if (putting_ && IsRequest(header.type)) {
    co_return DataLoss("{}: a put is still under way on this lane", wire::NameOf(header.type));
  }
  const bool local_type = header.type >= FrameType::kPool && wire::Known(header.type);
  if (local_type && !local_) {
    co_return DataLoss("{}: only for a Unix socket", wire::NameOf(header.type));
  }
  switch (header.type) {
    case FrameType::kPutBegin:
      co_return co_await BeginPut(header);
    case FrameType::kPutData:
      co_return co_await TakeData(header);
    case FrameType::kPutAbort:
      if (putting_ && putting_->request() == header.request) putting_.reset();
      co_return absl::OkStatus();
    case FrameType::kGet:
      co_return co_await Timed(node_.gets, AnswerGet(header));
    case FrameType::kLocate:
    case FrameType::kLease:
      co_return co_await Timed(node_.locates, AnswerLocate(header));
    case FrameType::kInvalidate:
      co_return co_await AnswerInvalidate(header);
    case FrameType::kPing:
      Append({.type = FrameType::kPong, .request = header.request});
      co_return co_await Flush();
    case FrameType::kPong:
    case FrameType::kCancel:
      co_return absl::OkStatus();  // of a request that has been answered
    case FrameType::kRelease: {
      const auto places = wire::DecodeRelease(meta_);
      if (!places.ok()) co_return places.status();
      node_.engine.Release(*joined_, *places);
      co_return absl::OkStatus();
    }
    case FrameType::kError:
      co_return Error(absl::StatusCode::kUnavailable, "lane: the client closed it");
    default:
      break;
  }
  if (wire::Known(header.type)) {
    co_return DataLoss("{} comes out of turn", wire::NameOf(header.type));
  }
  co_return co_await connection_.Discard(header.payload_bytes);
}

// What takes long without an error is worth knowing; what failed is counted elsewhere.
Awaitable<absl::Status> Lane::Timed(DurationHistogram& times, Awaitable<absl::Status> answer) {
  const SteadyTime begin = steady_clock::now();
  absl::Status status = co_await std::move(answer);
  if (status.ok()) times.Observe(absl::FromChrono(steady_clock::now() - begin));
  co_return status;
}

void Lane::Append(FrameHeader header, const wire::Bytes& meta) {
  header.meta_bytes = static_cast<uint32_t>(meta.size());
  const wire::HeaderBytes bytes = wire::EncodeHeader(header);
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  out_.insert(out_.end(), meta.begin(), meta.end());
}

// What was appended, and a payload behind it.
Awaitable<absl::Status> Lane::Flush(wire::ByteView payload) {
  if (out_.empty()) co_return absl::OkStatus();
  const Connection::Buffers buffers = {
      asio::buffer(out_), asio::buffer(payload.data(), payload.size()), {}};
  absl::Status status = co_await connection_.Write(buffers);
  node_.sent_bytes += payload.size();
  out_.clear();
  co_return status;
}

// ---- puts ----

Awaitable<absl::Status> Lane::BeginPut(const FrameHeader& header) {
  if (header.payload_bytes > 0) {
    co_return DataLoss("PUT_BEGIN: {} bytes of payload, beyond the credit of 0",
                       header.payload_bytes);
  }
  {
    auto items = wire::DecodePutBegin(meta_);
    if (!items.ok()) co_return items.status();
    put_begun_ = steady_clock::now();
    putting_.emplace(node_.engine, *joined_, header.request, *std::move(items));
  }
  wire::Bytes().swap(meta_);  // a put may take long
  const std::vector<Outcome> grants = putting_->Grants();
  Append({.type = FrameType::kPutGrant, .request = header.request}, wire::EncodeOutcomes(grants));
  if (std::ranges::find(grants, Outcome::kOk) == grants.end()) {  // nothing follows
    putting_.reset();
    co_return co_await Flush();
  }
  co_return co_await EndPutIfDone();
}

Awaitable<absl::Status> Lane::TakeData(const FrameHeader& header) {
  // Chunks of a put that was given up may still be on their way.
  if (!putting_ || putting_->request() != header.request) {
    co_return co_await connection_.Discard(header.payload_bytes);
  }
  const auto room = putting_->Room(header);
  if (!room.ok()) co_return room.status();
  absl::Status status;
  if (room->has_value()) {
    status = co_await TakePayload(header, **room);
  } else {
    status = co_await connection_.Discard(header.payload_bytes);
  }
  if (!status.ok()) co_return status;
  co_return co_await EndPutIfDone();
}

Awaitable<absl::Status> Lane::TakePayload(const FrameHeader& header, std::span<std::byte> room) {
  const SteadyTime by = connection_.FrameDeadline();
  uint32_t crc = 0;
  while (!room.empty()) {
    const auto size = co_await connection_.ReadSome(room, by);
    if (!size.ok()) co_return size.status();
    crc = Crc32c(room.first(*size), crc);  // while they are in the processor's cache
    room = room.subspan(*size);
  }
  putting_->OnPayload(header, crc);
  node_.received_bytes += header.payload_bytes;
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Lane::EndPutIfDone() {
  if (putting_->done()) {
    Append({.type = FrameType::kPutDone, .request = putting_->request()},
           wire::EncodeOutcomes(putting_->Outcomes()));
    putting_.reset();
    node_.puts.Observe(absl::FromChrono(steady_clock::now() - put_begun_));
  }
  return Flush();
}

// ---- gets ----

// A PING or CANCEL need not wait for the end of an answer; a request is kept until then.
Awaitable<absl::Status> Lane::Overheard(uint64_t request) {
  while (!stashed_ && connection_.HasHeader()) {
    const auto header = co_await connection_.ReadHeader(SteadyTime::max());
    if (!header.ok()) co_return header.status();
    if (header->type == FrameType::kPing) {
      Append({.type = FrameType::kPong, .request = header->request});
    } else if (header->type == FrameType::kCancel) {
      cancelled_ = cancelled_ || header->request == request;
    } else {
      stashed_ = *header;
    }
  }
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Lane::AnswerGet(const FrameHeader& header) {
  const auto get = wire::DecodeGet(meta_);
  if (!get.ok()) co_return get.status();
  const SteadyTime deadline = DeadlineOf(header);
  Outcome end = node_.closing ? Outcome::kClosing : Outcome::kOk;
  cancelled_ = false;
  for (size_t i = 0; i < get->keys.size() && end == Outcome::kOk; ++i) {
    absl::Status status = co_await FetchMissing(*get, i, deadline);
    if (!status.ok()) co_return status;
    Engine::Found found = node_.engine.Find(*joined_, get->keys[i], get->rule);
    status = co_await SendItem(header.request, static_cast<uint32_t>(i), std::move(found));
    if (!status.ok()) co_return status;
    if (cancelled_ || steady_clock::now() >= deadline) end = Outcome::kTimeout;
  }
  Append({.type = FrameType::kGetEnd, .request = header.request, .outcome = end});
  co_return co_await Flush();
}

Awaitable<absl::Status> Lane::SendItem(uint64_t request, uint32_t index, Engine::Found found) {
  wire::Bytes meta;
  if (found.outcome == Outcome::kStale) meta = wire::EncodeStale(found.version);
  if (found.outcome == Outcome::kOk) {
    meta = wire::Writer().AddBytes(found.reading.item()).TakeSealed();  // as EncodeFound
  }
  Append({.type = FrameType::kGetItem, .request = request, .item = index, .outcome = found.outcome},
         meta);
  const wire::ByteView bytes = found.reading.bytes();
  for (uint64_t offset = 0; offset < bytes.size() && !cancelled_; offset += wire::kChunkBytes) {
    const uint64_t size = std::min(wire::kChunkBytes, bytes.size() - offset);
    Append({.type = FrameType::kGetData,
            .payload_bytes = size,
            .request = request,
            .item = index,
            .offset = offset,
            .payload_crc = found.reading.crc(offset / wire::kChunkBytes)});
    absl::Status status = co_await Flush(bytes.subspan(offset, size));
    if (!status.ok()) co_return status;
    status = co_await Overheard(request);
    if (!status.ok()) co_return status;
  }
  if (out_.size() < kOutBytesMax) co_return absl::OkStatus();
  co_return co_await Flush();
}

// Brings the next few keys that memory does not have from the tier, all at once.
Awaitable<absl::Status> Lane::FetchMissing(const wire::Get& get, size_t from, SteadyTime deadline) {
  if (from % kFetchesMax != 0) co_return absl::OkStatus();
  std::vector<hidden_state::StateKey> missing;
  const size_t to = std::min(from + kFetchesMax, get.keys.size());
  for (size_t i = from; i < to; ++i) {
    if (node_.engine.MayFetch(*joined_, get.keys[i])) missing.push_back(get.keys[i]);
  }
  if (missing.empty()) co_return absl::OkStatus();
  absl::Status status = co_await Flush();  // what is known already
  if (!status.ok()) co_return status;
  const SteadyTime by = std::min(deadline, steady_clock::now() + kFetchMax);
  connection_.SetDeadline(SteadyTime::max());  // it is the tier that takes its time
  const auto countdown = std::make_shared<Countdown>(missing.size());
  const std::function<void()> begin = [&] {
    for (const hidden_state::StateKey& key : missing) {
      node_.engine.Fetch(key, get.rule, by, [countdown] { countdown->Done(); });
    }
  };
  co_await countdown->Wait(begin);
  co_return absl::OkStatus();
}

Awaitable<absl::Status> Lane::AnswerLocate(const FrameHeader& header) {
  const auto get = wire::DecodeGet(meta_);
  if (!get.ok()) co_return get.status();
  const SteadyTime deadline = DeadlineOf(header);
  const bool lease = header.type == FrameType::kLease;
  Outcome end = node_.closing ? Outcome::kClosing : Outcome::kOk;
  for (size_t i = 0; i < get->keys.size() && end == Outcome::kOk; ++i) {
    absl::Status status = co_await FetchMissing(*get, i, deadline);
    if (!status.ok()) co_return status;
    const Engine::Located located = node_.engine.Locate(*joined_, get->keys[i], get->rule, lease);
    Append({.type = FrameType::kPlace,
            .request = header.request,
            .item = static_cast<uint32_t>(i),
            .outcome = located.outcome},
           located.meta);
    if (out_.size() >= kOutBytesMax) status = co_await Flush();
    if (!status.ok()) co_return status;
    if (steady_clock::now() >= deadline) end = Outcome::kTimeout;
  }
  Append({.type = FrameType::kGetEnd, .request = header.request, .outcome = end});
  co_return co_await Flush();
}

Awaitable<absl::Status> Lane::AnswerInvalidate(const FrameHeader& header) {
  const auto invalidate = wire::DecodeInvalidate(meta_);
  if (!invalidate.ok()) co_return invalidate.status();
  if (invalidate->job != joined_->job) {
    error_ = Outcome::kWrongToken;
    co_return DataLoss("INVALIDATE: of job {} on a lane of job {}", invalidate->job, joined_->job);
  }
  if (invalidate->keys.empty()) {
    node_.engine.Invalidate(invalidate->job);
  } else {
    node_.engine.Erase(invalidate->keys);
  }
  Append({.type = FrameType::kInvalidateAck, .request = header.request});
  co_return co_await Flush();
}

}  // namespace lrti::cache
