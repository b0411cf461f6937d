#include "services/http/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "common/base/files.h"
#include "services/http/families.h"

namespace lrti::http {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

double CpuSeconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

// Field `number` of /proc/self/stat, counted from 1 as in proc(5); behind the program's name.
double StatField(int number) {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream rest(text.substr(std::min(text.rfind(')') + 1, text.size())));
  std::string field;
  for (int i = 3; i <= number; ++i) rest >> field;
  return field.empty() ? 0 : std::stod(field);
}

// When the system started, in seconds since 1970.
double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  static const double start_time =
      BootTime() + StatField(22) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  Families families;
  families.Gauge("lrti_build_info", "Which program this is.")
      .Add(1, {{"component", component_}, {"version", version_}});
  families.Counter("process_cpu_seconds_total", "Time spent on processors.").Add(CpuSeconds());
  families.Gauge("process_start_time_seconds", "Start, in seconds since 1970.").Add(start_time);
  families.Gauge("process_resident_memory_bytes", "Memory that is resident.")
      .Add(StatField(24) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  families.Gauge("process_virtual_memory_bytes", "Memory that is mapped.").Add(StatField(23));
  const auto open = ListFolder("/proc/self/fd");
  if (open.ok()) families.Gauge("process_open_fds", "Open descriptors.").Add(open->size());
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    families.Gauge("process_max_fds", "Most open descriptors.").Add(files.rlim_cur);
  }
  return families.Take();
}

}  // namespace lrti::http
