#pragma once

#include <string>
#include <vector>

namespace lrti::worker {

/// The last lines of a log, at most `lines_max` of at most 1 KiB each; what is not UTF-8 becomes
/// '?'. None where there is no such file.
std::vector<std::string> LastLines(const std::string& path, size_t lines_max = 50);

/// `text` with every byte that is no part of UTF-8 replaced by '?', and at most `bytes_max` long.
std::string PlainText(const std::string& text, size_t bytes_max);

}  // namespace lrti::worker
