#include "services/worker/rank/log_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <sstream>

#include "common/base/open_file.h"

namespace lrti::worker {
namespace {

constexpr size_t kTailBytes = 64 << 10;
constexpr size_t kLineBytesMax = 1 << 10;

// Bytes of the UTF-8 character at `at`; 0 where there is none.
size_t CharacterBytes(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(at);
  if (lead < 0x80) return 1;
  const size_t bytes = lead >= 0xc2 && lead < 0xe0   ? 2
                       : lead >= 0xe0 && lead < 0xf0 ? 3
                       : lead >= 0xf0 && lead < 0xf5 ? 4
                                                     : 0;
  if (bytes == 0 || at + bytes > text.size()) return 0;
  for (size_t i = at + 1; i < at + bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const uint8_t second = byte(at + 1);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool beyond = (lead == 0xed && second >= 0xa0) || (lead == 0xf4 && second >= 0x90);
  return overlong || beyond ? 0 : bytes;
}

std::string Tail(const std::string& path) {
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!file.valid() || ::fstat(file.fd(), &info) != 0) return "";
  std::string tail(kTailBytes, '\0');
  const off_t from = std::max<off_t>(0, info.st_size - static_cast<off_t>(kTailBytes));
  const ssize_t got = ::pread(file.fd(), tail.data(), tail.size(), from);
  tail.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return tail;
}

}  // namespace

std::string PlainText(const std::string& text, size_t bytes_max) {
  std::string plain;
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = CharacterBytes(text, at);
    if (plain.size() + std::max<size_t>(1, bytes) > bytes_max) break;
    if (bytes == 0) {
      plain += '?';
    } else {
      plain.append(text, at, bytes);
    }
    at += std::max<size_t>(1, bytes);
  }
  return plain;
}

std::vector<std::string> LastLines(const std::string& path, size_t lines_max) {
  std::vector<std::string> lines;
  std::istringstream text(Tail(path));
  for (std::string line; std::getline(text, line);) lines.push_back(PlainText(line, kLineBytesMax));
  if (lines.size() > lines_max) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(lines_max));
  }
  return lines;
}

}  // namespace lrti::worker
