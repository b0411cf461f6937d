#pragma once

#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"

namespace lrti::v1 {
class Agent;
class Explanation;
class Job;
class Queue;
class Transition;
}  // namespace lrti::v1

namespace lrti::coordinator {

struct Explanation;
struct Rules;
struct Transition;

// From what the engine knows to what people read.

/// All of a job but its config.
void Fill(const JobRecord& job, const Live& live, Moment now, v1::Job& message);

void Fill(const AgentRecord& agent, const Book& book, const Live& live, Moment now,
          v1::Agent& message);

void Fill(const Explanation& explanation, v1::Explanation& message);

void Fill(const Transition& transition, v1::Transition& message);

/// One queue of `rules`.
void Fill(const std::string& name, const Rules& rules, const Book& book, const Live& live,
          v1::Queue& message);

}  // namespace lrti::coordinator
