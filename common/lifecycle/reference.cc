#include "common/lifecycle/reference.h"

#include <string_view>

#include "common/lifecycle/end_reason.h"
#include "common/lifecycle/pending_reason.h"

namespace lrti::lifecycle {
namespace {

std::string_view BudgetOf(const EndReasonFacts& reason) {
  switch (reason.kind) {
    case EndClass::kDone:
      return "none: it ends there";
    case EndClass::kUser:
      return reason.restarts ? "`user`" : "no restart";
    case EndClass::kInfra:
    case EndClass::kSystem:
      return "`infra`";
    case EndClass::kPreempt:
      return "none: as often as needed";
  }
  return "";
}

void AddRow(std::string& page, std::initializer_list<std::string_view> cells) {
  for (const std::string_view cell : cells) {
    page += "| ";
    page += cell;
    page += ' ';
  }
  page += "|\n";
}

}  // namespace

std::string ReasonsPage() {
  std::string page =
      "# Why a job waits, and why an attempt ended\n\n"
      "Made by `lrti-ctl docs reasons` from the lists of `common/lifecycle`; do not edit.\n\n"
      "## Pending reasons\n\nThe first that applies, in this order.\n\n";
  AddRow(page, {"reason", "meaning", "what to do"});
  AddRow(page, {"---", "---", "---"});
  for (const auto& reason : kPendingReasons) {
    AddRow(page, {reason.name, reason.meaning, reason.next_step});
  }
  page +=
      "\n## End reasons\n\nRestarts are paid by a budget of `spec.resources.max_restarts`, as long "
      "as it lasts.\n\n";
  AddRow(page, {"reason", "meaning", "what to do", "restarts paid by"});
  AddRow(page, {"---", "---", "---", "---"});
  for (const auto& reason : kEndReasons) {
    AddRow(page, {reason.name, reason.meaning, reason.next_step, BudgetOf(reason)});
  }
  return page;
}

}  // namespace lrti::lifecycle
