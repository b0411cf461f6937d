#include "cli/ctl/client/message_json.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <cmath>
#include <string>

#include "absl/time/time.h"
#include "common/base/check.h"

namespace lrti::ctl {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::ordered_json;

Json TimeJson(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone());
}

Json InnerJson(const Message& message) {
  if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    return TimeJson(*time);
  }
  if (const auto* duration = dynamic_cast<const google::protobuf::Duration*>(&message)) {
    return static_cast<double>(duration->seconds()) + duration->nanos() * 1e-9;
  }
  return MessageJson(message);
}

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// A field that is not repeated; or, with an index, one item of one that is.
Json ValueJson(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection& read = *message.GetReflection();
  const bool item = index >= 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return item ? read.GetRepeatedInt32(message, field, index) : read.GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_INT64:
      return item ? read.GetRepeatedInt64(message, field, index) : read.GetInt64(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return item ? read.GetRepeatedUInt32(message, field, index) : read.GetUInt32(message, field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return item ? read.GetRepeatedUInt64(message, field, index) : read.GetUInt64(message, field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Number(item ? read.GetRepeatedDouble(message, field, index)
                         : read.GetDouble(message, field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Number(item ? read.GetRepeatedFloat(message, field, index)
                         : read.GetFloat(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return item ? read.GetRepeatedBool(message, field, index) : read.GetBool(message, field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return (item ? read.GetRepeatedEnum(message, field, index) : read.GetEnum(message, field))
          ->name();
    case FieldDescriptor::CPPTYPE_STRING:
      return item ? read.GetRepeatedString(message, field, index) : read.GetString(message, field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return InnerJson(item ? read.GetRepeatedMessage(message, field, index)
                            : read.GetMessage(message, field));
  }
  LRTI_CHECK(false);
}

Json MapJson(const Message& message, const FieldDescriptor* field) {
  Json map = Json::object();
  std::map<std::string, Json> sorted;  // protobuf's own order is by chance
  const int size = message.GetReflection()->FieldSize(message, field);
  for (int i = 0; i < size; ++i) {
    const Message& entry = message.GetReflection()->GetRepeatedMessage(message, field, i);
    const Descriptor& type = *entry.GetDescriptor();
    const Json key = ValueJson(entry, type.map_key(), -1);
    const std::string name = key.is_string() ? key.get<std::string>() : key.dump();
    sorted[name] = ValueJson(entry, type.map_value(), -1);
  }
  for (auto& [key, value] : sorted) map[key] = std::move(value);
  return map;
}

Json FieldJson(const Message& message, const FieldDescriptor* field) {
  if (field->is_map()) return MapJson(message, field);
  if (!field->is_repeated()) return ValueJson(message, field, -1);
  Json list = Json::array();
  const int size = message.GetReflection()->FieldSize(message, field);
  for (int i = 0; i < size; ++i) list.push_back(ValueJson(message, field, i));
  return list;
}

}  // namespace

Json MessageJson(const Message& message) {
  Json json = Json::object();
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* const field = type.field(i);
    const bool absent = field->has_presence() && !field->is_repeated() &&
                        !message.GetReflection()->HasField(message, field);
    if (!absent) json[field->name()] = FieldJson(message, field);
  }
  return json;
}

}  // namespace lrti::ctl
