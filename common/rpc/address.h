#pragma once

#include <string>

namespace lrti::rpc {

/// The host of `host:port` or `[host]:port`; empty for anything else.
std::string HostOf(const std::string& address);

/// An IPv4 or IPv6 address in digits.
bool IsIpAddress(const std::string& host);

/// Whether only this host can connect to `host:port`: it is an address of loopback.
bool IsLoopback(const std::string& address);

}  // namespace lrti::rpc
