#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "CLI/CLI.hpp"
#include "common/base/file_writer.h"
#include "common/base/test_files.h"
#include "services/shell/config_flags.h"

namespace lrti::shell {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConfigFlagsTest : public ::testing::Test {
 protected:
  ConfigFlagsTest() {
    flags_.AddText("--listen", "data.listen", "");
    flags_.AddTexts("--node", "nodes", "");
    flags_.AddInteger("--mib", "pool.mib", "");
    flags_.AddSwitch("--open", "insecure", "");
  }

  ConfigFlags::Source Read(const std::string& line) {
    app_.parse(line);
    const auto source = flags_.Read();
    EXPECT_TRUE(source.ok()) << source.status();
    return source.ok() ? *source : ConfigFlags::Source{};
  }

  TemporaryFolder folder_;
  CLI::App app_;
  ConfigFlags flags_{app_};
};

TEST_F(ConfigFlagsTest, FlagsBecomeAssignmentsAndSetComesLast) {
  const auto source = Read("--set a.b=[1] --mib 64 --listen x");
  EXPECT_THAT(source.overrides,
              ::testing::UnorderedElementsAre("pool.mib=64", "data.listen='x'", "a.b=[1]"));
  EXPECT_EQ(source.overrides.back(), "a.b=[1]");
}

TEST_F(ConfigFlagsTest, ATextStaysATextWhateverItLooksLike) {
  EXPECT_THAT(Read("--listen [1]").overrides, ElementsAre("data.listen='[1]'"));
}

TEST_F(ConfigFlagsTest, ASwitchMakesItsFieldTrue) {
  EXPECT_THAT(Read("--open").overrides, ElementsAre("insecure=true"));
}

TEST_F(ConfigFlagsTest, RepeatedFlagsMakeAList) {
  EXPECT_THAT(Read("--node a --node b:1").overrides, ElementsAre("nodes=['a', 'b:1']"));
}

TEST_F(ConfigFlagsTest, FindingsComeWithTheFilesName) {
  const std::string path = folder_ / "service.yaml";
  ASSERT_TRUE(WriteFileAtomic(path, "port: 1\n").ok());
  EXPECT_EQ(Read("--config " + path).yaml, "port: 1\n");
  const auto parse = [](const std::string&,
                        const std::vector<std::string>&) -> absl::StatusOr<int> {
    return InvalidArgument("port: too small");
  };
  const auto config = LoadConfig(flags_, parse);
  EXPECT_THAT(Message(config.status()), HasSubstr(path + ":\nport: too small"));
}

TEST_F(ConfigFlagsTest, AMissingFileIsAnError) {
  app_.parse("--config /nowhere.yaml");
  EXPECT_THAT(Message(flags_.Read().status()), HasSubstr("/nowhere.yaml"));
}

}  // namespace
}  // namespace lrti::shell
