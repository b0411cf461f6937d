#include "cli/ctl/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/test_files.h"

namespace lrti::ctl {
namespace {

using ::testing::HasSubstr;

class FindingSettings : public testing::Test {
 protected:
  FindingSettings() {
    places_.variable = [this](const std::string& name) {
      return name == "XDG_CONFIG_HOME" ? folder_.path() : variables_[name];
    };
    places_.project_file = folder_ / "lrti.yaml";
    places_.system_file = folder_ / "system.yaml";
    EXPECT_TRUE(MakeFolders(folder_ / "lrti").ok());
  }

  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFileAtomic(folder_ / name, text).ok());
  }

  // The coordinator's address and who said it.
  std::pair<std::string, std::string> Coordinator() {
    const auto found = FindSettings(places_);
    EXPECT_TRUE(found.ok()) << found.status();
    return {found->settings.coordinator, found->origins.at("coordinator")};
  }

  TemporaryFolder folder_;
  std::map<std::string, std::string> variables_;
  SettingsPlaces places_;
};

TEST_F(FindingSettings, EachPlaceDecidesOverTheOneBefore) {
  const auto is = [](const std::string& address, const std::string& origin) {
    return std::pair(address, origin);
  };
  EXPECT_EQ(Coordinator(), is("127.0.0.1:7430", "default"));
  places_.stack_origin = "running stack";
  places_.stack = {{"coordinator", "stack:1"}};
  EXPECT_EQ(Coordinator(), is("stack:1", "running stack"));
  Write("system.yaml", "coordinator: system:1\n");
  EXPECT_EQ(Coordinator(), is("system:1", folder_ / "system.yaml"));
  Write("lrti/config.yaml", "coordinator: user:1\n");
  EXPECT_EQ(Coordinator(), is("user:1", folder_ / "lrti/config.yaml"));
  Write("lrti.yaml", "coordinator: project:1\n");
  EXPECT_EQ(Coordinator(), is("project:1", folder_ / "lrti.yaml"));
  variables_["LRTI_COORDINATOR"] = "variable:1";
  EXPECT_EQ(Coordinator(), is("variable:1", "$LRTI_COORDINATOR"));
  places_.flags = {{"coordinator", "flag:1"}};
  EXPECT_EQ(Coordinator(), is("flag:1", "flag"));
}

TEST_F(FindingSettings, FieldsThatAPlaceDoesNotNameStayAsTheyWere) {
  Write("lrti/config.yaml", "coordinator: user:1\noutput: wide\n");
  Write("lrti.yaml", "output: json\n");
  variables_["LRTI_TIMEOUT"] = "3s";
  const auto found = FindSettings(places_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->settings.coordinator, "user:1");
  EXPECT_EQ(found->settings.output, "json");
  EXPECT_EQ(found->settings.timeout, absl::Seconds(3));
  EXPECT_EQ(found->origins.at("timeout"), "$LRTI_TIMEOUT");
  EXPECT_EQ(found->origins.at("security.ca"), "default");
}

TEST_F(FindingSettings, PathsOfAFileStartAtItsFolder) {
  Write("lrti/config.yaml", "security: {ca: certs/ca.pem, token_file: /etc/token}\n");
  const auto found = FindSettings(places_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->settings.security.ca, folder_ / "lrti/certs/ca.pem");
  EXPECT_EQ(found->settings.security.token_file, "/etc/token");
}

TEST_F(FindingSettings, ALoginIsUsedUntilAFileNamesAnotherToken) {
  Write("lrti/token", "secret\n");
  EXPECT_EQ(FindSettings(places_)->settings.security.token_file, folder_ / "lrti/token");
  EXPECT_EQ(FindSettings(places_)->origins.at("security.token_file"), "lrti-ctl login");
  Write("lrti.yaml", "security: {token_file: other}\n");
  EXPECT_EQ(FindSettings(places_)->settings.security.token_file, folder_ / "other");
}

TEST_F(FindingSettings, WhatIsWrongIsNamedWithItsPlace) {
  Write("lrti.yaml", "coordinater: x:1\ntimeout: soon\n");
  const std::string message = Message(FindSettings(places_).status());
  EXPECT_THAT(message, HasSubstr(folder_ / "lrti.yaml:\n"));
  EXPECT_THAT(message, HasSubstr("coordinater (line 1): unknown key; did you mean 'coordinator'?"));
  EXPECT_THAT(message, HasSubstr("timeout (line 2): "));
  Write("lrti.yaml", "");
  variables_["LRTI_TIMEOUT"] = "1ms";
  EXPECT_THAT(Message(FindSettings(places_).status()), HasSubstr("$LRTI_TIMEOUT:\ntimeout"));
}

TEST(Settings, EveryFieldHasAVariable) {
  EXPECT_EQ(VariableOf("security.token_file"), "LRTI_SECURITY_TOKEN_FILE");
  EXPECT_THAT(SettingPaths(), testing::Contains("timeout"));
  EXPECT_THAT(SettingPaths(), testing::Contains("security.key"));
}

}  // namespace
}  // namespace lrti::ctl
