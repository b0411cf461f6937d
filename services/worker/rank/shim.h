#pragma once

#include <string>

namespace lrti::worker {

/// The supervisor of one trainer, a process of its own between the agent and the trainer: so that
/// the agent may die and come back, and yet how the trainer ended is known for certain.
///
/// Starts what launch.json of `rank_folder` says, in a session of its own and, where that may be, a
/// cgroup; the trainer appends its log and its events to files directly. Writes pid.json before the
/// trainer runs and exit.json, synced, when it has ended; then kills everything that the trainer
/// left behind, and ends only when nothing of it is left. Ends the trainer itself when alive_path
/// was not touched for orphan_grace. Its own troubles go to standard error.
///
/// REQUIRES: the process has one thread. Signals that ask to end are ignored. Returns the exit code
/// of the process: 0 when exit.json was written, else 1.
int RunShim(const std::string& rank_folder);

}  // namespace lrti::worker
