#pragma once

#include <string_view>

namespace lrti::data {

/// Order of names as people count: runs of digits compare as numbers, so that 2.png comes before
/// 10.png. A strict order: names that differ only in leading zeros compare as text.
bool NaturalLess(std::string_view a, std::string_view b);

}  // namespace lrti::data
