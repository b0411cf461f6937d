#include "train/formats/utf8.h"

#include <cstddef>
#include <cstdint>

namespace lrti::formats {
namespace {

// Continuation bytes after `lead`; -1 where no character begins so.
int Following(uint8_t lead) {
  if (lead < 0x80) return 0;
  if (lead < 0xc2) return -1;
  if (lead < 0xe0) return 1;
  if (lead < 0xf0) return 2;
  return lead < 0xf5 ? 3 : -1;
}

// The second byte rules out long forms, surrogates and what lies beyond U+10FFFF.
bool SecondFits(uint8_t lead, uint8_t second) {
  const uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  return least <= second && second <= most;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i++]);
    const int following = Following(lead);
    if (following < 0 || text.size() - i < static_cast<size_t>(following)) return false;
    if (following > 0 && !SecondFits(lead, static_cast<uint8_t>(text[i]))) return false;
    for (int k = 0; k < following; ++k) {
      if ((static_cast<uint8_t>(text[i++]) & 0xc0) != 0x80) return false;
    }
  }
  return true;
}

}  // namespace lrti::formats
