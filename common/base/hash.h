#pragma once

#include <cstdint>
#include <string_view>

namespace lrti {

/// FNV-1a, 64 bits. The same on every machine and in every release.
constexpr uint64_t Fnv1a64(std::string_view bytes, uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char byte : bytes) {
    hash ^= static_cast<uint8_t>(byte);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

/// Spreads every bit of `value` over all 64 bits (the finaliser of splitmix64); one to one.
constexpr uint64_t MixBits(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

/// Stable 64-bit name of several values in order: fields do not run together, so ("ab", "c") and
/// ("a", "bc") differ. Against accidents, not against attackers.
class Fingerprint {
 public:
  constexpr Fingerprint() = default;
  constexpr explicit Fingerprint(std::string_view text) { Add(text); }

  constexpr Fingerprint& Add(uint64_t value) {
    state_ = MixBits(state_ ^ value) + 0x9e3779b97f4a7c15ULL;
    return *this;
  }

  constexpr Fingerprint& Add(std::string_view text) {
    return Add(static_cast<uint64_t>(text.size())).Add(Fnv1a64(text));
  }

  constexpr uint64_t value() const { return MixBits(state_); }

 private:
  uint64_t state_ = 0x243f6a8885a308d3ULL;
};

}  // namespace lrti
