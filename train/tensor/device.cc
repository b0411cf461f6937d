#include "train/tensor/device.h"

#include <malloc.h>
#include <torch/torch.h>

#include <fstream>
#include <thread>

#ifdef LRTI_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>
#endif

#include "common/base/status.h"

namespace lrti::train {
namespace {

/// A "Name:  123 kB" line of /proc/self/status, in bytes; 0 where the system has no such file.
int64_t ProcessStatusBytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

std::string ProcessorName() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!line.starts_with("model name")) continue;
    if (const size_t colon = line.find(": "); colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "CPU";
}

#ifdef LRTI_CUDA
const c10::CachingAllocator::Stat& AllocatedBytes(c10::CachingDeviceAllocator::DeviceStats& stats) {
  return stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
}
#endif

}  // namespace

absl::StatusOr<c10::Device> ParseDevice(const std::string& text) {
  const bool available = torch::cuda::is_available();
  if (text == "auto") return available ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
  if (text == "cpu") return c10::Device(c10::kCPU);
  int64_t index = 0;
  if (text.starts_with("cuda:")) {
    const std::string number = text.substr(5);
    if (number.empty() || number.size() > 3 ||
        number.find_first_not_of("0123456789") != std::string::npos) {
      return InvalidArgument("--device: '{}' is not a device; use auto, cpu, cuda or cuda:N", text);
    }
    index = std::stoll(number);
  } else if (text != "cuda") {
    return InvalidArgument("--device: '{}' is not a device; use auto, cpu, cuda or cuda:N", text);
  }
  const auto count = available ? static_cast<int64_t>(torch::cuda::device_count()) : 0;
  if (index >= count) {
    return Error(absl::StatusCode::kUnavailable,
                 "--device {}: this machine shows {} GPUs to the program{}", text, count,
                 count == 0 ? " (no driver, no GPU, or a LibTorch without CUDA)" : "");
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

int64_t PeakMemoryBytes(const c10::Device& device) {
#ifdef LRTI_CUDA
  if (device.is_cuda()) {
    auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
    return AllocatedBytes(stats).peak;
  }
#endif
  (void)device;
  return ProcessStatusBytes("VmHWM");
}

void ResetPeakMemory(const c10::Device& device) {
#ifdef LRTI_CUDA
  if (device.is_cuda()) {
    c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
    return;
  }
#endif
  (void)device;
  std::ofstream("/proc/self/clear_refs") << 5;  // proc(5): VmHWM becomes what it is now
}

void ReleaseFreedMemory(const c10::Device& device) {
  if (device.is_cpu()) malloc_trim(0);
}

std::string DeviceName(const c10::Device& device) {
#ifdef LRTI_CUDA
  if (device.is_cuda()) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, device.index()) == cudaSuccess) return properties.name;
    return device.str();
  }
#endif
  (void)device;
  return fmt::format("{} ({} threads)", ProcessorName(), std::thread::hardware_concurrency());
}

}  // namespace lrti::train
