#include "cli/ctl/certs/authority.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

template <auto function>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    function(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using Memory = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

constexpr long kX509Version3 = 2;
constexpr absl::Duration kBackdated = absl::Hours(1);  // for clocks that are a little behind

absl::Status OpensslError(const char* doing) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return Error(absl::StatusCode::kInternal, "OpenSSL cannot {}: {}", doing, text.data());
}

// What a certificate is for.
struct Purpose {
  std::string common_name;
  std::vector<std::pair<int, std::string>> extensions;
};

struct Pair {
  Key key;
  Certificate certificate;
};

bool AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetSerial(X509* certificate) {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), random.size()) != 1) return false;
  random[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, FreeWith<BN_free>> number(
      BN_bin2bn(random.data(), random.size(), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetName(X509* certificate, const std::string& common_name) {
  X509_NAME* const name = X509_get_subject_name(certificate);
  const auto add = [name](const char* field, const std::string& text) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1,
                                      0) == 1;
  };
  return add("O", "LRTI") && add("CN", common_name);
}

// A key with a certificate, signed by `authority` or, without one, by itself.
absl::StatusOr<Pair> Issue(const Purpose& purpose, const Pair* authority, absl::Time now,
                           absl::Duration life) {
  Pair pair{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  if (!pair.key || !pair.certificate) return OpensslError("make a key");
  X509* const certificate = pair.certificate.get();
  X509* const issuer = authority == nullptr ? certificate : authority->certificate.get();
  EVP_PKEY* const signer = authority == nullptr ? pair.key.get() : authority->key.get();
  bool ok = X509_set_version(certificate, kX509Version3) == 1 && SetSerial(certificate) &&
            ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(now - kBackdated)) &&
            ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(now + life)) &&
            X509_set_pubkey(certificate, pair.key.get()) == 1 &&
            SetName(certificate, purpose.common_name) &&
            X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1;
  for (const auto& [kind, value] : purpose.extensions) {
    ok = ok && AddExtension(certificate, issuer, kind, value);
  }
  ok = ok && X509_sign(certificate, signer, EVP_sha256()) > 0;
  if (!ok) return OpensslError("make a certificate");
  return pair;
}

bool IsAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

bool IsHostName(const std::string& host) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.*";
  return !host.empty() && host.size() <= 253 &&
         host.find_first_not_of(kAllowed) == std::string::npos;
}

absl::StatusOr<std::string> AlternativeNames(const std::vector<std::string>& hosts) {
  std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"};
  for (const std::string& host : hosts) {
    if (IsAddress(host)) {
      names.push_back("IP:" + host);
    } else if (IsHostName(host)) {
      names.push_back("DNS:" + host);
    } else {
      return InvalidArgument("--host '{}' is neither a host's name nor an IP address", host);
    }
  }
  return absl::StrJoin(names, ",");
}

Purpose AuthorityPurpose() {
  return {"LRTI local authority",
          {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
           {NID_key_usage, "critical,keyCertSign,cRLSign"},
           {NID_subject_key_identifier, "hash"}}};
}

Purpose EndPurpose(const std::string& common_name, const std::string& use,
                   const std::string& names) {
  return {common_name,
          {{NID_basic_constraints, "critical,CA:FALSE"},
           {NID_key_usage, "critical,digitalSignature"},
           {NID_ext_key_usage, use},
           {NID_subject_key_identifier, "hash"},
           {NID_authority_key_identifier, "keyid"},
           {NID_subject_alt_name, names}}};
}

absl::StatusOr<std::string> Pem(const Memory& memory, bool written) {
  char* data = nullptr;
  const long size = written ? BIO_get_mem_data(memory.get(), &data) : 0;
  if (size <= 0) return OpensslError("write PEM");
  return std::string(data, static_cast<size_t>(size));
}

absl::StatusOr<std::string> KeyPem(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_mem()));
  return Pem(memory, PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr,
                                                   nullptr) == 1);
}

absl::StatusOr<std::string> CertificatePem(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  return Pem(memory, PEM_write_bio_X509(memory.get(), certificate) == 1);
}

// Files of the owner alone while this lives.
class PrivateFiles {
 public:
  PrivateFiles() : old_(::umask(0077)) {}
  ~PrivateFiles() { ::umask(old_); }
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;

 private:
  const mode_t old_;
};

using Texts = std::vector<std::pair<std::string, std::string>>;  // file names and contents

absl::Status AddPair(const std::string& name, const Pair& pair, Texts& texts) {
  LRTI_ASSIGN_OR_RETURN(std::string certificate, CertificatePem(pair.certificate.get()));
  LRTI_ASSIGN_OR_RETURN(std::string key, KeyPem(pair.key.get()));
  texts.emplace_back(name + ".key", std::move(key));
  texts.emplace_back(name + ".pem", std::move(certificate));
  return absl::OkStatus();
}

absl::StatusOr<Texts> MakeTexts(const AuthorityOptions& options, absl::Time now) {
  LRTI_ASSIGN_OR_RETURN(const std::string names, AlternativeNames(options.hosts));
  LRTI_ASSIGN_OR_RETURN(const Pair authority,
                        Issue(AuthorityPurpose(), nullptr, now, options.life));
  LRTI_ASSIGN_OR_RETURN(const Pair server,
                        Issue(EndPurpose("lrti-server", "serverAuth,clientAuth", names), &authority,
                              now, options.life));
  LRTI_ASSIGN_OR_RETURN(const Pair client,
                        Issue(EndPurpose("lrti-client", "clientAuth", "DNS:lrti-client"),
                              &authority, now, options.life));
  Texts texts;
  LRTI_RETURN_IF_ERROR(AddPair("ca", authority, texts));
  LRTI_RETURN_IF_ERROR(AddPair("server", server, texts));
  LRTI_RETURN_IF_ERROR(AddPair("client", client, texts));
  return texts;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> MakeAuthority(const AuthorityOptions& options,
                                                       absl::Time now) {
  LRTI_ASSIGN_OR_RETURN(const Texts texts, MakeTexts(options, now));
  for (const auto& [name, text] : texts) {
    const std::string path = JoinPath(options.folder, name);
    if (!options.force && ::access(path.c_str(), F_OK) == 0) {
      return Error(absl::StatusCode::kAlreadyExists,
                   "{} is there already, and programs may rely on it; --force makes new ones in "
                   "place of all six files",
                   path);
    }
  }
  const PrivateFiles private_files;
  LRTI_RETURN_IF_ERROR(MakeFolders(options.folder));
  std::vector<std::string> paths;
  for (const auto& [name, text] : texts) {
    paths.push_back(JoinPath(options.folder, name));
    LRTI_RETURN_IF_ERROR(WriteFileAtomic(paths.back(), text));
  }
  return paths;
}

}  // namespace lrti::ctl
