#pragma once

#include <string>
#include <vector>

namespace lrti::report {

/// Rows of text in aligned columns under their headers and a rule: the first column to the left,
/// the others to the right, two spaces apart, no space at the end of a line. Characters count, not
/// bytes. REQUIRES: as many cells in each row as headers.
std::string FormatTable(const std::vector<std::string>& headers,
                        const std::vector<std::vector<std::string>>& rows);

}  // namespace lrti::report
