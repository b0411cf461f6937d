#pragma once

#include <torch/nn/module.h>

namespace lrti::nn {

/// Runs a network without numbers: on LibTorch's device `meta`, where tensors have shapes and no
/// memory, so that a large network on a large frame takes milliseconds.
///
/// Moves the module's parameters and buffers there. Their values are lost.
///
/// LibTorch knows the shapes that most of its operations put out. For the others, which Python
/// would teach it, the first call teaches it: those that networks spend their time in by a rule
/// each, all that remain by running them on zeros on the CPU. An operation whose output's shape
/// depends on numbers therefore answers as it would for zeros.
void ToShapesAlone(torch::nn::Module& module);

}  // namespace lrti::nn
