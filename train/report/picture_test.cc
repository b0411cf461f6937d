#include "train/report/picture.h"

#include <set>

#include "gtest/gtest.h"
#include "train/report/font.h"

namespace lrti::report {
namespace {

data::Image Plain(int64_t height, int64_t width, uint8_t value) {
  return {height, width, std::vector<uint8_t>(static_cast<size_t>(height * width * 3), value)};
}

// The picture as text, one character a pixel: letters '#', strip '.', lines '|', else its tens.
std::string Drawn(const data::Image& image) {
  std::string text;
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      const int value = image.at(y, x, 0);
      text += value == 240   ? '#'
              : value == 32  ? '.'
              : value == 255 ? '|'
                             : static_cast<char>('0' + value / 10);
    }
    text += '\n';
  }
  return text;
}

TEST(SideBySide, PutsCaptionsAboveAndLinesBetween) {
  const data::Image whole = SideBySide({{"Lr", Plain(2, 14, 10)}, {"1", Plain(1, 8, 20)}});
  EXPECT_EQ(Drawn(whole),
            "..............||........\n"
            "..............||........\n"
            "..#.....####..||....#...\n"
            "..#.....#...#.||...##...\n"
            "..#.....#...#.||....#...\n"
            "..#.....####..||....#...\n"
            "..#.....#.#...||....#...\n"
            "..#.....#..#..||....#...\n"
            "..#####.#...#.||...###..\n"
            "..............||........\n"
            "..............||........\n"
            "11111111111111||22222222\n"
            "11111111111111||00000000\n");
}

TEST(SideBySide, KeepsEveryPixelOfTheImages) {
  data::Image image{3, 5, {}};
  for (uint8_t i = 0; i < 45; ++i) image.pixels.push_back(static_cast<uint8_t>(i * 5));
  const data::Image whole = SideBySide({{"a", image}, {"b", image}});
  const int64_t strip = whole.height - 3;
  for (int64_t y = 0; y < 3; ++y) {
    for (int64_t x = 0; x < 5; ++x) {
      for (int64_t c = 0; c < 3; ++c) {
        EXPECT_EQ(whole.at(strip + y, x, c), image.at(y, x, c));
        EXPECT_EQ(whole.at(strip + y, 7 + x, c), image.at(y, x, c));
      }
    }
  }
}

TEST(SideBySide, CutsACaptionAtItsPanel) {
  const Panel narrow{"a long caption", Plain(1, 10, 0)};
  const data::Image first = SideBySide({narrow, {"", Plain(1, 40, 0)}});
  const data::Image again = SideBySide({{"a", Plain(1, 10, 0)}, {"", Plain(1, 40, 0)}});
  EXPECT_EQ(first.pixels, again.pixels);
}

TEST(SideBySide, LettersGrowWithThePictures) {
  EXPECT_EQ(SideBySide({{"x", Plain(1, 200, 0)}}).height, 1 + 11);
  EXPECT_EQ(SideBySide({{"x", Plain(1, 1280, 0)}}).height, 1 + 5 * 11);
  EXPECT_EQ(SideBySide({{"x", Plain(1, 100'000, 0)}}).height, 1 + 8 * 11);
}

TEST(GlyphOf, TellsTheCharactersOfCaptionsApart) {
  std::set<Glyph> glyphs;
  const std::string characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:-+/=_()|%";
  for (const char character : characters) glyphs.insert(GlyphOf(character));
  EXPECT_EQ(glyphs.size(), characters.size());
  EXPECT_EQ(GlyphOf('q'), GlyphOf('Q'));
  EXPECT_EQ(GlyphOf('\xc3'), GlyphOf('\x01')) << "what has no picture is a box";
  EXPECT_FALSE(glyphs.contains(GlyphOf('\x01')));
}

}  // namespace
}  // namespace lrti::report
