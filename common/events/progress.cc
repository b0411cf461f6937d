#include "common/events/progress.h"

#include "common/events/event_sink.h"
#include "common/events/kinds.h"

namespace lrti::events {

void EnterPhase(Progress& progress, EventSink& sink, Phase phase) {
  progress.SetPhase(phase);
  sink.Emit({{"event", kind::kPhase}, {"phase", PhaseName(phase)}, {"step", progress.Read().step}});
}

}  // namespace lrti::events
