#pragma once

#include <string_view>

namespace lrti::formats {

/// Whether `text` is UTF-8 as RFC 3629 has it: shortest forms, no surrogates, up to U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace lrti::formats
