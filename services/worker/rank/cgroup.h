#pragma once

#include <cstdint>
#include <string>

namespace lrti::worker {

/// A control group (cgroup v2) below this process's own: all that is started in it can be killed at
/// once, whatever it does. Where such groups are not there or may not be made, everything here does
/// nothing, and the caller finds the processes by their parents.

/// Makes the group `name`; its folder, or an empty text.
std::string MakeCgroup(const std::string& name);

/// Moves the calling process in.
bool JoinCgroup(const std::string& folder);

/// Kills all that is in it.
void KillCgroup(const std::string& folder);

/// Whether no process is in it, nor in a group below it.
bool CgroupIsEmpty(const std::string& folder);

/// Deletes an empty group and those below it. Whether it is gone: the kernel may need a moment
/// after the last process.
bool RemoveCgroup(const std::string& folder);

/// How often the kernel killed a process of this machine for want of memory since it came up.
uint64_t HostOomKills();

}  // namespace lrti::worker
