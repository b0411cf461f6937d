#pragma once

#include <string>

namespace lrti::checkpoint {

/// For tests: the path of a file that Python's torch.save wrote (tests/data/checkpoints/make.py).
inline std::string Saved(const std::string& name) {
  return std::string(LRTI_TEST_CHECKPOINTS) + "/" + name + ".pth";
}

}  // namespace lrti::checkpoint
