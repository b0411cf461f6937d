#include "cli/ctl/output/human.h"

#include <gtest/gtest.h>

#include <array>

#include "common/base/status.h"

namespace lrti::ctl {
namespace {

TEST(Human, DurationsHaveTwoUnitsAtMost) {
  EXPECT_EQ(ShortDuration(absl::Seconds(45)), "45s");
  EXPECT_EQ(ShortDuration(absl::Seconds(200)), "3m20s");
  EXPECT_EQ(ShortDuration(absl::Minutes(62)), "1h02m");
  EXPECT_EQ(ShortDuration(absl::Hours(76)), "3d04h");
  EXPECT_EQ(ShortDuration(-absl::Seconds(5)), "0s");
}

TEST(Human, SizesStepUpAtTheNextUnit) {
  EXPECT_EQ(ShortBytes(0), "0 B");
  EXPECT_EQ(ShortBytes(1023), "1023 B");
  EXPECT_EQ(ShortBytes(1536), "1.5 KiB");
  EXPECT_EQ(ShortBytes(uint64_t{412} << 20), "412 MiB");
  EXPECT_EQ(ShortBytes((uint64_t{1} << 30) - 1), "1.0 GiB");
  EXPECT_EQ(ShortBytes(uint64_t{5000} << 40), "5000 TiB");
}

TEST(Human, TimesAreToldFromNow) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  EXPECT_EQ(Ago(now - absl::Seconds(200), now), "3m20s ago");
  EXPECT_EQ(Ago(now + absl::Seconds(12), now), "in 12s");
  EXPECT_EQ(Ago(absl::UnixEpoch(), now), "-");
  EXPECT_EQ(Rfc3339(now), "2027-01-15T08:00:00Z");
  EXPECT_EQ(Rfc3339(absl::UnixEpoch()), "");
}

TEST(Human, GpuDaysKeepTheirDigitsWhenTheyAreFew) {
  EXPECT_EQ(Days(0), "0");
  EXPECT_EQ(Days(86.4), "0.00100");
  EXPECT_EQ(Days(108'000), "1.25");
  EXPECT_EQ(Days(86400.0 * 312), "312");
}

TEST(Human, CutsBetweenCharacters) {
  EXPECT_EQ(Cut("größer", 6), "größer");
  EXPECT_EQ(Cut("größer", 4), "grö…");
  EXPECT_EQ(Cut("größer", 0), "");
}

TEST(Human, ReadsDurationsWithDaysAndWeeks) {
  EXPECT_EQ(ParseDuration("90s").value(), absl::Seconds(90));
  EXPECT_EQ(ParseDuration("1d12h").value(), absl::Hours(36));
  EXPECT_EQ(ParseDuration("2w").value(), absl::Hours(336));
  EXPECT_EQ(ParseDuration("250ms").value(), absl::Milliseconds(250));
  for (const char* bad : {"", "soon", "5", "5 s", "-3s", "3x", "9999999999s"}) {
    SCOPED_TRACE(bad);
    EXPECT_EQ(Message(ParseDuration(bad).status()),
              fmt::format("'{}' is not a duration such as 90s, 12h or 30d", bad));
  }
}

TEST(Human, ReadsMoments) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  EXPECT_EQ(ParseMoment("2h", now).value(), now - absl::Hours(2));
  EXPECT_EQ(ParseMoment("2027-01-15", now).value(), now - absl::Hours(8));
  EXPECT_EQ(ParseMoment("2027-01-15T08:00:00Z", now).value(), now);
  EXPECT_FALSE(ParseMoment("yesterday", now).ok());
}

}  // namespace
}  // namespace lrti::ctl
