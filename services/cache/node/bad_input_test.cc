#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "common/hidden_state/wire/test_items.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/cache/node/test_node.h"
#include "services/cache/node/test_peer.h"

// What a peer may say wrong: its lane closes and says why, or the item errs; other lanes go on, and
// nothing stays taken.
namespace lrti::cache {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using wire::FrameHeader;
using wire::FrameType;
using wire::Outcome;

FrameHeader GetHeader() {
  return {.type = FrameType::kGet, .request = 1, .deadline_us = TestPeer::kDeadlineUs};
}
wire::Bytes GetMeta() {
  return wire::Encode(wire::Get{.rule = TestPeer::kAnyAge, .keys = {{.job = 1}}});
}

// The bytes of a frame with one number of its header changed, and the CRC that belongs to it.
template <typename Number>
wire::Bytes Changed(wire::Bytes bytes, size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
  std::memset(bytes.data() + 8, 0, 4);
  const uint32_t crc = Crc32c(wire::ByteView(bytes).first(wire::kHeaderBytes));
  std::memcpy(bytes.data() + 8, &crc, sizeof crc);
  return bytes;
}

// A neighbour that must not notice.
class BadInput : public ::testing::Test {
 protected:
  void SetUp() override {
    neighbour_ = std::make_unique<TestPeer>(node_.Tcp(1, 2));
    ASSERT_EQ(neighbour_->Put(kept_), Outcome::kOk);
  }
  void TearDown() override {
    EXPECT_TRUE(neighbour_->Has(kept_)) << "another lane goes on";
    node_.WaitUntil([](const NodeStats& stats) { return stats.lanes == 1; });
    EXPECT_EQ(node_->GetStats().engine.states.slots_busy, 0u);
    EXPECT_EQ(node_->GetStats().engine.states.leased_bytes, 0u);
  }

  // Sends the bytes on a new lane and expects its end.
  void ExpectRefused(wire::ByteView bytes, const std::string& message,
                     Outcome outcome = Outcome::kProtocol) {
    TestPeer peer = node_.Tcp();
    ASSERT_TRUE(peer.SendBytes(bytes));
    EXPECT_THAT(peer.ExpectError(outcome), HasSubstr(message));
  }

