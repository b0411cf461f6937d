#pragma once

#include <string>
#include <string_view>

namespace lrti::formats {

/// Text from a file, fit for a message: at most 100 bytes of it, the unprintable ones escaped.
std::string Shown(std::string_view text);

}  // namespace lrti::formats
