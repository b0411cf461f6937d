#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <memory>
#include <vector>

#include "common/base/file_writer.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "common/rpc/address.h"
#include "common/rpc/channel.h"
#include "common/rpc/security.h"
#include "common/rpc/server.h"
#include "common/rpc/status.h"

namespace lrti::rpc {
namespace {

using ::testing::HasSubstr;

TEST(Address, NamesTheHostOfGoodAddressesAlone) {
  EXPECT_EQ(HostOf("127.0.0.1:7430"), "127.0.0.1");
  EXPECT_EQ(HostOf("[::1]:0"), "::1");
  for (const char* const bad : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "::1:5", "a:b"}) {
    EXPECT_EQ(HostOf(bad), "") << bad;
  }
}

TEST(Security, ListensBeyondLoopbackOnlyWithCertificates) {
  const Security open, closed{.ca = "ca.pem", .certificate = "c.pem", .key = "k.pem"};
  EXPECT_TRUE(CheckListen("127.0.0.1:0", open).ok());
  EXPECT_THAT(Message(CheckListen("0.0.0.0:7430", open)), HasSubstr("lrti-ctl certs init"));
  EXPECT_TRUE(CheckListen("0.0.0.0:7430", closed).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(CheckListen("localhost:7430", closed)));
}

TEST(Security, WantsItsThreeFilesTogether) {
  EXPECT_TRUE(CheckFiles({}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(CheckFiles({.ca = "ca.pem"})));
  const auto status = CheckFiles({.ca = "/nowhere/ca.pem", .certificate = "c", .key = "k"});
  EXPECT_THAT(Message(status), HasSubstr("/nowhere/ca.pem"));
}

TEST(Security, ReadsATokenThatNobodyElseMayRead) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/token";
  ASSERT_TRUE(WriteFileAtomic(path, "  secret-word\n").ok());
  ::chmod(path.c_str(), 0600);
  EXPECT_EQ(*ReadToken({.token_file = path}), "secret-word");
  ::chmod(path.c_str(), 0644);
  EXPECT_THAT(Message(ReadToken({.token_file = path}).status()), HasSubstr("chmod 600"));
  ASSERT_TRUE(WriteFileAtomic(path, "two words").ok());
  ::chmod(path.c_str(), 0600);
  EXPECT_TRUE(absl::IsInvalidArgument(ReadToken({.token_file = path}).status()));
  EXPECT_EQ(*ReadToken({}), "");
}

TEST(Status, CodesAndMessagesTravelBothWays) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), code == 0 ? "" : "why");
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
  }
  EXPECT_EQ(CodeName(grpc::UNAUTHENTICATED), "Unauthenticated");
}

TEST(Server, SaysWhenItsAddressIsTaken) {
  const auto first = Server::Start({.listen = "127.0.0.1:0", .security = {}, .services = {}});
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = fmt::format("127.0.0.1:{}", (*first)->port());
  const auto second = Server::Start({.listen = address, .security = {}, .services = {}});
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(Message(second.status()), HasSubstr(address));
}

/// A call that reflection leaves open, since it is asked nothing.
struct OpenCall {
  OpenCall(grpc::GenericStub& stub, grpc::CompletionQueue& queue)
      : stream(stub.PrepareCall(
            &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue)) {
    void* tag = nullptr;
    bool ok = false;
    stream->StartCall(this);
    queue.Next(&tag, &ok);
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
  grpc::Status end;
};

TEST(Server, RefusesCallsBeyondItsThreads) {
  const auto server =
      Server::Start({.listen = "127.0.0.1:0", .security = {}, .services = {}, .threads_max = 4});
  ASSERT_TRUE(server.ok()) << server.status();
  grpc::GenericStub stub(*MakeChannel(fmt::format("127.0.0.1:{}", (*server)->port()), {}));
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<OpenCall>> calls;
  for (int i = 0; i < 8; ++i) calls.push_back(std::make_unique<OpenCall>(stub, queue));
  for (const auto& call : calls) call->stream->Finish(&call->end, call.get());
  void* tag = nullptr;
  bool ok = false;
  const auto patience = std::chrono::system_clock::now() + std::chrono::seconds(10);
  size_t ended = queue.AsyncNext(&tag, &ok, patience) == grpc::CompletionQueue::GOT_EVENT ? 1 : 0;
  EXPECT_EQ(ended, 1U) << "all have threads";
  if (ended > 0) {
    EXPECT_EQ(static_cast<OpenCall*>(tag)->end.error_code(), grpc::RESOURCE_EXHAUSTED);
  }
  for (const auto& call : calls) call->context.TryCancel();
  for (; ended < calls.size(); ++ended) queue.Next(&tag, &ok);
}

TEST(Channel, ConnectsToAServer) {
  const auto server = Server::Start({.listen = "127.0.0.1:0", .security = {}, .services = {}});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel = MakeChannel(fmt::format("127.0.0.1:{}", (*server)->port()), {});
  ASSERT_TRUE(channel.ok()) << channel.status();
  EXPECT_TRUE(
      (*channel)->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10)));
  EXPECT_TRUE(absl::IsInvalidArgument(MakeChannel("somewhere", {}).status()));
}

}  // namespace
}  // namespace lrti::rpc
