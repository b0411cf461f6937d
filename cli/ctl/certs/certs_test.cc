#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <memory>

#include "cli/ctl/certs/authority.h"
#include "cli/ctl/certs/token.h"
#include "common/base/files.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/test_files.h"

namespace lrti::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

Certificate ReadCertificate(const std::string& path) {
  FILE* const file = std::fopen(path.c_str(), "r");
  X509* const certificate = PEM_read_X509(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  return {certificate, &X509_free};
}

Key ReadKey(const std::string& path) {
  FILE* const file = std::fopen(path.c_str(), "r");
  EVP_PKEY* const key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  return {key, &EVP_PKEY_free};
}

// Whether the certificate is believed by who believes in `authority`, for this use at that time.
bool Believed(X509* certificate, X509* authority, int purpose, absl::Time now) {
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), &X509_STORE_free);
  X509_STORE_add_cert(store.get(), authority);
  std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                          &X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr);
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(now));
  return X509_verify_cert(context.get()) == 1;
}

TEST(Authority, ServersAndClientsAreBelievedForTheirUse) {
  const TemporaryFolder folder;
  const auto paths =
      MakeAuthority({.folder = folder / "certs", .hosts = {"gpu1.example", "10.0.0.7"}}, kNow);
  ASSERT_TRUE(paths.ok()) << paths.status();
  EXPECT_EQ(paths->size(), 6u);
  const auto authority = ReadCertificate(folder / "certs/ca.pem");
  const auto server = ReadCertificate(folder / "certs/server.pem");
  const auto client = ReadCertificate(folder / "certs/client.pem");
  EXPECT_TRUE(Believed(server.get(), authority.get(), X509_PURPOSE_SSL_SERVER, kNow));
  EXPECT_TRUE(Believed(client.get(), authority.get(), X509_PURPOSE_SSL_CLIENT, kNow));
  EXPECT_FALSE(Believed(client.get(), authority.get(), X509_PURPOSE_SSL_SERVER, kNow));
  EXPECT_FALSE(Believed(server.get(), client.get(), X509_PURPOSE_SSL_SERVER, kNow));
  EXPECT_FALSE(
      Believed(server.get(), authority.get(), X509_PURPOSE_SSL_SERVER, kNow + absl::Hours(99999)));
  for (const char* host : {"localhost", "gpu1.example"}) {
    EXPECT_EQ(X509_check_host(server.get(), host, 0, 0, nullptr), 1) << host;
  }
  for (const char* address : {"127.0.0.1", "::1", "10.0.0.7"}) {
    EXPECT_EQ(X509_check_ip_asc(server.get(), address, 0), 1) << address;
  }
  EXPECT_NE(X509_check_host(server.get(), "other.example", 0, 0, nullptr), 1);
}

TEST(Authority, KeysBelongToTheirCertificatesAndToTheirOwnerAlone) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeAuthority({.folder = folder.path()}, kNow).ok());
  for (const char* name : {"ca", "server", "client"}) {
    SCOPED_TRACE(name);
    const std::string key_path = folder / std::string(name) + ".key";
    const auto certificate = ReadCertificate(folder / std::string(name) + ".pem");
    EXPECT_EQ(X509_check_private_key(certificate.get(), ReadKey(key_path).get()), 1);
    struct stat about {};
    ASSERT_EQ(::stat(key_path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600u);
  }
}

TEST(Authority, NothingIsOverwrittenUnlessForced) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeAuthority({.folder = folder.path()}, kNow).ok());
  const std::string before = *ReadFile(folder / "ca.key", 1 << 20);
  const auto again = MakeAuthority({.folder = folder.path()}, kNow);
  EXPECT_EQ(again.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Message(again.status()), HasSubstr("--force"));
  EXPECT_EQ(*ReadFile(folder / "ca.key", 1 << 20), before);
  EXPECT_TRUE(MakeAuthority({.folder = folder.path(), .force = true}, kNow).ok());
  EXPECT_NE(*ReadFile(folder / "ca.key", 1 << 20), before);
}

TEST(Authority, AHostThatIsNoneIsRefusedBeforeAnythingIsWritten) {
  const TemporaryFolder folder;
  const auto paths = MakeAuthority({.folder = folder / "certs", .hosts = {"a b,IP:1.2.3.4"}}, kNow);
  EXPECT_EQ(Message(paths.status()),
            "--host 'a b,IP:1.2.3.4' is neither a host's name nor an IP address");
  EXPECT_FALSE(ListFolder(folder / "certs").ok());
}

TEST(Token, IsKnownByItsHashAlone) {
  const auto made = MakeToken("user", "ablation", "ada");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(made->token, MatchesRegex("lrti_[0-9a-f]{64}"));
  EXPECT_EQ(made->line, "sha256:" + Sha256Hex(made->token) + " user ablation ada");
  EXPECT_NE(MakeToken("user", "ablation", "ada")->token, made->token);
}

TEST(Token, RefusesRolesAndNamesThatAFileCannotHold) {
  EXPECT_THAT(Message(MakeToken("root", "p", "u").status()),
              HasSubstr("viewer, user, admin or agent"));
  EXPECT_THAT(Message(MakeToken("user", "a b", "u").status()), HasSubstr("--project 'a b'"));
  EXPECT_THAT(Message(MakeToken("user", "p", "").status()), HasSubstr("--user ''"));
}

}  // namespace
}  // namespace lrti::ctl
