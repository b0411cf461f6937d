#include "nn/blocks/checkpoint.h"

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <utility>

namespace lrti::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What the backward pass needs to run the block again, besides its inputs.
struct Recipe : torch::CustomClassHolder {
  Recipe(Block the_block, std::vector<at::Tensor> the_parameters, at::DeviceType the_device)
      : block(std::move(the_block)),
        parameters(std::move(the_parameters)),
        device(the_device),
        autocast(at::autocast::is_autocast_enabled(the_device)),
        autocast_type(at::autocast::get_autocast_dtype(the_device)) {}

  Block block;
  std::vector<at::Tensor> parameters;
  at::DeviceType device;
  bool autocast;
  at::ScalarType autocast_type;
};

// Autocast as it was when the block first ran.
class AutocastAgain {
 public:
  explicit AutocastAgain(const Recipe& recipe)
      : device_(recipe.device),
        enabled_(at::autocast::is_autocast_enabled(device_)),
        type_(at::autocast::get_autocast_dtype(device_)) {
    at::autocast::set_autocast_dtype(device_, recipe.autocast_type);
    at::autocast::set_autocast_enabled(device_, recipe.autocast);
    at::autocast::increment_nesting();
  }
  ~AutocastAgain() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, enabled_);
    at::autocast::set_autocast_dtype(device_, type_);
  }
  AutocastAgain(const AutocastAgain&) = delete;
  AutocastAgain& operator=(const AutocastAgain&) = delete;

 private:
  at::DeviceType device_;
  bool enabled_;
  at::ScalarType type_;
};

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  // `tensors`: the block's inputs, then its parameters.
  static at::Tensor forward(AutogradContext* context, const c10::intrusive_ptr<Recipe>& recipe,
                            at::TensorList tensors) {
    const auto inputs = static_cast<std::ptrdiff_t>(tensors.size() - recipe->parameters.size());
    variable_list saved(tensors.begin(), tensors.begin() + inputs);
    at::Tensor output = recipe->block(saved);
    context->save_for_backward(std::move(saved));
    context->saved_data["recipe"] = c10::IValue::make_capsule(recipe);
    return output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto recipe =
        c10::static_intrusive_pointer_cast<Recipe>(context->saved_data["recipe"].toCapsule());
    variable_list inputs;
    variable_list asked;  // what a gradient is asked for
    for (const at::Tensor& input : context->get_saved_variables()) {
      inputs.push_back(input.detach());
      if (!input.requires_grad()) continue;
      asked.push_back(inputs.back().requires_grad_());
    }
    for (const at::Tensor& parameter : recipe->parameters) {
      if (parameter.requires_grad()) asked.push_back(parameter);
    }
    at::Tensor output;
    {
      const at::AutoGradMode with_graph(true);
      const AutocastAgain autocast(*recipe);
      output = recipe->block(inputs);
    }
    const variable_list found =
        torch::autograd::grad({output}, asked, gradients, /*retain_graph=*/false,
                              /*create_graph=*/false, /*allow_unused=*/true);
    variable_list answer(1);  // the recipe has none
    size_t next = 0;
    const auto append = [&](const at::Tensor& tensor) {
      answer.push_back(tensor.requires_grad() ? found[next++] : at::Tensor());
    };
    for (const at::Tensor& input : inputs) append(input);
    for (const at::Tensor& parameter : recipe->parameters) append(parameter);
    return answer;
  }
};

// The inputs that are there, and the block as a function of them alone: an autograd function takes
// no undefined tensors.
std::pair<Block, std::vector<at::Tensor>> OfDefined(const Block& block,
                                                    const std::vector<at::Tensor>& inputs) {
  std::vector<bool> defined;
  std::vector<at::Tensor> given;
  for (const at::Tensor& input : inputs) {
    defined.push_back(input.defined());
    if (input.defined()) given.push_back(input);
  }
  const Block of_given = [block, defined](const std::vector<at::Tensor>& some) {
    std::vector<at::Tensor> all;
    size_t next = 0;
    for (const bool is_there : defined) all.push_back(is_there ? some[next++] : at::Tensor());
    return block(all);
  };
  return {of_given, given};
}

}  // namespace

at::Tensor Checkpointed(std::vector<at::Tensor> parameters, const Block& block,
                        const std::vector<at::Tensor>& inputs) {
  if (!at::GradMode::is_enabled()) return block(inputs);
  auto [of_given, tensors] = OfDefined(block, inputs);
  tensors.insert(tensors.end(), parameters.begin(), parameters.end());
  const auto recipe =
      c10::make_intrusive<Recipe>(of_given, std::move(parameters), inputs.front().device().type());
  return Recomputed::apply(recipe, at::TensorList(tensors));
}

at::Tensor Checkpointed(const torch::nn::Module& module, const Block& block,
                        const std::vector<at::Tensor>& inputs) {
  return Checkpointed(module.parameters(), block, inputs);
}

}  // namespace lrti::nn
