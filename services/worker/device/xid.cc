#include "services/worker/device/xid.h"

#include <algorithm>
#include <array>

#include "fmt/format.h"

namespace lrti::worker {
namespace {

struct Xid {
  uint64_t number;
  XidKind kind;
  const char* text;
};

constexpr std::array kXids = {
    Xid{13, XidKind::kProgram, "an exception of the graphics engine"},
    Xid{31, XidKind::kProgram, "a page fault in the GPU's memory"},
    Xid{43, XidKind::kProgram, "the GPU stopped processing for a program"},
    Xid{45, XidKind::kProgram, "a program's channel was removed"},
    Xid{48, XidKind::kLost, "a double-bit ECC error"},
    Xid{62, XidKind::kLost, "the GPU's micro-controller halted"},
    Xid{63, XidKind::kNotice, "a row of memory is set aside"},
    Xid{64, XidKind::kLost, "a row of memory could not be set aside"},
    Xid{68, XidKind::kProgram, "an exception of the video processor"},
    Xid{74, XidKind::kSuspect, "an error of NVLink"},
    Xid{79, XidKind::kLost, "the GPU has fallen off the bus"},
    Xid{92, XidKind::kNotice, "many single-bit ECC errors"},
    Xid{94, XidKind::kSuspect, "a contained ECC error"},
    Xid{95, XidKind::kLost, "an uncontained ECC error"},
    Xid{109, XidKind::kProgram, "a context switch took too long"},
    Xid{119, XidKind::kLost, "the GPU's system processor does not answer"},
    Xid{120, XidKind::kLost, "an error of the GPU's system processor"},
    Xid{140, XidKind::kLost, "an unrecovered ECC error"},
};

const Xid* Find(uint64_t number) {
  const auto found = std::ranges::find(kXids, number, &Xid::number);
  return found == kXids.end() ? nullptr : &*found;
}

}  // namespace

XidKind KindOfXid(uint64_t xid) {
  const Xid* const known = Find(xid);
  return known == nullptr ? XidKind::kSuspect : known->kind;
}

std::string DescribeXid(uint64_t xid) {
  const Xid* const known = Find(xid);
  return known == nullptr ? fmt::format("XID {}", xid)
                          : fmt::format("XID {} ({})", xid, known->text);
}

}  // namespace lrti::worker
