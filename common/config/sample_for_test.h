#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "common/config/schema.h"

/// For tests: a config with one field of every kind and every rule.
namespace lrti::config::sample {

enum class Colour { kRed, kBlue };
constexpr auto EnumNames(Colour) {
  return std::array{std::pair{Colour::kRed, "red"}, std::pair{Colour::kBlue, "blue"},
                    std::pair{Colour::kBlue, "azure"}};
}

struct Walk {
  static constexpr const char* kType = "walk";
  int64_t steps = 3;

  static auto Fields() {
    return std::tuple{Field{"steps", &Walk::steps, "Steps taken.", Between(1, 9), Unit("steps")}};
  }
};
static_assert(Covered<Walk>);

struct Ride {
  static constexpr const char* kType = "ride";
  std::string horse = "Ada";
  int64_t steps = 0;

  static auto Fields() {
    return std::tuple{Field{"horse", &Ride::horse, "Whose back."},
                      Field{"steps", &Ride::steps, "Steps on foot."}};
  }
};
static_assert(Covered<Ride>);

struct Place {
  std::string where;
  double height = 0.5;

  static auto Fields() {
    return std::tuple{Field{"where", &Place::where, "Where it is.", Required()},
                      Field{"height", &Place::height, "Above the sea.", AtLeast(0)}};
  }
};
static_assert(Covered<Place>);

struct Stop {
  Place place;
  absl::Duration stay = absl::Minutes(10);

  static auto Fields() {
    return std::tuple{Inline{&Stop::place},
                      Field{"stay", &Stop::stay, "How long.", AtLeast(absl::Seconds(1))}};
  }
};
static_assert(Covered<Stop>);

struct Trip {
  std::string version = "v1";
  bool dry = true;
  int64_t legs = 4;
  uint64_t seed = 1;
  double speed = 1e-7;
  Colour colour = Colour::kRed;
  std::vector<double> weights = {0.25, 0.75};
  std::map<std::string, std::string> labels;
  std::vector<Stop> stops;
  std::variant<Walk, Ride> by = Ride{};
  Stop home = {{"here", 1}, absl::Hours(1)};

  static auto Fields() {
    return std::tuple{
        Field{"version", &Trip::version, "Of the format.", Exactly("v1")},
        Field{"dry", &Trip::dry, "No rain | no snow."},
        Field{"legs", &Trip::legs, "Parts.", Between(1, 40), Unit("legs")},
        Field{"seed", &Trip::seed, "Of chance."},
        Field{"speed", &Trip::speed, "How fast.", Between(0, 10)},
        Field{"colour", &Trip::colour, "Of the hat."},
        Field{"weights", &Trip::weights, "Of two bags.", Between(0, 1), Length(2)},
        Field{"labels", &Trip::labels, "Free text."},
        Field{"stops", &Trip::stops, "On the way."},
        Field{"by", &Trip::by, "Means of moving."},
        Field{"home", &Trip::home, "Where it ends.", Required()},
    };
  }
};
static_assert(Covered<Trip>);

}  // namespace lrti::config::sample
