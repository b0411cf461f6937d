#pragma once

#include <memory>

#include "common/rpc/security.h"

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace lrti::rpc {

/// Mutual TLS where `security` names certificates, else none. The files are read again every few
/// seconds, so that new certificates need no restart. REQUIRES: CheckFiles.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const Security& security);
std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(const Security& security);

}  // namespace lrti::rpc
