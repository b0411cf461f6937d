#include "common/hidden_state/client/endpoint.h"

#include <sys/un.h>

#include <charconv>
#include <set>
#include <string_view>

#include "common/base/status.h"

namespace lrti::hidden_state::client {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kUnix = "unix:";
constexpr size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

absl::Status Wrong(const std::string& text, std::string_view why) {
  return InvalidArgument(
      "endpoint '{}': {}; write tcp://host:port, unix:/path or tcp://host:port+unix:/path", text,
      why);
}

absl::Status ParsePath(const std::string& text, std::string_view rest, Endpoint& endpoint) {
  if (!rest.starts_with(kUnix)) return Wrong(text, "it begins neither with tcp:// nor with unix:");
  endpoint.path = rest.substr(kUnix.size());
  if (!endpoint.path.starts_with('/')) return Wrong(text, "its path does not begin with '/'");
  if (endpoint.path.size() > kPathBytesMax) {
    return Wrong(text, fmt::format("its path is longer than {} bytes", kPathBytesMax));
  }
  return absl::OkStatus();
}

absl::Status ParseTcp(const std::string& text, std::string_view rest, Endpoint& endpoint) {
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return Wrong(text, "it has no port");
  std::string_view host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Wrong(text, "an IPv6 address stands in brackets");
  }
  if (host.empty()) return Wrong(text, "it has no host");
  const std::string_view port = rest.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.begin(), port.end(), endpoint.port);
  if (error != std::errc() || end != port.end() || endpoint.port == 0) {
    return Wrong(text, fmt::format("'{}' is no port", port));
  }
  endpoint.host = host;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text) {
  Endpoint endpoint{.name = text};
  std::string_view rest = text;
  if (rest.starts_with(kTcp)) {
    const size_t plus = rest.find('+');
    LRTI_RETURN_IF_ERROR(ParseTcp(text, rest.substr(0, plus).substr(kTcp.size()), endpoint));
    if (plus == std::string_view::npos) return endpoint;
    endpoint.name = rest.substr(0, plus);
    rest = rest.substr(plus + 1);
  }
  LRTI_RETURN_IF_ERROR(ParsePath(text, rest, endpoint));
  return endpoint;
}

absl::StatusOr<std::vector<Endpoint>> ParseEndpoints(const std::vector<std::string>& texts) {
  if (texts.empty()) return InvalidArgument("endpoints: none is given; name at least one node");
  std::vector<Endpoint> endpoints;
  std::set<std::string> names;
  for (const std::string& text : texts) {
    LRTI_ASSIGN_OR_RETURN(Endpoint endpoint, ParseEndpoint(text));
    if (!names.insert(endpoint.name).second) {
      return InvalidArgument("endpoints: '{}' is given twice", endpoint.name);
    }
    endpoints.push_back(std::move(endpoint));
  }
  return endpoints;
}

}  // namespace lrti::hidden_state::client
