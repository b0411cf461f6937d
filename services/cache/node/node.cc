#include "services/cache/node/node.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "services/cache/node/lane.h"

namespace lrti::cache {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using ErrorCode = boost::system::error_code;
using std::chrono::milliseconds;

constexpr auto kAwaited = asio::as_tuple(asio::use_awaitable);
constexpr size_t kScratchBytes = 64 << 10;
constexpr milliseconds kAcceptPause{100};  // when descriptors or memory have run out

// Not 0.
uint64_t RandomNumber() {
  std::random_device source;
  return (uint64_t{source()} << 32 | source()) | 1;
}

absl::Status ListenError(const ErrorCode& error, const std::string& address) {
  return Error(absl::StatusCode::kUnavailable, "cache: listening on '{}': {}", address,
               error.message());
}

absl::StatusOr<tcp::endpoint> ParseAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  ErrorCode error;
  uint32_t port = 0;
  auto ip = asio::ip::make_address(
      host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host, error);
  if (colon == std::string::npos || error || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port > 65535) {
    return InvalidArgument("cache: '{}' is no address such as 127.0.0.1:7420", address);
  }
  return tcp::endpoint(ip, static_cast<uint16_t>(port));
}

absl::StatusOr<tcp::acceptor> ListenTcp(asio::io_context& context, const std::string& address) {
  LRTI_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, ParseAddress(address));
  tcp::acceptor acceptor(context);
  ErrorCode error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return ListenError(error, address);
  return acceptor;
}

// Whether a node answers behind the name; what a dead one left may go.
absl::Status MakeRoomFor(asio::io_context& context, const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? absl::OkStatus()
                           : InvalidArgument("cache: {}: {}", path, std::strerror(errno));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return InvalidArgument("cache: {}: it is there and no socket; choose another name", path);
  }
  Local::socket probe(context);
  ErrorCode error;
  probe.connect(Local::endpoint(path), error);
  if (error != asio::error::connection_refused) {
    return Error(absl::StatusCode::kUnavailable, "cache: {}: another node serves there", path);
  }
  if (::unlink(path.c_str()) == 0) return absl::OkStatus();
  return InvalidArgument("cache: {}: {}", path, std::strerror(errno));
}

absl::StatusOr<Local::acceptor> ListenLocal(asio::io_context& context, const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path) || path.starts_with('\0')) {
    return InvalidArgument("cache: the path of a socket of {} bytes, beyond {}", path.size(),
                           sizeof(sockaddr_un::sun_path) - 1);
  }
  LRTI_RETURN_IF_ERROR(MakeRoomFor(context, path));
  Local::acceptor acceptor(context);
  ErrorCode error;
  acceptor.open(Local(), error);
  if (!error) acceptor.bind(Local::endpoint(path), error);
  // Nobody can connect before listen.
  if (!error && ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) {
    error.assign(errno, boost::system::system_category());
  }
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return ListenError(error, path);
  return acceptor;
}

void Tune(tcp::socket& socket, const NodeOptions& options) {
  // Each of them makes a lane better, none is needed for it to work.
  ErrorCode ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  using UserTimeout = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>;
  socket.set_option(UserTimeout(static_cast<int>(options.frame_timeout.count())), ignored);
}

bool SameUser(Local::socket& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return false;
  }
  return peer.uid == ::geteuid() || peer.uid == 0;
}

// One thread with its lanes.
class Worker {
 public:
  explicit Worker(NodeContext& node) : node_(node), ticker_(context_) {}

  asio::io_context& context() { return context_; }

  // What a peer gets wrong shows in time, but not to the millisecond.
  void Start() {
    asio::co_spawn(context_, Tick(), asio::detached);
    thread_ = std::jthread([this] { context_.run(); });
  }

  // The calls below may come from any thread.
  void Adopt(Socket socket, bool local) {
    asio::post(context_, [this, socket = std::move(socket), local]() mutable {
      Serve(std::move(socket), local);
    });
  }

  void SayGoaway() {
    asio::post(context_, [this] {
      for (const auto& lane : lanes_) lane->SayGoaway();
    });
  }

  void Stop() {
    asio::post(context_, [this] {
      stopped_ = true;
      ticker_.cancel();
      for (const auto& lane : lanes_) lane->Close();
    });
  }

  void Join() { thread_.join(); }

 private:
  void Serve(Socket socket, bool local) {
    if (stopped_) {
      --node_.lanes;
      return;
    }
    const auto lane = std::make_shared<Lane>(node_, std::move(socket), local, scratch_);
    lanes_.insert(lane);
    asio::co_spawn(context_, lane->Run(), [this, lane](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
      lanes_.erase(lane);
      --node_.lanes;
    });
    if (node_.engine.draining()) lane->SayGoaway();
  }

  Awaitable<void> Tick() {
    const NodeOptions& options = node_.options;
    const milliseconds period =
        std::min({options.hello_timeout, options.frame_timeout, options.idle_timeout}) / 4 +
        milliseconds(1);
    while (!stopped_) {
      ticker_.expires_after(period);
      co_await ticker_.async_wait(kAwaited);
      const auto now = std::chrono::steady_clock::now();
      for (const auto& lane : lanes_) lane->Tick(now);
    }
  }

  NodeContext& node_;
  asio::io_context context_{1};
  asio::steady_timer ticker_;
  std::vector<std::byte> scratch_{kScratchBytes};
  std::set<std::shared_ptr<Lane>> lanes_;
  bool stopped_ = false;
  std::jthread thread_;
};

}  // namespace

