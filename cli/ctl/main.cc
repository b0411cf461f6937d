#include <csignal>
#include <string>
#include <vector>

#include "cli/ctl/commands/command_line.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that left is an error of its write
  lrti::ctl::Interrupt interrupt;
  lrti::ctl::Session session(lrti::ctl::Console::OfProcess(), lrti::ProcessVariable, interrupt);
  return lrti::ctl::RunCommandLine(std::vector<std::string>(argv + 1, argv + argc), session);
}
