#pragma once

#include "nlohmann/json.hpp"

namespace google::protobuf {
class Message;
}

namespace lrti::ctl {

/// A message as JSON by the names of its fields: numbers as numbers, also 64-bit ones; times as
/// RFC 3339, durations as seconds; numbers that are not finite as null. A field that holds a
/// message and is not set is left out; all others are there.
nlohmann::ordered_json MessageJson(const google::protobuf::Message& message);

}  // namespace lrti::ctl
