#pragma once

#include <cstdint>
#include <string>

namespace lrti::worker {

/// What a fault of a GPU that the driver reports by number (an XID) says about the GPU.
enum class XidKind : uint8_t {
  kProgram,  // a program's own error most of the time; the GPU is well
  kNotice,   // told for the record; programs go on
  kSuspect,  // a rank that fails after it fails because of it
  kLost,     // nothing runs right on the GPU until it is reset
};

/// After NVIDIA's list (docs.nvidia.com/deploy/xid-errors); a number that it does not have is
/// kSuspect.
XidKind KindOfXid(uint64_t xid);

/// "XID 79 (the GPU has fallen off the bus)".
std::string DescribeXid(uint64_t xid);

}  // namespace lrti::worker