struct Node::Parts {
  Parts(const NodeOptions& options, std::unique_ptr<Engine> its_engine)
      : engine(std::move(its_engine)),
        context{.options = options, .engine = *engine, .incarnation = RandomNumber()} {
    for (int i = 0; i < options.threads; ++i) {
      workers.push_back(std::make_unique<Worker>(context));
    }
  }

  absl::Status Listen();
  template <typename Acceptor>
  Awaitable<void> Accept(Acceptor& acceptor);
  void Welcome(tcp::socket socket, Worker& worker);
  void Welcome(Local::socket socket, Worker& worker);
  bool CountLane();
  void StopListening();

  std::unique_ptr<Engine> engine;
  NodeContext context;
  std::vector<std::unique_ptr<Worker>> workers;
  size_t next_worker = 0;
  std::optional<tcp::acceptor> tcp_acceptor;
  std::optional<Local::acceptor> local_acceptor;
  uint16_t port = 0;
  std::string unix_path;  // once it is ours
};

absl::Status Node::Parts::Listen() {
  asio::io_context& first = workers.front()->context();
  if (!context.options.listen.empty()) {
    LRTI_ASSIGN_OR_RETURN(tcp_acceptor, ListenTcp(first, context.options.listen));
    ErrorCode error;
    port = tcp_acceptor->local_endpoint(error).port();
    if (error) return ListenError(error, context.options.listen);
    asio::co_spawn(first, Accept(*tcp_acceptor), asio::detached);
  }
  if (!context.options.unix_path.empty()) {
    LRTI_ASSIGN_OR_RETURN(local_acceptor, ListenLocal(first, context.options.unix_path));
    unix_path = context.options.unix_path;
    asio::co_spawn(first, Accept(*local_acceptor), asio::detached);
  }
  return absl::OkStatus();
}

template <typename Acceptor>
Awaitable<void> Node::Parts::Accept(Acceptor& acceptor) {
  asio::steady_timer pause(acceptor.get_executor());
  while (acceptor.is_open()) {
    Worker& worker = *workers[next_worker++ % workers.size()];
    auto [error, socket] = co_await acceptor.async_accept(worker.context(), kAwaited);
    if (!error) {
      Welcome(std::move(socket), worker);
    } else if (acceptor.is_open()) {
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAwaited);
    }
  }
}

bool Node::Parts::CountLane() {
  if (context.lanes.fetch_add(1) < context.options.lanes_max) {
    ++context.lanes_opened;
    return true;
  }
  --context.lanes;
  ++context.lanes_refused;
  return false;
}

void Node::Parts::Welcome(tcp::socket socket, Worker& worker) {
  if (!CountLane()) return;  // closes it
  Tune(socket, context.options);
  worker.Adopt(Socket(std::move(socket)), /*local=*/false);
}

void Node::Parts::Welcome(Local::socket socket, Worker& worker) {
  if (!SameUser(socket)) {
    ++context.lanes_refused;
    return;
  }
  if (CountLane()) worker.Adopt(Socket(std::move(socket)), /*local=*/true);
}

void Node::Parts::StopListening() {
  asio::post(workers.front()->context(), [this] {
    ErrorCode ignored;  // they are closed whatever it says
    if (tcp_acceptor) tcp_acceptor->close(ignored);
    if (local_acceptor) local_acceptor->close(ignored);
  });
}

absl::StatusOr<std::unique_ptr<Node>> Node::Start(const NodeOptions& options) {
  const auto positive = [](milliseconds time) { return time > milliseconds::zero(); };
  if (options.threads < 1 || options.lanes_max < 1 || options.lanes_client_max < 1 ||
      !positive(options.hello_timeout) || !positive(options.frame_timeout) ||
      !positive(options.idle_timeout)) {
    return InvalidArgument("cache: threads, lanes and timeouts must be above zero");
  }
  LRTI_ASSIGN_OR_RETURN(auto engine, Engine::Create(options.engine));
  if (options.tier) engine->SetTier(options.tier);
  auto parts = std::make_unique<Parts>(options, std::move(engine));
  absl::Status status = parts->Listen();
  if (!status.ok()) return status;
  for (const auto& worker : parts->workers) worker->Start();
  return std::unique_ptr<Node>(new Node(std::move(parts)));
}

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Node::~Node() {
  parts_->engine->Drain();
  parts_->context.closing = true;
  parts_->StopListening();
  for (const auto& worker : parts_->workers) worker->Stop();
  for (const auto& worker : parts_->workers) worker->Join();
  if (!parts_->unix_path.empty()) ::unlink(parts_->unix_path.c_str());
}

uint16_t Node::port() const { return parts_->port; }
const std::string& Node::socket_path() const { return parts_->unix_path; }
uint64_t Node::incarnation() const { return parts_->context.incarnation; }
Engine& Node::engine() { return *parts_->engine; }

void Node::Drain() {
  parts_->engine->Drain();
  parts_->context.closing = true;
  parts_->StopListening();
  for (const auto& worker : parts_->workers) worker->SayGoaway();
}

NodeStats Node::GetStats() const {
  const NodeContext& context = parts_->context;
  return {.engine = parts_->engine->GetStats(),
          .lanes = context.lanes,
          .lanes_opened = context.lanes_opened,
          .lanes_refused = context.lanes_refused,
          .protocol_errors = context.protocol_errors,
          .timeouts = context.timeouts,
          .received_bytes = context.received_bytes,
          .sent_bytes = context.sent_bytes,
          .gets = context.gets.Get(),
          .locates = context.locates.Get(),
          .puts = context.puts.Get()};
}

}  // namespace lrti::cache
