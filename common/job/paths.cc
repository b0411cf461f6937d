#include "common/job/paths.h"

#include <string>

namespace lrti::job {
namespace {

void MakeAbsolute(const std::filesystem::path& folder, std::string& path) {
  if (!path.empty()) path = (folder / path).lexically_normal().string();
}

}  // namespace

void MakePathsAbsolute(const std::filesystem::path& folder, Spec& spec) {
  MakeAbsolute(folder, spec.data.train.source.path);
  MakeAbsolute(folder, spec.data.train.source.lr_path);
  for (EvalData& set : spec.data.eval) {
    MakeAbsolute(folder, set.source.path);
    MakeAbsolute(folder, set.source.lr_path);
  }
  MakeAbsolute(folder, spec.train.init_from);
  MakeAbsolute(folder, spec.train.flow_init_from);
}

}  // namespace lrti::job
