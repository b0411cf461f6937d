#pragma once

#include "services/coordinator/state/book.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// Makes `entry` part of the book. The only writer of a Book; deterministic, so that a replay of
/// the journal gives the same one.
///
/// REQUIRES: entry.seq == book.seq + 1; the update was made by an operation on this very book.
void Apply(const Entry& entry, Book& book);

}  // namespace lrti::coordinator
