#pragma once

namespace lrti::rpc {

/// The same on both sides: a server that is asked more often than it expects closes the connection.
inline constexpr int kMessageBytesMax = 8 << 20;
inline constexpr int kKeepaliveMs = 10'000;
inline constexpr int kKeepaliveTimeoutMs = 5'000;
inline constexpr int kKeepaliveLeastMs = 5'000;

}  // namespace lrti::rpc
