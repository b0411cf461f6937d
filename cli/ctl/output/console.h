#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace lrti::ctl {

/// Where lrti-ctl writes: data to standard output, talk to standard error. Tests give their own.
struct Console {
  std::function<void(std::string_view)> out;
  std::function<void(std::string_view)> err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool color = false;  // of standard output
  bool quiet = false;  // no talk but errors

  /// Standard output and error of the process. Colour where standard output is a terminal that
  /// knows colours (TERM) and its person wants them (NO_COLOR).
  static Console OfProcess();

  /// Data.
  void Print(std::string_view text) const { out(text); }
  /// A line of talk.
  void Say(std::string_view line) const;
  /// A line of talk that --quiet does not silence.
  void Warn(std::string_view line) const;
};

}  // namespace lrti::ctl
