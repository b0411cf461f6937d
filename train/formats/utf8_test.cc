#include "train/formats/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace lrti::formats {
namespace {

TEST(Utf8, TakesEveryLengthUpToItsBounds) {
  for (const std::string text :
       {"", "plain", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa4z"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
}

TEST(Utf8, RefusesLongFormsSurrogatesCutsAndStrayBytes) {
  for (const std::string text : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
                                 "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
                                 "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3\x41", "\xe2\x82\x41"}) {
    EXPECT_FALSE(IsUtf8(text)) << text.size() << " bytes from " << +text[0];
  }
}

}  // namespace
}  // namespace lrti::formats
