#include "cli/ctl/output/log_printer.h"

#include <gtest/gtest.h>

namespace lrti::ctl {
namespace {

struct Printed {
  explicit Printed(bool several)
      : printer(several, [this](std::string_view bytes) { text += bytes; }) {}
  std::string text;
  LogPrinter printer;
};

TEST(LogPrinter, OneRankGoesThroughByteForByte) {
  Printed printed(false);
  printed.printer.Add(0, "step 1\nstep");
  printed.printer.Add(0, " 2\r\xff");
  EXPECT_EQ(printed.text, "step 1\nstep 2\r\xff");
}

TEST(LogPrinter, SeveralRanksKeepTheirLinesWhole) {
  Printed printed(true);
  printed.printer.Add(0, "step 1\nst");
  printed.printer.Add(1, "hello\n\n");
  printed.printer.Add(0, "ep 2\n");
  EXPECT_EQ(printed.text, "rank 0 | step 1\nrank 1 | hello\nrank 1 | \nrank 0 | step 2\n");
}

TEST(LogPrinter, WhatHasNoLineEndComesAtTheEnd) {
  Printed printed(true);
  printed.printer.Add(1, "Killed");
  EXPECT_EQ(printed.text, "");
  printed.printer.Flush();
  printed.printer.Flush();
  EXPECT_EQ(printed.text, "rank 1 | Killed\n");
}

TEST(LogPrinter, AnEndlessLineIsWrittenInPieces) {
  Printed printed(true);
  printed.printer.Add(0, std::string(LogPrinter::kLineBytesMax, 'x'));
  EXPECT_EQ(printed.text.size(), LogPrinter::kLineBytesMax + std::string("rank 0 | \n").size());
}

}  // namespace
}  // namespace lrti::ctl
