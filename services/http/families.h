#pragma once

#include <prometheus/metric_family.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "common/base/duration_histogram.h"

namespace lrti::http {

/// Builds what a Collectable answers, from numbers that somebody else counts:
///
///     families.Counter("lrti_cache_evictions_total", "States dropped.")
///         .Add(stats.evicted, {{"reason", "space"}})
class Families {
 public:
  class Family {
   public:
    explicit Family(prometheus::MetricFamily& it) : it_(it) {}

    template <typename Number>
    Family& Add(Number value, const std::vector<std::pair<std::string, std::string>>& labels = {}) {
      prometheus::ClientMetric& metric = AddLabelled(labels);
      if (it_.type == prometheus::MetricType::Counter) {
        metric.counter.value = static_cast<double>(value);
      } else {
        metric.gauge.value = static_cast<double>(value);
      }
      return *this;
    }

    Family& Add(const DurationHistogram::Counts& counts,
                const std::vector<std::pair<std::string, std::string>>& labels = {}) {
      prometheus::ClientMetric& metric = AddLabelled(labels);
      uint64_t count = 0;
      for (size_t i = 0; i < counts.within.size(); ++i) {
        count += counts.within[i];
        metric.histogram.bucket.push_back({count, i < DurationHistogram::kBounds.size()
                                                      ? DurationHistogram::kBounds[i]
                                                      : std::numeric_limits<double>::infinity()});
      }
      metric.histogram.sample_count = count;
      metric.histogram.sample_sum = counts.seconds;
      return *this;
    }

   private:
    prometheus::ClientMetric& AddLabelled(
        const std::vector<std::pair<std::string, std::string>>& labels) {
      prometheus::ClientMetric& metric = it_.metric.emplace_back();
      for (const auto& [name, label] : labels) metric.label.push_back({name, label});
      return metric;
    }

    prometheus::MetricFamily& it_;
  };

  Family Counter(std::string name, std::string help) {
    return Make(std::move(name), std::move(help), prometheus::MetricType::Counter);
  }
  Family Gauge(std::string name, std::string help) {
    return Make(std::move(name), std::move(help), prometheus::MetricType::Gauge);
  }

  Family Durations(std::string name, std::string help) {
    return Make(std::move(name), std::move(help), prometheus::MetricType::Histogram);
  }

  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  // The family is good until the next one is made.
  Family Make(std::string name, std::string help, prometheus::MetricType type) {
    families_.push_back({std::move(name), std::move(help), type, {}});
    return Family(families_.back());
  }

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace lrti::http
