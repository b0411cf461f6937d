// What was once said on the wire stays as it is: proto/promises.txt holds every field, value and
// method. A line is added for what is new; a line that no longer holds breaks programs that are out
// there.
#include <google/protobuf/descriptor.h>

#include <fstream>
#include <set>
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "lrti/v1/cache.pb.h"
#include "lrti/v1/coordinator.pb.h"
#include "lrti/v1/worker.pb.h"

namespace lrti {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using Lines = std::set<std::string>;

std::string TypeOf(const FieldDescriptor& field) {
  if (field.is_map()) return "map";
  if (const Descriptor* const message = field.message_type()) return message->full_name();
  if (const EnumDescriptor* const values = field.enum_type()) return values->full_name();
  return field.type_name();
}

void AddEnum(const EnumDescriptor& values, Lines& lines) {
  for (int i = 0; i < values.value_count(); ++i) {
    const auto& value = *values.value(i);
    lines.insert(fmt::format("{} {} = {}", values.full_name(), value.name(), value.number()));
  }
}

void AddMessage(const Descriptor& message, Lines& lines) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    lines.insert(fmt::format("{}{} {} = {}", field.full_name(), field.is_repeated() ? "[]" : "",
                             TypeOf(field), field.number()));
  }
  for (int i = 0; i < message.nested_type_count(); ++i) AddMessage(*message.nested_type(i), lines);
  for (int i = 0; i < message.enum_type_count(); ++i) AddEnum(*message.enum_type(i), lines);
}

void AddMethod(const MethodDescriptor& method, Lines& lines) {
  lines.insert(fmt::format("{}({}) returns {}{}", method.full_name(),
                           method.input_type()->full_name(), method.output_type()->full_name(),
                           method.server_streaming() ? ", a stream" : ""));
}

Lines LinesOf(const FileDescriptor& file) {
  Lines lines;
  for (int i = 0; i < file.message_type_count(); ++i) AddMessage(*file.message_type(i), lines);
  for (int i = 0; i < file.enum_type_count(); ++i) AddEnum(*file.enum_type(i), lines);
  for (int i = 0; i < file.service_count(); ++i) {
    const auto& service = *file.service(i);
    for (int m = 0; m < service.method_count(); ++m) AddMethod(*service.method(m), lines);
  }
  return lines;
}

TEST(Protocol, KeepsWhatItPromised) {
  Lines now;
  now.merge(LinesOf(*v1::StatsRequest::descriptor()->file()));
  now.merge(LinesOf(*v1::Job::descriptor()->file()));
  now.merge(LinesOf(*v1::SyncRequest::descriptor()->file()));
  std::ifstream file(LRTI_PROMISES);
  Lines promised;
  for (std::string line; std::getline(file, line);) promised.insert(line);
  for (const std::string& line : promised) {
    EXPECT_TRUE(now.contains(line)) << "broken: " << line;
  }
  for (const std::string& line : now) {
    EXPECT_TRUE(promised.contains(line)) << "add to proto/promises.txt: " << line;
  }
}

}  // namespace
}  // namespace lrti
