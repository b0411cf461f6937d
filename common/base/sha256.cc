#include "common/base/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  LRTI_CHECK(context_ != nullptr);
  LRTI_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::Update(std::string_view bytes) {
  LRTI_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::Finish() {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  LRTI_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1);
  LRTI_CHECK(size == digest.size());
  std::string hex;
  hex.reserve(64);
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Finish();
}

absl::StatusOr<FileDigest> DigestFile(const std::string& path) {
  Sha256 hash;
  FileDigest digest;
  LRTI_RETURN_IF_ERROR(ReadInPieces(path, [&](std::string_view piece) {
    hash.Update(piece);
    digest.bytes += piece.size();
    return absl::OkStatus();
  }));
  digest.sha256 = hash.Finish();
  return digest;
}

}  // namespace lrti
