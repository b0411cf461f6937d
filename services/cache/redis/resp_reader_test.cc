#include "services/cache/redis/resp_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "common/base/status.h"

namespace lrti::cache {
namespace {

using Kind = RespReader::Kind;
using Answer = RespReader::Answer;

// Feeds `text` in reads of at most `piece` bytes.
absl::Status Feed(RespReader& reader, std::string_view text, size_t piece) {
  while (!text.empty()) {
    size_t taken = 0;
    for (const std::span<std::byte>& space : reader.Space()) {
      const size_t bytes = std::min({space.size(), piece - taken, text.size() - taken});
      if (bytes > 0) std::memcpy(space.data(), text.data() + taken, bytes);
      taken += bytes;
    }
    LRTI_RETURN_IF_ERROR(reader.Received(taken));
    text.remove_prefix(taken);
  }
  return absl::OkStatus();
}

std::vector<Answer> Answers(RespReader& reader) {
  std::vector<Answer> answers;
  while (auto answer = reader.Next()) answers.push_back(*std::move(answer));
  return answers;
}

TEST(RespReader, TellsAnswersApartHoweverTheyArrive) {
  const std::string text = "+OK\r\n$5\r\nhe\r\no\r\n$-1\r\n:42\r\n$0\r\n\r\n-ERR no\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    SCOPED_TRACE(piece);
    RespReader reader;
    std::array<std::byte, 5> value{};
    reader.Expect({});
    reader.Expect(value);
    for (int i = 0; i < 4; ++i) reader.Expect({});
    ASSERT_TRUE(Feed(reader, text, piece).ok());
    EXPECT_THAT(Answers(reader),
                testing::ElementsAre(Answer{Kind::kSimple, "OK"}, Answer{Kind::kValue, ""},
                                     Answer{Kind::kNil, ""}, Answer{Kind::kInteger, "42"},
                                     Answer{Kind::kValue, ""}, Answer{Kind::kError, "ERR no"}));
    EXPECT_EQ(std::memcmp(value.data(), "he\r\no", 5), 0);
    EXPECT_EQ(reader.pending(), 0u);
  }
}

TEST(RespReader, OffersTheValueItselfAsPlaceForItsBytes) {
  RespReader reader;
  std::vector<std::byte> value(1 << 20);
  reader.Expect(value);
  ASSERT_TRUE(Feed(reader, "$1048576\r\nab", 64).ok());
  EXPECT_EQ(reader.Space()[0].data(), value.data() + 2);
  EXPECT_EQ(reader.Space()[0].size(), value.size() - 2);
}

TEST(RespReader, SaysWhatIsNoAnswer) {
  struct Case {
    std::string text, message;
  };
  const std::string endless(RespReader::kLineBytesMax, '-');
  const std::array cases = {
      Case{"$4\r\nabcdef", "redis: a value goes on behind its end"},
      Case{"$5\r\n", "redis: a value of 5 bytes, not 4"},
      Case{"$99999999999999999999\r\n", "redis: a value without a size"},
      Case{"$-2\r\n", "redis: a value without a size"},
      Case{"$4x\r\n", "redis: a value without a size"},
      Case{"$\r\n", "redis: a value without a size"},
      Case{"*1\r\n", "redis: an answer of an unknown kind"},
      Case{"\r\n", "redis: an answer of an unknown kind"},
      Case{"+a\r\n+b\r\n", "redis: an answer that nothing asked for"},
      Case{endless, "redis: a line of more than 1024 bytes"},
  };
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(text);
    RespReader reader;
    std::array<std::byte, 4> value{};
    reader.Expect(value);
    const absl::Status status = Feed(reader, text, text.size());
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Message(status), message);
  }
}

}  // namespace
}  // namespace lrti::cache
