#include "services/cache/redis/redis_connection.h"

#include <hiredis/async.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"
#include "services/cache/redis/hiredis_on_asio.h"

namespace lrti::cache {
namespace {

constexpr int kDepthMax = 3;  // lists in lists: nothing we ask for has more

RedisValue ValueOf(const redisReply& reply, int depth = 0) {
  RedisValue value;
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      value.kind = RedisValue::Kind::kText;
      value.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_INTEGER:
      value.kind = RedisValue::Kind::kInteger;
      value.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      value.kind = RedisValue::Kind::kList;
      for (size_t i = 0; depth < kDepthMax && i < reply.elements; ++i) {
        value.list.push_back(ValueOf(*reply.element[i], depth + 1));
      }
      break;
    default:
      break;
  }
  return value;
}

std::string NameOf(const RedisAddress& address) {
  return address.path.empty() ? fmt::format("redis {}:{}", address.host, address.port)
                              : fmt::format("redis {}", address.path);
}

// A command under way. Both hiredis and the timer know it; the first of them answers.
struct Pending {
  Pending(boost::asio::io_context& io, RedisConnection::Answered to_call)
      : answered(std::move(to_call)), timer(io) {}

  void Answer(absl::StatusOr<RedisValue> value) {
    timer.cancel();
    if (auto call = std::exchange(answered, nullptr)) call(std::move(value));
  }

  RedisConnection::Answered answered;
  boost::asio::steady_timer timer;
};

}  // namespace

struct RedisConnection::State : std::enable_shared_from_this<State> {
  explicit State(boost::asio::io_context& io_context) : io(io_context) {}

  // What hiredis calls for each command: with an answer, or without when the connection ends.
  struct Call {
    std::shared_ptr<State> state;
    std::shared_ptr<Pending> pending;
  };

  static void OnReply(redisAsyncContext* it, void* reply, void* data) {
    const std::unique_ptr<Call> call(static_cast<Call*>(data));
    State& state = *call->state;
    --state.under_way;
    if (reply == nullptr) {
      call->pending->Answer(state.Down(it->errstr != nullptr && it->err != 0 ? it->errstr : ""));
      return;
    }
    const auto& answer = *static_cast<const redisReply*>(reply);
    if (answer.type == REDIS_REPLY_ERROR) {
      call->pending->Answer(Error(absl::StatusCode::kFailedPrecondition, "{}: {}", state.name,
                                  std::string_view(answer.str, answer.len)));
    } else {
      call->pending->Answer(ValueOf(answer));
    }
  }

  // hiredis frees the context after this, whoever closed it; Close took it away before.
  static void OnDisconnect(const redisAsyncContext* it, int) {
    const auto* owner = static_cast<std::shared_ptr<State>*>(it->data);
    if (owner == nullptr) return;
    const std::shared_ptr<State> state = *owner;
    state->Drop(it->err != 0 && it->errstr != nullptr ? it->errstr : "");
  }

  // A connection that could not be made ends without OnDisconnect.
  static void OnConnect(const redisAsyncContext* it, int status) {
    if (status != REDIS_OK) OnDisconnect(it, status);
  }

  void Drop(const std::string& why) {
    if (context == nullptr) return;
    delete static_cast<std::shared_ptr<State>*>(std::exchange(context->data, nullptr));
    context = nullptr;
    if (lost) lost(Down(why));
  }

  absl::Status Down(const std::string& why) const {
    return Error(absl::StatusCode::kUnavailable, "{}: {}", name,
                 why.empty() ? "the connection was closed" : why);
  }

  boost::asio::io_context& io;
  std::function<void(const absl::Status&)> lost;
  std::string name = "redis";
  redisAsyncContext* context = nullptr;
  size_t under_way = 0;
};

RedisConnection::RedisConnection(boost::asio::io_context& io,
                                 std::function<void(const absl::Status&)> lost)
    : state_(std::make_shared<State>(io)) {
  state_->lost = std::move(lost);
}

RedisConnection::~RedisConnection() {
  state_->lost = nullptr;
  Close();
}

absl::Status RedisConnection::Open(const RedisAddress& address) {
  Close();
  state_->name = NameOf(address);
  redisAsyncContext* context = address.path.empty()
                                   ? redisAsyncConnect(address.host.c_str(), address.port)
                                   : redisAsyncConnectUnix(address.path.c_str());
  LRTI_CHECK(context != nullptr);
  if (context->err != 0) {
    const absl::Status status = state_->Down(context->errstr);
    redisAsyncFree(context);
    return status;
  }
  state_->context = context;
  context->data = new std::shared_ptr<State>(state_);
  RunOnAsio(state_->io, context);
  redisAsyncSetConnectCallback(context, &State::OnConnect);
  redisAsyncSetDisconnectCallback(context, &State::OnDisconnect);
  return absl::OkStatus();
}

void RedisConnection::Close() {
  redisAsyncContext* context = std::exchange(state_->context, nullptr);
  if (context == nullptr) return;
  delete static_cast<std::shared_ptr<State>*>(std::exchange(context->data, nullptr));
  redisAsyncFree(context);
}

void RedisConnection::Send(const std::vector<wire::ByteView>& words, absl::Duration timeout,
                           Answered answered) {
  State& state = *state_;
  if (state.context == nullptr) return answered(state.Down(""));
  if (state.under_way == kCommandsMax) {
    return answered(Error(absl::StatusCode::kResourceExhausted, "{}: {} commands under way",
                          state.name, kCommandsMax));
  }
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  for (const wire::ByteView word : words) {
    texts.push_back(reinterpret_cast<const char*>(word.data()));
    sizes.push_back(word.size());
  }
  auto pending = std::make_shared<Pending>(state.io, std::move(answered));
  auto call = std::make_unique<State::Call>(State::Call{state_, pending});
  if (redisAsyncCommandArgv(state.context, &State::OnReply, call.get(),
                            static_cast<int>(words.size()), texts.data(),
                            sizes.data()) != REDIS_OK) {
    return pending->Answer(state.Down(""));
  }
  call.release();  // OnReply's
  ++state.under_way;
  pending->timer.expires_after(absl::ToChronoNanoseconds(timeout));
  pending->timer.async_wait([pending, name = state.name](const boost::system::error_code& error) {
    if (error) return;
    pending->Answer(Error(absl::StatusCode::kDeadlineExceeded, "{}: no answer in time", name));
  });
}

int RedisConnection::fd() const { return state_->context == nullptr ? -1 : state_->context->c.fd; }

}  // namespace lrti::cache
