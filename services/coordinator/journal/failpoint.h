#pragma once

#include <string_view>

namespace lrti::coordinator {

/// A place where a test may end the process: with `LRTI_FAILPOINT=name:kill` in the environment the
/// first call with this name is a SIGKILL, with `name:n:kill` the n-th. Read once, at the first
/// call; without the variable a call costs a few nanoseconds.
void Failpoint(std::string_view name);

/// For tests that fork: what Failpoint shall do from now on, in place of the environment.
void SetFailpoint(std::string_view setting);

}  // namespace lrti::coordinator
