#pragma once

#include <string>
#include <vector>

#include "data/video.h"

namespace lrti::report {

/// One picture of several, with what it is.
struct Panel {
  std::string caption;  // ASCII; cut at the panel's edge
  data::Image image;
};

/// Pictures from left to right, a thin line between them, captions on a strip above: what a person
/// compares (LR bicubic | output | GT). Lower pictures stand at the top, black below. Letters grow
/// with the widest panel, so that they stay readable when the whole is shown small.
/// REQUIRES: at least one panel, none empty.
data::Image SideBySide(const std::vector<Panel>& panels);

}  // namespace lrti::report
