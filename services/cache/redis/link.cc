#include "services/cache/redis/link.h"

#include <sys/socket.h>

#include <random>
#include <utility>

#include "common/base/status.h"

namespace lrti::cache {
namespace {

using boost::asio::awaitable;

constexpr uint32_t kSilencesMax = 5;  // commands in a row without an answer in time
constexpr absl::Duration kPulse = absl::Seconds(1);

std::vector<wire::ByteView> WordsOf(const std::vector<std::string>& texts) {
  std::vector<wire::ByteView> words;
  for (const std::string& text : texts) words.push_back(Word(text));
  return words;
}

// `name:value` of what INFO answers.
std::string InfoField(const std::string& info, const std::string& name) {
  const size_t at = info.find(name + ":");
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size() + 1;
  return info.substr(begin, info.find('\r', begin) - begin);
}

}  // namespace

Link::Link(boost::asio::io_context& io, Options options, Warn warn)
    : options_(std::move(options)),
      warn_(std::move(warn)),
      io_(io),
      changed_(io),
      backoff_(absl::Milliseconds(50), absl::Seconds(5), std::random_device{}()),
      breaker_(kSilencesMax),
      connection_(io, [this](const absl::Status& why) { Lost(why); }) {}

awaitable<void> Link::Run() {
  while (!stopping_) {
    lost_ = absl::OkStatus();
    absl::Status status = connection_.Open(options_.address);
    if (status.ok()) status = co_await Greet();
    if (status.ok()) status = co_await StayUp();
    up_ = false;
    connection_.Close();
    changed_.WakeAll();
    if (stopping_) break;
    Say(fmt::format("{}; the cache goes on without it and keeps trying", Message(status)));
    co_await changed_.Wait(backoff_.Next());
  }
}

awaitable<absl::Status> Link::Greet() {
  for (const std::vector<std::string>& command : Login()) {
    const auto answer = co_await Ask(WordsOf(command), options_.timeout);
    if (!answer.ok()) co_return answer.status();
  }
  const std::vector<std::string> ask_info = {"INFO", "memory"};
  const auto info = co_await Ask(WordsOf(ask_info), options_.timeout);
  if (!info.ok()) co_return info.status();
  const std::string policy = InfoField(info->text, "maxmemory_policy");
  evicts_ = policy != "noeviction";
  if (!evicts_) {
    Say("redis: its maxmemory-policy is noeviction: no state is written to it; set allkeys-lru");
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> Link::StayUp() {
  const std::vector<std::string> ping(1, "PING");
  up_ = true;
  ++reconnects_;
  backoff_.Reset();
  if (evicts_) Say("redis: connected");
  changed_.WakeAll();
  while (!stopping_ && lost_.ok()) {
    co_await changed_.Wait(kPulse);
    if (stopping_ || !lost_.ok()) break;
    const auto answer = co_await Ask(WordsOf(ping), options_.timeout);
    if (!answer.ok()) co_return answer.status();
  }
  co_return lost_;
}

void Link::Stop() {
  stopping_ = true;
  up_ = false;
  connection_.Close();
  changed_.WakeAll();
}

void Link::Lost(const absl::Status& why) {
  up_ = false;
  lost_ = why;
  changed_.WakeAll();
}

// Each piece of news once, however often it comes true in a row.
void Link::Say(const std::string& news) {
  if (news == last_news_) return;
  last_news_ = news;
  warn_(news);
}

awaitable<absl::StatusOr<RedisValue>> Link::Ask(std::vector<wire::ByteView> words,
                                                absl::Duration timeout) {
  struct Answer {
    explicit Answer(boost::asio::io_context& io) : came(io) {}
    Alarm came;
    std::optional<absl::StatusOr<RedisValue>> value;
  };
  const auto answer = std::make_shared<Answer>(io_);
  connection_.Send(words, timeout, [answer](absl::StatusOr<RedisValue> value) {
    answer->value = std::move(value);
    answer->came.WakeAll();
  });
  while (!answer->value) co_await answer->came.Wait();
  const absl::Status& status = answer->value->status();
  if (absl::IsDeadlineExceeded(status)) {
    if (breaker_.Failed() && up_) {
      connection_.Close();
      Lost(status);
    }
  } else if (!absl::IsUnavailable(status)) {
    breaker_.Succeeded();
  }
  co_return *std::move(answer->value);
}

void Link::Send(const std::vector<wire::ByteView>& words, absl::Duration timeout,
                RedisConnection::Answered answered) {
  connection_.Send(words, timeout, std::move(answered));
}

std::optional<Link::Endpoint> Link::Peer() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (connection_.fd() < 0 ||
      ::getpeername(connection_.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return std::nullopt;
  }
  return Endpoint(&address, size, address.ss_family == AF_UNIX ? 0 : IPPROTO_TCP);
}

std::vector<std::vector<std::string>> Link::Login() const {
  std::vector<std::vector<std::string>> commands;
  if (!options_.password.empty() && options_.user.empty()) {
    commands.push_back({"AUTH", options_.password});
  } else if (!options_.password.empty()) {
    commands.push_back({"AUTH", options_.user, options_.password});
  }
  if (options_.database != 0) commands.push_back({"SELECT", fmt::format("{}", options_.database)});
  return commands;
}

}  // namespace lrti::cache
