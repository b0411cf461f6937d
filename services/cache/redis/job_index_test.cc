#include "services/cache/redis/job_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/hidden_state/wire/manifest.h"

namespace lrti::cache {
namespace {

TEST(JobIndex, NamesWhatTheManifestAndItsChunksAreCalled) {
  const hidden_state::StateKey key{.job = 1, .frame = 7};
  EXPECT_THAT(NamesOf(FieldOf(key), {.lineage = 3, .step = 4, .chunks = 2}),
              testing::ElementsAre(wire::ManifestName(key), wire::ChunkName(key, {3, 4}, 0),
                                   wire::ChunkName(key, {3, 4}, 1)));
}

TEST(JobIndex, ReadsBackWhatItWrote) {
  const IndexEntry entry{.lineage = UINT64_MAX, .step = 0, .chunks = 512};
  EXPECT_EQ(*ParseIndexValue(ValueOf(entry)), entry);
}

TEST(JobIndex, RefusesWhatIsNoEntry) {
  for (const char* text : {"", "1", "1.", "1.2", "1.2:", "1.2:3x", "1:2:3", "a.2:3", "1.2:513",
                           "99999999999999999999.2:3", "-1.2:3"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(ParseIndexValue(text).ok());
  }
}

}  // namespace
}  // namespace lrti::cache
