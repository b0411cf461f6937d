#pragma once

#include <atomic>

namespace lrti::vsr {

/// Becomes true at the first SIGTERM or SIGINT: checkpoint and stop. A second SIGINT ends the
/// process at once with exit code 130. Installs the handlers at its first call.
const std::atomic<bool>& StopSignal();

}  // namespace lrti::vsr
