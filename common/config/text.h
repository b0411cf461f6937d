#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace lrti::config {

/// Where `text` stops being UTF-8 without control characters (line ends and tabs are welcome), or
/// nothing where all of it is.
std::optional<size_t> FirstByteThatIsNotText(const std::string& text);

/// `text` as a message may show it: one line, not too long.
std::string Shown(const std::string& text);

/// The name that was probably meant, a slip of the finger away from `name`; empty: none is near.
std::string Nearest(const std::string& name, const std::vector<std::string>& known);

/// `did you mean 'iterations'? known: iterations, seed`, without the question where none is near.
std::string Suggest(const std::string& name, const std::vector<std::string>& known);

}  // namespace lrti::config
