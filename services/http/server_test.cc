#include "services/http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>

#include "common/base/open_file.h"
#include "common/base/status.h"
#include "services/http/process_metrics.h"

namespace lrti::http {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// What the server answers to a whole request, until it closes.
std::string Ask(uint16_t port, const std::string& request) {
  const OpenFile socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::send(socket.fd(), request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  char piece[4096];
  for (ssize_t bytes; (bytes = ::recv(socket.fd(), piece, sizeof piece, 0)) > 0;) {
    answer.append(piece, static_cast<size_t>(bytes));
  }
  return answer;
}

std::string Get(uint16_t port, const std::string& path, const std::string& method = "GET") {
  return Ask(port, method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

class HttpServer : public testing::Test {
 protected:
  void SetUp() override {
    auto server = Server::Start({.component = "lrti-test",
                                 .version = "1.2.3",
                                 .metrics = {std::make_shared<ProcessMetrics>("lrti-test", "1.2")},
                                 .checks = {{"always", [] { return absl::OkStatus(); }},
                                            {"now", [this] {
                                               return ready_ ? absl::OkStatus()
                                                             : absl::UnavailableError("not yet");
                                             }}}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::atomic<bool> ready_ = true;
  std::unique_ptr<Server> server_;
};

TEST_F(HttpServer, ServesMetricsAsTextForPrometheus) {
  EXPECT_THAT(Get(server_->port(), "/metrics"),
              AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("text/plain; version=0.0.4"),
                    HasSubstr("lrti_build_info{component=\"lrti-test\",version=\"1.2\"} 1"),
                    HasSubstr("process_open_fds "), HasSubstr("process_cpu_seconds_total ")));
}

TEST_F(HttpServer, IsAliveEvenWhenNotReady) {
  ready_ = false;
  for (const char* path : {"/livez", "/healthz"}) {
    EXPECT_THAT(Get(server_->port(), path), StartsWith("HTTP/1.1 200 OK"));
  }
  EXPECT_THAT(Get(server_->port(), "/readyz"),
              AllOf(StartsWith("HTTP/1.1 503 Service Unavailable"),
                    HasSubstr("\r\n\r\n[-] now: not yet\nnot ready\n")));
}

TEST_F(HttpServer, ReadinessListsItsChecksWhenAsked) {
  EXPECT_THAT(Get(server_->port(), "/readyz"), HasSubstr("\r\n\r\nready\n"));
  EXPECT_THAT(Get(server_->port(), "/readyz?verbose"),
              HasSubstr("\r\n\r\n[+] always: ok\n[+] now: ok\nready\n"));
}

TEST_F(HttpServer, SaysWhichProgramItIs) {
  EXPECT_THAT(Get(server_->port(), "/version"),
              HasSubstr(R"({"component":"lrti-test","version":"1.2.3"})"));
}

TEST_F(HttpServer, RefusesOtherPathsAndMethods) {
  EXPECT_THAT(Get(server_->port(), "/etc/passwd"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get(server_->port(), "/livez/x"), StartsWith("HTTP/1.1 404 "));
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH"}) {
    EXPECT_THAT(Get(server_->port(), "/livez", method), StartsWith("HTTP/1.1 405 ")) << method;
  }
  EXPECT_THAT(Get(server_->port(), "/livez", "HEAD"), testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServer, ALongOrBrokenRequestIsRefusedAndHarmsNobody) {
  EXPECT_THAT(Ask(server_->port(), "GET /" + std::string(100'000, 'x')),
              StartsWith("HTTP/1.0 400"));
  EXPECT_THAT(Ask(server_->port(), "\x16\x03\x01\r\n\r\n"), StartsWith("HTTP/1.0 400"));
  EXPECT_THAT(Get(server_->port(), "/livez"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpServer, APortThatIsTakenIsAnErrorThatNamesIt) {
  const std::string address = fmt::format("127.0.0.1:{}", server_->port());
  const auto second = Server::Start({.listen = address});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(second.status()), HasSubstr("cannot listen on " + address));
  EXPECT_EQ(Server::Start({.listen = "127.0.0.1:0,1"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lrti::http
