#pragma once

#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>

#include "common/job/job.h"
#include "data/image_file.h"
#include "fmt/format.h"
#include "gtest/gtest.h"

namespace lrti::train {

/// For tests: writes a folder of PNG frames of a pattern that moves, and returns its path.
inline std::string WriteSyntheticClip(const std::string& name, int64_t frames, int64_t height,
                                      int64_t width) {
  // Tests of one suite run side by side as processes.
  const std::string folder = fmt::format("{}lrti_{}_{}", testing::TempDir(), name, getpid());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (int64_t t = 0; t < frames; ++t) {
    data::Image image{height, width, {}};
    for (int64_t i = 0; i < height * width * 3; ++i) {
      const auto y = static_cast<double>(i / 3 / width), x = static_cast<double>(i / 3 % width);
      const auto c = static_cast<double>(i % 3), at = static_cast<double>(t);
      const double value = 128 + 70 * std::sin(0.31 * (x + 1.5 * at) + 0.17 * y + c) +
                           50 * std::sin(0.9 * y - 0.4 * at);
      image.pixels.push_back(static_cast<uint8_t>(value));
    }
    const auto path = fmt::format("{}/{:08}.png", folder, t);
    EXPECT_TRUE(data::WritePng(path, image).ok());
  }
  return folder;
}

/// For tests: a job that trains a tiny network on a synthetic clip of 24 frames of 96x128.
inline job::Spec TinySpec(const job::StrategyConfig& strategy, const std::string& clip) {
  job::Spec spec;
  spec.model = job::BasicVsrOptions{
      .channels = 4, .blocks = 1, .tail_channels = 4, .flow = job::Flow::kNone};
  spec.data.train.source.path = clip;
  spec.data.train.crop = 12;
  spec.data.workers = 2;
  spec.strategy = strategy;
  spec.optimizer.lr = 1e-3;
  spec.train.iterations = 100;
  spec.train.global_batch = 2;
  return spec;
}

}  // namespace lrti::train
