#include "services/http/server.h"

#include <CivetServer.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>
#include <utility>

#include "common/base/status.h"

namespace lrti::http {
namespace {

struct Answer {
  int code = 200;
  std::string body;
  const char* type = "text/plain; charset=utf-8";
};

const char* ReasonOf(int code) {
  switch (code) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

void Write(mg_connection* connection, const Answer& answer, bool with_body) {
  const std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
      "Cache-Control: no-store\r\n{}Connection: close\r\n\r\n",
      answer.code, ReasonOf(answer.code), answer.type, answer.body.size(),
      answer.code == 405 ? "Allow: GET, HEAD\r\n" : "");
  const std::string text = with_body ? head + answer.body : head;
  mg_write(connection, text.data(), text.size());
}

Answer Metrics(const Server::Options& options) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& collectable : options.metrics) {
    for (prometheus::MetricFamily& family : collectable->Collect()) {
      families.push_back(std::move(family));
    }
  }
  return {.body = prometheus::TextSerializer().Serialize(families),
          .type = "text/plain; version=0.0.4; charset=utf-8"};
}

Answer Ready(const Server::Options& options, bool verbose) {
  Answer answer;
  std::string lines;
  for (const Server::Check& check : options.checks) {
    const absl::Status status = check.ready();
    if (!status.ok()) answer.code = 503;
    if (!status.ok() || verbose) {
      lines += status.ok() ? fmt::format("[+] {}: ok\n", check.name)
                           : fmt::format("[-] {}: {}\n", check.name, Message(status));
    }
  }
  answer.body = lines + (answer.code == 200 ? "ready\n" : "not ready\n");
  return answer;
}

Answer AnswerTo(const Server::Options& options, std::string_view path, std::string_view query) {
  if (path == "/metrics") return Metrics(options);
  if (path == "/livez" || path == "/healthz") return {.body = "alive\n"};
  if (path == "/readyz") return Ready(options, query.starts_with("verbose"));
  if (path == "/version") {
    const nlohmann::ordered_json version = {{"component", options.component},
                                            {"version", options.version}};
    return {.body = version.dump() + "\n", .type = "application/json"};
  }
  return {.code = 404, .body = "not here: see /metrics /livez /readyz /version\n"};
}

// Opens a connection to a port of this host and closes it.
void Knock(const std::string& listen, uint16_t port) {
  const std::string host = listen.starts_with('[') ? "::1" : "127.0.0.1";
  char error[64];
  mg_connection* const connection = mg_connect_client(host.c_str(), port, 0, error, sizeof error);
  if (connection != nullptr) mg_close_connection(connection);
}

class Handler : public CivetHandler {
 public:
  explicit Handler(const Server::Options& options) : options_(options) {}

  bool handleGet(CivetServer*, mg_connection* connection) override {
    return Handle(connection, true);
  }
  bool handleHead(CivetServer*, mg_connection* connection) override {
    return Handle(connection, false);
  }
  bool handlePost(CivetServer*, mg_connection* connection) override { return Refuse(connection); }
  bool handlePut(CivetServer*, mg_connection* connection) override { return Refuse(connection); }
  bool handleDelete(CivetServer*, mg_connection* connection) override { return Refuse(connection); }
  bool handleOptions(CivetServer*, mg_connection* connection) override {
    return Refuse(connection);
  }
  bool handlePatch(CivetServer*, mg_connection* connection) override { return Refuse(connection); }

 private:
  bool Handle(mg_connection* connection, bool with_body) const {
    const mg_request_info* request = mg_get_request_info(connection);
    const char* const query = request->query_string;
    Write(connection,
          AnswerTo(options_, request->local_uri, query != nullptr ? query : std::string_view()),
          with_body);
    return true;
  }
  static bool Refuse(mg_connection* connection) {
    Write(connection, {.code = 405, .body = "only GET and HEAD\n"}, true);
    return true;
  }

  const Server::Options& options_;
};

}  // namespace

struct Server::Parts {
  explicit Parts(Options it) : options(std::move(it)), handler(options) {}

  const Options options;
  Handler handler;
  std::unique_ptr<CivetServer> server;  // first to go: it calls the handler
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Options options) {
  const std::string listen = options.listen;
  auto parts = std::make_unique<Parts>(std::move(options));
  const std::vector<std::string> settings = {
      "listening_ports",    listen, "num_threads",      "2",
      "request_timeout_ms", "5000", "max_request_size", "8192"};
  if (listen.find_first_of(",rs+") != std::string::npos) {  // what civetweb's lists are made of
    return InvalidArgument("http: '{}' is no address such as 127.0.0.1:7072", listen);
  }
  try {
    parts->server = std::make_unique<CivetServer>(settings);
  } catch (const CivetException&) {
    return Error(absl::StatusCode::kUnavailable,
                 "http: cannot listen on {}: it is taken, or no address of this host", listen);
  }
  parts->server->addHandler("/", &parts->handler);
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

// civetweb looks only every two seconds whether it shall stop, unless somebody comes.
Server::~Server() {
  const std::jthread knock([port = port(), listen = parts_->options.listen](std::stop_token done) {
    while (!done.stop_requested()) {
      Knock(listen, port);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  parts_->server.reset();
}

uint16_t Server::port() const {
  return static_cast<uint16_t>(parts_->server->getListeningPorts().at(0));
}

}  // namespace lrti::http
