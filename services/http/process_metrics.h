#pragma once

#include <prometheus/collectable.h>

#include <string>
#include <vector>

namespace lrti::http {

/// What every program of ours says about itself: `process_*` under their usual names, and
/// `lrti_build_info`.
class ProcessMetrics final : public prometheus::Collectable {
 public:
  ProcessMetrics(std::string component, std::string version)
      : component_(std::move(component)), version_(std::move(version)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::string component_;
  std::string version_;
};

}  // namespace lrti::http
