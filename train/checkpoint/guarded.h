#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <string>

#include "common/base/status.h"

namespace lrti::checkpoint {

/// Does `work`; what LibTorch throws on the way becomes a status of this code.
template <typename Work>
auto Guarded(absl::StatusCode code, const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    return Error(code, "{}", text.substr(0, text.find('\n')));
  } catch (const std::exception& error) {
    return Error(code, "{}", error.what());
  }
}

}  // namespace lrti::checkpoint
