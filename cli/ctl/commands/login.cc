#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr size_t kTokenBytesMax = 4096;

// The terminal shows nothing of what is typed while this lives.
class NoEcho {
 public:
  NoEcho() : changed_(::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &old_) == 0) {
    if (!changed_) return;
    termios silent = old_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
  }
  ~NoEcho() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSANOW, &old_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

  bool is_terminal() const { return changed_; }

 private:
  termios old_{};
  bool changed_;
};

absl::StatusOr<std::string> ReadNewToken(const Session& session, const std::string& file) {
  std::string text;
  if (!file.empty()) {
    const auto read = ReadFile(file, kTokenBytesMax);
    if (!read.ok()) return InvalidArgument("{}", Message(read.status()));
    text = *read;
  } else {
    const NoEcho no_echo;
    if (no_echo.is_terminal()) session.console().err("Token: ");
    std::getline(std::cin, text);
    if (no_echo.is_terminal()) session.console().err("\n");
  }
  const std::string token(absl::StripAsciiWhitespace(text));
  if (token.empty() || token.size() > kTokenBytesMax ||
      token.find_first_of(" \t\r\n") != std::string::npos) {
    return InvalidArgument("this is no token; lrti-ctl token new makes one");
  }
  return token;
}

absl::Status Store(const std::string& path, const std::string& token) {
  LRTI_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  const mode_t old = ::umask(0077);
  const absl::Status status = WriteFileAtomic(path, token + "\n");
  ::umask(old);
  return status;
}

absl::StatusOr<int> Login(Session& session, const std::string& file) {
  const std::string path = TokenFile(session.variable());
  if (path.empty()) return InvalidArgument("neither XDG_CONFIG_HOME nor HOME is set");
  LRTI_ASSIGN_OR_RETURN(const std::string token, ReadNewToken(session, file));
  LRTI_RETURN_IF_ERROR(Store(path, token));
  session.console().Say("stored in " + path);
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  const auto info = [&] {
    const Notice notice = session.Waiting();
    return client->ServerInfo();
  }();
  if (info.ok()) {
    session.console().Say("the coordinator at " + client->coordinator() + " takes it");
    return kOk;
  }
  if (!absl::IsUnavailable(info.status())) return info.status();
  session.console().Say("it could not be tried: " + Message(info.status()));
  return kOk;
}

}  // namespace

void AddLogin(CLI::App& app, Session& session) {
  auto file = std::make_shared<std::string>();
  AddVerb(app, session, "login",
          "Store a token and try it; it is asked for, or read from stdin or a file.",
          [&session, file] { return Login(session, *file); })
      ->add_option("--token-file", *file, "Read it from this file");
}

}  // namespace lrti::ctl
