#include "nn/census/shapes_alone.h"

#include <ATen/ExpandUtils.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>
#include <torch/torch.h>

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "nn/census/convolution_shape.h"

namespace lrti::nn {
namespace {

at::Tensor Convolution(const at::Tensor& input, const at::Tensor& weight,
                       const std::optional<at::Tensor>&, at::IntArrayRef stride,
                       at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, int64_t groups) {
  const auto shape =
      ConvolutionShape(input.sizes(), weight.sizes(),
                       {stride, padding, dilation, transposed, output_padding, groups});
  return at::empty(shape, input.options().memory_format(input.suggest_memory_format()));
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> LayerNorm(const at::Tensor& input,
                                                         at::IntArrayRef normalised,
                                                         const std::optional<at::Tensor>&,
                                                         const std::optional<at::Tensor>&, double) {
  std::vector<int64_t> of_each = input.sizes().vec();
  for (size_t i = of_each.size() - normalised.size(); i < of_each.size(); ++i) of_each[i] = 1;
  return {at::empty(input.sizes(), input.options()), at::empty(of_each, input.options()),
          at::empty(of_each, input.options())};
}

at::Tensor IndexSelect(const at::Tensor& input, int64_t axis, const at::Tensor& index) {
  std::vector<int64_t> shape = input.sizes().vec();
  shape.at(static_cast<size_t>(axis < 0 ? axis + input.dim() : axis)) = index.numel();
  return at::empty(shape, input.options());
}

at::Tensor GridSampler(const at::Tensor& input, const at::Tensor& grid, int64_t, int64_t, bool) {
  return at::empty({input.size(0), input.size(1), grid.size(1), grid.size(2)}, input.options());
}

at::Tensor ReflectionPad(const at::Tensor& input, at::IntArrayRef padding) {
  std::vector<int64_t> shape = input.sizes().vec();
  for (size_t i = 0; i < 4; ++i) {  // left, right, top, bottom
    int64_t& side = shape[shape.size() - 1 - i / 2];
    TORCH_CHECK(padding[i] < input.size(-1 - static_cast<int64_t>(i / 2)),
                "reflection_pad2d: ", "a padding of ", padding[i], " needs a larger frame than ",
                input.sizes());
    side += padding[i];
  }
  return at::empty(shape, input.options());
}

at::Tensor& LogicalAnd(const at::Tensor& a, const at::Tensor& b, at::Tensor& out) {
  out.resize_(at::infer_size(a.sizes(), b.sizes()));
  return out;
}

at::Tensor& LogicalNot(const at::Tensor& a, at::Tensor& out) {
  out.resize_(a.sizes());
  return out;
}

// Tensors without memory and their stand-ins on the CPU, for one call.
class StandIns {
 public:
  c10::IValue OnCpu(const c10::IValue& value) {
    if (value.isTensor() && value.toTensor().is_meta()) return Zeros(value.toTensor());
    if (value.isTensorList()) {
      c10::List<at::Tensor> zeros;
      for (const at::Tensor& tensor : value.toTensorVector()) {
        zeros.push_back(tensor.is_meta() ? Zeros(tensor) : tensor);
      }
      return zeros;
    }
    if (value.isDevice() && value.toDevice().is_meta()) return c10::Device(at::kCPU);
    return value;
  }

  c10::IValue WithoutMemory(const c10::IValue& value) const {
    if (value.isTensor() && value.toTensor().defined()) return Emptied(value.toTensor());
    if (value.isTensorList()) {
      c10::List<at::Tensor> emptied;
      for (const at::Tensor& tensor : value.toTensorVector()) emptied.push_back(Emptied(tensor));
      return emptied;
    }
    return value;
  }

 private:
  at::Tensor Zeros(const at::Tensor& meta) {
    at::Tensor zeros =
        at::empty_strided(meta.sizes(), meta.strides(), meta.options().device(at::kCPU)).zero_();
    pairs_.emplace_back(meta, zeros);
    return zeros;
  }

  // An output that is an input, as of an operation in place, is that input.
  at::Tensor Emptied(const at::Tensor& made) const {
    for (const auto& [meta, zeros] : pairs_) {
      if (made.is_same(zeros))
        return meta.sizes() == made.sizes() ? meta : meta.resize_(made.sizes());
    }
    return at::empty_strided(made.sizes(), made.strides(), made.options().device(at::kMeta));
  }

  std::vector<std::pair<at::Tensor, at::Tensor>> pairs_;
};

void RunOnZeros(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  StandIns stand_ins;
  const size_t inputs = operation.schema().arguments().size();
  for (size_t i = stack->size() - inputs; i < stack->size(); ++i) {
    (*stack)[i] = stand_ins.OnCpu((*stack)[i]);
  }
  operation.callBoxed(stack);
  const size_t outputs = operation.schema().returns().size();
  for (size_t i = stack->size() - outputs; i < stack->size(); ++i) {
    (*stack)[i] = stand_ins.WithoutMemory((*stack)[i]);
  }
}

// Whether an operation has numbers on the CPU and nothing at all on `meta`.
bool LacksShapes(const c10::OperatorName& name) {
  const auto operation = c10::Dispatcher::singleton().findOp(name);
  if (!operation || !operation->hasSchema()) return false;
  const auto has = [&](c10::DispatchKey key) { return operation->hasKernelForDispatchKey(key); };
  return has(c10::DispatchKey::CPU) && !has(c10::DispatchKey::Meta) &&
         !has(c10::DispatchKey::CompositeImplicitAutograd) &&
         !has(c10::DispatchKey::CompositeExplicitAutograd) &&
         !has(c10::DispatchKey::CompositeExplicitAutogradNonFunctional);
}

torch::Library ShapeRules() {
  torch::Library rules(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__);
  rules.impl("convolution", Convolution);
  rules.impl("native_layer_norm", LayerNorm);
  rules.impl("index_select", IndexSelect);
  rules.impl("grid_sampler_2d", GridSampler);
  rules.impl("reflection_pad2d", ReflectionPad);
  rules.impl("logical_and.out", LogicalAnd);
  rules.impl("logical_or.out", LogicalAnd);
  rules.impl("logical_not.out", LogicalNot);
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) {
    if (name.getNamespace() != "aten" || !LacksShapes(name)) continue;
    rules.impl(c10::toString(name).c_str(),
               torch::CppFunction::makeFromBoxedFunction<&RunOnZeros>());
  }
  return rules;
}

void MoveInPlace(const at::Tensor& tensor) {
  const at::Tensor meta = tensor.detach().to(at::kMeta);
  // set_data, by which Module::to moves, does not know this device. All that share the tensor,
  // such as a module's member beside its list of parameters, follow.
  tensor.unsafeGetTensorImpl()->shallow_copy_from(meta.getIntrusivePtr());
}

}  // namespace

void ToShapesAlone(torch::nn::Module& module) {
  static const torch::Library rules = ShapeRules();
  for (const at::Tensor& parameter : module.parameters()) MoveInPlace(parameter);
  for (const at::Tensor& buffer : module.buffers()) MoveInPlace(buffer);
}

}  // namespace lrti::nn
