#include "common/base/hash.h"

#include <set>
#include <string>

#include "common/base/crc32c.h"
#include "common/base/sha256.h"
#include "gtest/gtest.h"

namespace lrti {
namespace {

TEST(Fnv1a64, EqualsThePublishedValues) {
  EXPECT_EQ(Fnv1a64(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(Fnv1a64("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(Fnv1a64("foobar"), 0x85944171f73967e8ULL);
}

TEST(Fingerprint, KeepsFieldsApartAndInOrder) {
  const std::set<uint64_t> values = {Fingerprint().Add("ab").Add("c").value(),
                                     Fingerprint().Add("a").Add("bc").value(),
                                     Fingerprint().Add("abc").value(),
                                     Fingerprint().Add("c").Add("ab").value(),
                                     Fingerprint().Add(uint64_t{0}).value(),
                                     Fingerprint().value(),
                                     Fingerprint().Add("").value()};
  EXPECT_EQ(values.size(), 7u);
}

TEST(Fingerprint, NeverChangesBecauseFilesHoldIt) {
  EXPECT_EQ(Fingerprint("video.mp4").Add(uint64_t{7}).value(), 1076709663495819140ULL);
  static_assert(Fingerprint("a").value() == Fingerprint().Add("a").value());
}

TEST(Fingerprint, ManyCloseInputsDoNotMeet) {
  std::set<uint64_t> values;
  for (uint64_t a = 0; a < 100; ++a) {
    for (uint64_t b = 0; b < 100; ++b) values.insert(Fingerprint().Add(a).Add(b).value());
  }
  EXPECT_EQ(values.size(), 10'000u);
}

TEST(Crc32c, EqualsTheValuesOfRfc3720) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising.push_back(c);
  EXPECT_EQ(Crc32c(rising), 0x46dd794eU);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32c, IsTheSameHoweverTheBytesAreCut) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes.push_back(static_cast<char>(i * 37));
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::string_view all = bytes;
    EXPECT_EQ(Crc32c(all.substr(cut), Crc32c(all.substr(0, cut))), Crc32c(all)) << cut;
  }
}

TEST(Crc32c, MasksAsTfRecordFilesDo) {
  // Rotated right by 15, plus the constant, worked out by hand for 0xe3069283.
  EXPECT_EQ(MaskedCrc32c(0xe3069283U), 0xc78ab0e5U);
  EXPECT_EQ(MaskedCrc32c(0), 0xa282ead8U);
}

TEST(Sha256, EqualsTheValuesOfTheStandard) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  for (const char* piece : {"a", "", "bc"}) pieces.Update(piece);
  EXPECT_EQ(pieces.Finish(), Sha256Hex("abc"));
}

}  // namespace
}  // namespace lrti
