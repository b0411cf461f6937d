#include "services/coordinator/engine/job_id.h"

#include <cstdint>
#include <random>

namespace lrti::coordinator {

std::string NewJobId() {
  constexpr const char* kLetters = "abcdefghijklmnopqrstuvwxyz234567";
  std::random_device random;
  std::string id = "lrti-";
  for (int i = 0; i < 10; ++i) id += kLetters[random() % 32];
  return id;
}

}  // namespace lrti::coordinator
