#pragma once

#include <string>
#include <tuple>

#include "absl/status/statusor.h"
#include "common/config/schema.h"

namespace lrti::rpc {

/// Who a program is to others, and whom it believes. Empty: no encryption, which is for loopback.
struct Security {
  std::string ca;
  std::string certificate;
  std::string key;
  std::string token_file;

  static auto Fields() {
    return std::tuple{
        config::Field{"ca", &Security::ca,
                      "PEM file of the authority whose certificates are believed (lrti-ctl certs "
                      "init makes one). Both sides must then show a certificate."},
        config::Field{"certificate", &Security::certificate, "PEM file shown to others."},
        config::Field{"key", &Security::key, "PEM file of the certificate's private key."},
        config::Field{"token_file", &Security::token_file,
                      "File with the token that is sent with every call (lrti-ctl token new)."},
    };
  }

  bool encrypted() const { return !ca.empty(); }
};
static_assert(config::Covered<Security>);

/// Checks that the three PEM files are there together and can be read. Errors: InvalidArgument.
absl::Status CheckFiles(const Security& security);

/// Whether a server may listen at `address`: anywhere with certificates, else on loopback alone.
/// Errors: InvalidArgument saying so.
absl::Status CheckListen(const std::string& address, const Security& security);

/// The token of `token_file`, without white space around it; empty where no file is named.
/// Errors: InvalidArgument for a file that cannot be read, that others may read, or that is no
/// token.
absl::StatusOr<std::string> ReadToken(const Security& security);

}  // namespace lrti::rpc
