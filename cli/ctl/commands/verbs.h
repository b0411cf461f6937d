#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace CLI {
class App;
}

namespace lrti::ctl {

class Session;

/// Adds a verb whose body gives the exit code.
CLI::App* AddVerb(CLI::App& app, Session& session, const std::string& name, const std::string& help,
                  std::function<absl::StatusOr<int>()> body);

/// Each adds its verbs; the session outlives the app.
void AddSubmit(CLI::App& app, Session& session);       // submit.cc: submit, validate
void AddList(CLI::App& app, Session& session);         // list.cc: list, get
void AddDescribe(CLI::App& app, Session& session);     // describe.cc: describe, explain
void AddLogs(CLI::App& app, Session& session);         // logs.cc
void AddMetrics(CLI::App& app, Session& session);      // metrics.cc
void AddTop(CLI::App& app, Session& session);          // top.cc
void AddWait(CLI::App& app, Session& session);         // wait.cc
void AddControl(CLI::App& app, Session& session);      // control.cc: pause, resume, cancel, ...
void AddUsage(CLI::App& app, Session& session);        // usage.cc
void AddAgents(CLI::App& app, Session& session);       // agents.cc: agents ls, drain, ...; queues
void AddEvents(CLI::App& app, Session& session);       // events.cc
void AddCheckpoints(CLI::App& app, Session& session);  // checkpoints.cc
void AddCache(CLI::App& app, Session& session);        // cache.cc
void AddTable(CLI::App& app, Session& session);        // table.cc: table, compare
void AddConfig(CLI::App& app, Session& session);       // config.cc
void AddCompletion(CLI::App& app, Session& session);   // completion.cc
void AddLogin(CLI::App& app, Session& session);        // login.cc
void AddDoctor(CLI::App& app, Session& session);       // doctor.cc: doctor, version
void AddUp(CLI::App& app, Session& session);           // up.cc: up, down
void AddDocs(CLI::App& app, Session& session);         // docs.cc
void AddCerts(CLI::App& app, Session& session);        // certs.cc: certs init, token new

}  // namespace lrti::ctl
