#include "train/report/table.h"

#include "gtest/gtest.h"

namespace lrti::report {
namespace {

TEST(FormatTable, AlignsTextLeftAndNumbersRight) {
  EXPECT_EQ(FormatTable({"method", "PSNR", "SSIM"},
                        {{"bicubic", "26.14", "0.7292"}, {"LRTI-VSR (TB-8)", "9.9", ""}}),
            "method            PSNR    SSIM\n"
            "---------------  -----  ------\n"
            "bicubic          26.14  0.7292\n"
            "LRTI-VSR (TB-8)    9.9\n");
}

TEST(FormatTable, CountsCharactersNotBytes) {
  EXPECT_EQ(FormatTable({"ä", "b"}, {{"äöü", "±1"}, {"xyz", "-10"}}),
            "ä      b\n"
            "---  ---\n"
            "äöü   ±1\n"
            "xyz  -10\n");
}

TEST(FormatTable, AnEmptyTableIsItsHeaders) {
  EXPECT_EQ(FormatTable({"a", "bc"}, {}), "a  bc\n-  --\n");
}

}  // namespace
}  // namespace lrti::report
