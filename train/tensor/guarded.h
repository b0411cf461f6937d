#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <new>

#include "common/base/status.h"

namespace lrti::train {

/// Does `work`, which gives a status or a StatusOr. What LibTorch or the standard library throws on
/// the way becomes a status: ResourceExhausted where memory ran out, Internal otherwise.
template <typename Work>
auto Guarded(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const c10::OutOfMemoryError& error) {
    return Error(absl::StatusCode::kResourceExhausted, "the device's memory is full ({})",
                 error.what_without_backtrace());
  } catch (const c10::Error& error) {
    return Error(absl::StatusCode::kInternal, "{}", error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return Error(absl::StatusCode::kResourceExhausted, "main memory is full");
  } catch (const std::exception& error) {
    return Error(absl::StatusCode::kInternal, "{}", error.what());
  }
}

}  // namespace lrti::train
