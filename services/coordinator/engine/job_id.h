#pragma once

#include <string>

namespace lrti::coordinator {

/// A job's id from the system's randomness: lrti- and ten letters of base32, 50 bits.
std::string NewJobId();

}  // namespace lrti::coordinator
