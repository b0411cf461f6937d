#include "nn/census/mac_counter.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>

#include <memory>
#include <string_view>
#include <unordered_map>

#include "nn/census/convolution_shape.h"

namespace lrti::nn {
namespace {

using Inputs = c10::ArrayRef<const c10::IValue>;
using Count = int64_t (*)(Inputs inputs);

int64_t Product(at::IntArrayRef sizes) { return c10::multiply_integers(sizes); }

// out = convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding,
// groups). Each output is a sum over a kernel; transposed, each input is spread over one.
int64_t OfConvolution(Inputs in) {
  const at::Tensor input = in[0].toTensor();
  const at::Tensor weight = in[1].toTensor();
  const bool transposed = in[6].toBool();
  const int64_t kernel = weight.numel() / weight.size(0);
  if (transposed) return input.numel() * kernel;
  const auto stride = in[3].toIntVector();
  const auto padding = in[4].toIntVector();
  const auto dilation = in[5].toIntVector();
  const auto output_padding = in[7].toIntVector();
  return kernel * Product(ConvolutionShape(input.sizes(), weight.sizes(),
                                           {.stride = stride,
                                            .padding = padding,
                                            .dilation = dilation,
                                            .output_padding = output_padding,
                                            .groups = in[8].toInt()}));
}

int64_t OfLinear(Inputs in) {
  return in[0].toTensor().numel() * in[1].toTensor().size(0);  // weight: [out, in]
}

// Matrices [.., n, k] and [.., k, m], or a vector [k] for the second.
int64_t OfMatrices(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() * (b.dim() == 1 ? 1 : b.size(-1));
}
int64_t OfFirstTwo(Inputs in) { return OfMatrices(in[0].toTensor(), in[1].toTensor()); }
int64_t OfAdded(Inputs in) { return OfMatrices(in[1].toTensor(), in[2].toTensor()); }

// query [.., L, E], key [.., S, E], value [.., S, E'].
int64_t OfAttention(Inputs in) {
  const at::Tensor query = in[0].toTensor();
  const at::Tensor value = in[2].toTensor();
  const int64_t scores = query.numel() / query.size(-1) * value.size(-2);
  return scores * (query.size(-1) + value.size(-1));
}

struct Rule {
  int64_t Macs::*kind;
  Count count;
};

const std::unordered_map<std::string_view, Rule>& Rules() {
  static const std::unordered_map<std::string_view, Rule> rules = {
      {"aten::convolution", {&Macs::convolution, OfConvolution}},
      {"aten::linear", {&Macs::linear, OfLinear}},
      {"aten::mm", {&Macs::linear, OfFirstTwo}},
      {"aten::addmm", {&Macs::linear, OfAdded}},
      {"aten::addmm_", {&Macs::linear, OfAdded}},
      {"aten::scaled_dot_product_attention", {&Macs::attention, OfAttention}},
      {"aten::baddbmm", {&Macs::attention, OfAdded}},
      {"aten::baddbmm_", {&Macs::attention, OfAdded}},
      {"aten::bmm", {&Macs::product, OfFirstTwo}},
      {"aten::mv", {&Macs::product, OfFirstTwo}},
      {"aten::addmv", {&Macs::product, OfAdded}},
      {"aten::addmv_", {&Macs::product, OfAdded}},
  };
  return rules;
}

thread_local MacCounter* current = nullptr;

}  // namespace

// Hears every operation of LibTorch's as it begins and ends.
struct MacObserver {
  struct Counted : at::ObserverContext {};

  static std::unique_ptr<at::ObserverContext> Begin(const at::RecordFunction& function) {
    const auto rule = Rules().find(function.name());
    if (current == nullptr || rule == Rules().end()) return nullptr;
    if (++current->depth_ == 1) {
      current->macs_.*rule->second.kind += rule->second.count(function.inputs());
    }
    return std::make_unique<Counted>();
  }

  static void End(const at::RecordFunction&, at::ObserverContext* context) {
    if (context != nullptr && current != nullptr) --current->depth_;
  }
};

Macs& Macs::operator+=(const Macs& other) {
  convolution += other.convolution;
  linear += other.linear;
  attention += other.attention;
  product += other.product;
  return *this;
}

Macs& Macs::operator-=(const Macs& other) {
  convolution -= other.convolution;
  linear -= other.linear;
  attention -= other.attention;
  product -= other.product;
  return *this;
}

MacCounter::MacCounter() {
  TORCH_CHECK(current == nullptr, "MacCounter: this thread counts already");
  handle_ =
      at::addThreadLocalCallback(at::RecordFunctionCallback(MacObserver::Begin, MacObserver::End)
                                     .needsInputs(true)
                                     .scopes({at::RecordScope::FUNCTION}));
  current = this;
}

MacCounter::~MacCounter() {
  at::removeCallback(handle_);
  current = nullptr;
}

}  // namespace lrti::nn
