#include "services/coordinator/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/file_writer.h"
#include "common/base/status.h"
#include "common/base/test_files.h"

namespace lrti::coordinator {
namespace {

using ::testing::HasSubstr;

TEST(CoordinatorConfig, CertificatesDoNotMakeHttpPrivate) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "pem", "-----BEGIN CERTIFICATE-----\n").ok());
  std::vector<std::string> overrides = {"listen=0.0.0.0:7430", "http=0.0.0.0:7431"};
  for (const char* const field : {"ca", "certificate", "key"}) {
    overrides.push_back(fmt::format("security.{}={}", field, folder / "pem"));
  }
  const std::string refusal = Message(ParseProgramConfig("", overrides).status());
  EXPECT_THAT(refusal, HasSubstr("http: other hosts can connect to 0.0.0.0:7431"));
  EXPECT_THAT(refusal, ::testing::Not(HasSubstr("7430")));
  overrides.push_back("insecure=true");
  EXPECT_TRUE(ParseProgramConfig("", overrides).ok());
}

}  // namespace
}  // namespace lrti::coordinator
