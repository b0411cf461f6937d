#pragma once

namespace CLI {
class App;
}

namespace lrti::vsr {

inline constexpr const char* kVersion = "lrti-vsr 0.1.0";

/// Each adds one verb; running it sets the program's exit code (exit_code.h).
void AddTrain(CLI::App& app, int& exit_code);       // train.cc
void AddEval(CLI::App& app, int& exit_code);        // eval.cc
void AddUpscale(CLI::App& app, int& exit_code);     // upscale.cc
void AddExport(CLI::App& app, int& exit_code);      // export.cc
void AddInspect(CLI::App& app, int& exit_code);     // inspect.cc
void AddValidate(CLI::App& app, int& exit_code);    // validate.cc
void AddDocs(CLI::App& app, int& exit_code);        // docs.cc
void AddCompletion(CLI::App& app, int& exit_code);  // completion.cc

}  // namespace lrti::vsr