  TestNode node_{Engine::Options{.pool_bytes = 16 << 20}};
  const TestPeer::State kept_ = TestPeer::MakeState(900, kSmall);
  std::unique_ptr<TestPeer> neighbour_;
};

TEST_F(BadInput, EachHeaderFieldWrongInTurnClosesTheLane) {
  const wire::Bytes get = TestPeer::Encoded(GetHeader(), GetMeta());
  const wire::Bytes ping = TestPeer::Encoded({.type = FrameType::kPing, .request = 1});
  const std::vector<std::pair<wire::Bytes, std::string>> cases = {
      {Changed(get, 0, uint32_t{0x32435348}), "magic 0x32435348"},
      {Changed(get, 4, uint8_t{0}), "version 0, not 1"},
      {Changed(get, 4, uint8_t{255}), "version 255, not 1"},
      {Changed(get, 5, uint8_t{2}), "HELLO_ACK frame"},
      {Changed(get, 6, uint16_t{2}), "flags is 2"},
      {wire::With(get, 8, uint32_t{0}), "header CRC does not agree"},
      {Changed(get, 12, uint32_t{0}), "GET frame: its meta length is zero"},
      {Changed(get, 12, wire::kMetaBytesMax + 1), "meta length is 65537"},
      {Changed(get, 16, uint64_t{1}), "it has no payload length"},
      {Changed(get, 16, wire::kChunkBytes + 1), "payload length is 1048577"},
      {Changed(get, 16, ~uint64_t{0}), "payload length is 18446744073709551615"},
      {Changed(get, 24, uint64_t{0}), "its request id is zero"},
      {Changed(get, 32, uint64_t{0}), "its deadline is zero"},
      {Changed(get, 32, ~uint64_t{0}), "deadline is 18446744073709551615"},
      {Changed(get, 40, uint32_t{1}), "it has no item"},
      {Changed(get, 44, uint32_t{1}), "it has no status"},
      {Changed(get, 44, ~uint32_t{0}), "status is 4294967295"},
      {Changed(get, 48, wire::kChunkBytes), "it has no offset"},
      {Changed(get, 56, uint32_t{1}), "it has no payload CRC"},
      {Changed(get, 60, uint32_t{1}), "the last four bytes"},
      {Changed(Changed(ping, 5, uint8_t{200}), 6, uint16_t{1}), "type 200 is not known and must"},
      {wire::With(get, wire::kHeaderBytes, ~uint32_t{0}), "GET: "},
  };
  for (const auto& [bytes, message] : cases) {
    SCOPED_TRACE(message);
    ExpectRefused(bytes, message);
  }
  EXPECT_EQ(node_->GetStats().protocol_errors, cases.size());
}

TEST_F(BadInput, AnUnknownFrameThatNeedNotBeUnderstoodIsSkipped) {
  TestPeer peer = node_.Tcp();
  const wire::Bytes payload(5000);
  const wire::Bytes bytes =
      TestPeer::Encoded({.type = FrameType::kPutData, .request = 1, .payload_crc = 1}, {}, payload);
  ASSERT_TRUE(peer.SendBytes(Changed(bytes, 5, uint8_t{200})));
  EXPECT_TRUE(peer.Ping());
}

TEST_F(BadInput, FramesOutOfTurnCloseTheLane) {
  const wire::Bytes meta = GetMeta();
  const wire::Bytes outcomes = wire::EncodeOutcomes({Outcome::kOk});
  const std::vector<std::pair<wire::Bytes, std::string>> cases = {
      {TestPeer::Encoded({.type = FrameType::kHello, .deadline_us = 1},
                         wire::Encode(TestPeer::HelloOf(1, 1))),
       "HELLO comes out of turn"},
      {TestPeer::Encoded({.type = FrameType::kPutGrant, .request = 1}, outcomes),
       "PUT_GRANT comes out of turn"},
      {TestPeer::Encoded({.type = FrameType::kGetEnd, .request = 1}), "GET_END comes out of"},
      {TestPeer::Encoded({.type = FrameType::kGoaway}), "GOAWAY comes out of turn"},
      {TestPeer::Encoded({.type = FrameType::kLocate, .request = 1, .deadline_us = 1}, meta),
       "LOCATE: only for a Unix socket"},
      {TestPeer::Encoded({.type = FrameType::kLease, .request = 1, .deadline_us = 1}, meta),
       "LEASE: only for a Unix socket"},
      {TestPeer::Encoded({.type = FrameType::kRelease}, wire::EncodeRelease({{0, 1}})),
       "RELEASE: only for a Unix socket"},
      {TestPeer::Encoded({.type = FrameType::kGet, .request = 1, .deadline_us = 1}, outcomes),
       "GET: "},
  };
  for (const auto& [bytes, message] : cases) {
    SCOPED_TRACE(message);
    ExpectRefused(bytes, message);
  }
  ExpectRefused(TestPeer::Encoded({.type = FrameType::kInvalidate, .request = 1, .deadline_us = 1},
                                  wire::Encode(wire::Invalidate{.job = 7})),
                "INVALIDATE: of job 7 on a lane of job 1", Outcome::kWrongToken);
  TestPeer early = TestPeer::Tcp(node_->port());
  ASSERT_TRUE(early.Send(GetHeader(), meta));
  EXPECT_THAT(early.ExpectError(), HasSubstr("GET comes before HELLO"));
}

TEST_F(BadInput, HelloWithVersionsThatNobodySpeaksIsRefused) {
  struct Case {
    uint8_t least;
    uint8_t most;
    Outcome outcome;
  };
  for (const auto& [least, most, outcome] :
       {Case{0, 1, Outcome::kProtocol}, Case{2, 255, Outcome::kWrongVersion},
        Case{255, 255, Outcome::kWrongVersion}, Case{3, 2, Outcome::kProtocol}}) {
    TestPeer peer = TestPeer::Tcp(node_->port());
    wire::Hello hello = TestPeer::HelloOf(1, 1);
    hello.version_min = least;
    hello.version_max = most;
    ASSERT_TRUE(peer.SayHello(hello));
    EXPECT_THAT(peer.ExpectError(outcome), HasSubstr("HELLO: versions"));
  }
}

TEST_F(BadInput, APeerThatSpeaksSomethingElseIsToldSo) {
  TestPeer peer = TestPeer::Tcp(node_->port());
  const std::string http =
      "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: something longer\r\n\r\n";
  ASSERT_TRUE(peer.SendBytes(std::as_bytes(std::span(http))));
  EXPECT_THAT(peer.ExpectError(), HasSubstr("the peer speaks something else"));
}

TEST_F(BadInput, ChunksOutOfTheirPlaceCloseTheLane) {
  const TestPeer::State state = TestPeer::MakeState(0, 600'000);  // two chunks
  const TestPeer::State small = TestPeer::MakeState(1, kSmall);
  const wire::ByteView bytes = state.bytes;
  const auto data = [](uint32_t item, uint64_t offset, wire::ByteView payload) {
    return TestPeer::Encoded(
        {.type = FrameType::kPutData, .request = 1, .item = item, .offset = offset}, {}, payload);
  };
  const std::vector<std::pair<wire::Bytes, std::string>> cases = {
      {data(2, 0, bytes.first(200)), "PUT_DATA: item 2 of 2"},
      {data(0, 0, bytes.first(200)), "payload length 200, where the chunk at 0"},
      {data(1, 0, bytes.first(201)), "payload length 201, where the chunk at 0 of 200 bytes has"},
      {data(0, wire::kChunkBytes, bytes.first(200'000 - 48'576)), "goes on at 1048576, where 0"},
      {data(0, 2 * wire::kChunkBytes, bytes.first(200)), "offset 2097152 is no chunk"},
      {data(0, wire::kItemBytesMax - wire::kChunkBytes, bytes.first(200)), "is no chunk of an"},
      {TestPeer::Encoded(GetHeader(), GetMeta()), "GET: a put is still under way"},
  };
  for (const auto& [chunk, message] : cases) {
    SCOPED_TRACE(message);
    TestPeer peer = node_.Tcp();
    ASSERT_TRUE(peer.BeginPut({state, small}, 1));
    peer.Expect(FrameType::kPutGrant);
    ASSERT_TRUE(peer.SendBytes(chunk));
    EXPECT_THAT(peer.ExpectError(), HasSubstr(message));
  }
  TestPeer twice = node_.Tcp();
  ASSERT_TRUE(twice.BeginPut({state, small}, 1));
  twice.Expect(FrameType::kPutGrant);
  ASSERT_TRUE(twice.SendBytes(TestPeer::Chunk(state, 1, 0, 0)));
  ASSERT_TRUE(twice.SendBytes(TestPeer::Chunk(state, 1, 0, 0)));
  EXPECT_THAT(twice.ExpectError(), HasSubstr("goes on at 0, where 1048576 is next"));
}

TEST_F(BadInput, APutWithoutCreditSaysSo) {
  const wire::Bytes payload(100);
  ExpectRefused(TestPeer::Encoded({.type = FrameType::kPutBegin, .request = 1, .deadline_us = 1},
                                  wire::EncodePutBegin({TestPeer::MakeState(0, 50).item}), payload),
                "100 bytes of payload, beyond the credit of 0");
}

TEST_F(BadInput, AnItemAtOddsWithItselfErrsAloneAndSoDoesADuplicate) {
  struct Case {
    std::string name;
    std::function<void(wire::Item&)> change;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<Case> cases = {
      {"shape x dtype is not the size", [](wire::Item& item) { item.bytes += 2; }},
      {"zero length", [](wire::Item& item) { item.bytes = 0; }},
      {"NaN scale",
       [nan](wire::Item& item) {
         item.encoding = codec::Encoding::kInt8;
         item.bytes /= 2;
         item.scales = {nan};
       }},
      {"missing scale",
       [](wire::Item& item) {
         item.encoding = codec::Encoding::kInt8;
         item.bytes /= 2;
       }},
      {"NaN error", [nan](wire::Item& item) { item.error_max = nan; }},
      {"overflow",
       [](wire::Item& item) {
         item.shape = {int64_t{1} << 62, 4};
       }},
      {"negative", [](wire::Item& item) { item.shape = {-kSmall}; }},
      {"encoding", [](wire::Item& item) { item.encoding = static_cast<codec::Encoding>(77); }},
      {"duplicate", [](wire::Item& item) { item.key.frame = 0; }},
      {"another job", [](wire::Item& item) { item.key.job = 2; }},
  };
  TestPeer peer = node_.Tcp();
  for (const auto& [name, change] : cases) {
    SCOPED_TRACE(name);
    TestPeer::State wrong = TestPeer::MakeState(1, kSmall);
    change(wrong.item);
    const std::vector<TestPeer::State> states = {TestPeer::MakeState(0, kSmall), wrong,
                                                 TestPeer::MakeState(2, kSmall)};
    EXPECT_THAT(peer.Put(states), ElementsAre(Outcome::kOk, Outcome::kBadItem, Outcome::kOk));
    EXPECT_TRUE(peer.Has(states[0]));
    EXPECT_TRUE(peer.Has(states[2]));
  }
  peer.Close();
}

TEST_F(BadInput, AnExchangeCutAtAnyByteLeavesNothingTaken) {
  const TestPeer::State state = TestPeer::MakeState(5, kSmall);
  wire::Bytes exchange =
      TestPeer::Encoded({.type = FrameType::kHello, .deadline_us = TestPeer::kDeadlineUs},
                        wire::Encode(TestPeer::HelloOf(1, 9)));
  for (const wire::Bytes& more :
       {TestPeer::Encoded(
            {.type = FrameType::kPutBegin, .request = 1, .deadline_us = TestPeer::kDeadlineUs},
            wire::EncodePutBegin({state.item})),
        TestPeer::Chunk(state, 1, 0, 0)}) {
    exchange.insert(exchange.end(), more.begin(), more.end());
  }
  for (size_t length = 0; length < exchange.size(); ++length) {
    TestPeer peer = TestPeer::Tcp(node_->port());
    ASSERT_TRUE(peer.SendBytes(wire::ByteView(exchange).first(length)));
    ASSERT_EQ(::shutdown(peer.fd(), SHUT_WR), 0);
    while (peer.Receive()) {
    }
  }
  EXPECT_EQ(neighbour_->Get(state.item.key).outcome, Outcome::kMiss);
  EXPECT_EQ(node_->GetStats().engine.stored, 1u);
  TestPeer whole = TestPeer::Tcp(node_->port());
  ASSERT_TRUE(whole.SendBytes(exchange));
  whole.Expect(FrameType::kHelloAck);
  whole.Expect(FrameType::kPutGrant);
  whole.Expect(FrameType::kPutDone);
  EXPECT_TRUE(neighbour_->Has(state));
}

}  // namespace
}  // namespace lrti::cache
