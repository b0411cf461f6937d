#include "cli/ctl/output/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace lrti::ctl {
namespace {

// Writes all, or ends the process quietly where nobody reads any more: `lrti-ctl list | head -1`.
void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && fd == STDOUT_FILENO) _exit(errno == EPIPE ? 0 : 1);
    if (written < 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

std::string_view Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Console Console::OfProcess() {
  Console console;
  console.out = [](std::string_view text) { WriteAll(STDOUT_FILENO, text); };
  console.err = [](std::string_view text) { WriteAll(STDERR_FILENO, text); };
  const std::string_view terminal = Variable("TERM");
  const bool dumb = terminal.empty() || terminal == "dumb";
  console.out_is_terminal = ::isatty(STDOUT_FILENO) == 1 && !dumb;
  console.err_is_terminal = ::isatty(STDERR_FILENO) == 1 && !dumb;
  console.color = console.out_is_terminal && Variable("NO_COLOR").empty();
  return console;
}

void Console::Say(std::string_view line) const {
  if (!quiet) Warn(line);
}

void Console::Warn(std::string_view line) const { err(std::string(line) + "\n"); }

}  // namespace lrti::ctl
