#pragma once

#include <cstdio>
#include <cstdlib>

/// Ends the process when an invariant of the program is broken: a bug, never bad input.
#define LRTI_CHECK(condition)                                                                \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: invariant broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
