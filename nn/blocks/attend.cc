#include "nn/blocks/attend.h"

#include <torch/torch.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace lrti::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Bytes that scores may take at a time: on a CPU what its caches hold, on a GPU what keeps it busy.
constexpr int64_t kCpuScoreBytesMax = int64_t{2} << 20;
constexpr int64_t kGpuScoreBytesMax = int64_t{1} << 30;

// The products of an attention, in the order in which `own` holds them.
enum Part : int64_t { kQuery, kKey, kValue };

at::Tensor PartOf(const at::Tensor& tokens, int64_t place, int64_t width) {
  return tokens.narrow(-1, place * width, width);
}

struct Inputs {
  Inputs(at::Tensor the_own, at::Tensor the_others, at::Tensor the_bias, at::Tensor the_mask)
      : own(std::move(the_own)),
        others(std::move(the_others)),
        bias(std::move(the_bias)),
        mask(std::move(the_mask)),
        windows(own.size(1)),
        width(own.size(3) / 3),
        heads(bias.size(0)),
        type(at::promote_types(own.scalar_type(), at::kFloat)) {}

  at::Tensor own;
  at::Tensor others;
  at::Tensor bias;
  at::Tensor mask;
  int64_t windows;
  int64_t width;
  int64_t heads;
  at::ScalarType type;  // in which all is computed

  int64_t WindowsAtATime() const {
    const int64_t bytes = bias.numel() * static_cast<int64_t>(at::elementSize(type));
    return std::max<int64_t>((own.is_cpu() ? kCpuScoreBytesMax : kGpuScoreBytesMax) / bytes, 1);
  }
};

// Tokens [F, n, P, D] seen head by head: [n, heads, F, P, D / heads].
at::Tensor ByHead(const at::Tensor& tokens, int64_t heads) {
  return tokens.unflatten(3, {heads, -1}).permute({1, 3, 0, 2, 4});
}

// Some of the windows, with q, k and v as matrices [n heads, tokens, D / heads].
class Some {
 public:
  Some(const Inputs& inputs, int64_t begin, int64_t count)
      : inputs_(inputs), begin_(begin), count_(count) {
    query = Matrices(Own(kQuery), at::Tensor());
    key = Matrices(Own(kKey), Others(kKey));
    value = Matrices(Own(kValue), Others(kValue));
  }

  at::Tensor query;
  at::Tensor key;
  at::Tensor value;

  at::Tensor Scores(double scale) const {
    const int64_t frames = inputs_.own.size(0);
    const int64_t tokens = inputs_.own.size(2);
    at::Tensor scores = at::empty({query.size(0), query.size(1), key.size(1)}, query.options());
    scores.baddbmm_(query, key.transpose(1, 2), /*beta=*/0, scale);
    scores.view({count_, inputs_.heads, query.size(1), key.size(1)}).add_(inputs_.bias);
    if (inputs_.mask.defined()) {
      scores.view({count_, inputs_.heads, frames, tokens, -1, tokens})
          .add_(inputs_.mask.narrow(0, begin_, count_).view({count_, 1, 1, tokens, 1, tokens}));
    }
    return scores;
  }

  // Tokens [F, N, P, D] of these windows as matrices.
  at::Tensor QueryMatrices(const at::Tensor& tokens) const {
    return Matrices(tokens.narrow(1, begin_, count_), at::Tensor());
  }

  // Writes matrices, one row for each query, to the tokens [F, N, P, D].
  void Write(const at::Tensor& matrices, const at::Tensor& tokens) const {
    const at::Tensor target = ByHead(tokens.narrow(1, begin_, count_), inputs_.heads);
    target.copy_(matrices.view(target.sizes()));
  }

  // The same with one row for each key: first those of the others.
  void Write(const at::Tensor& matrices, const at::Tensor& others, const at::Tensor& own) const {
    const int64_t rows = others.defined() ? others.size(0) * others.size(2) : 0;
    if (rows > 0) Write(matrices.narrow(1, 0, rows), others);
    Write(matrices.narrow(1, rows, matrices.size(1) - rows), own);
  }

 private:
  at::Tensor Own(Part part) const {
    return PartOf(inputs_.own, part, inputs_.width).narrow(1, begin_, count_);
  }

  at::Tensor Others(Part part) const {
    if (!inputs_.others.defined()) return {};
    return PartOf(inputs_.others, part - kKey, inputs_.width).narrow(1, begin_, count_);
  }

  at::Tensor Matrices(const at::Tensor& own, const at::Tensor& others) const {
    const at::Tensor last = ByHead(own, inputs_.heads);
    const int64_t before = others.defined() ? others.size(0) : 0;
    const int64_t frames = before + last.size(2);
    const at::Tensor all = at::empty({count_, inputs_.heads, frames, last.size(3), last.size(4)},
                                     own.options().dtype(inputs_.type));
    if (before > 0) all.narrow(2, 0, before).copy_(ByHead(others, inputs_.heads));
    all.narrow(2, before, last.size(2)).copy_(last);
    return all.view({count_ * inputs_.heads, frames * last.size(3), last.size(4)});
  }

  const Inputs& inputs_;
  int64_t begin_;
  int64_t count_;
};

template <typename Visit>
void ForSomeWindows(const Inputs& inputs, const Visit& visit) {
  const int64_t step = inputs.WindowsAtATime();
  for (int64_t begin = 0; begin < inputs.windows; begin += step) {
    visit(Some(inputs, begin, std::min(step, inputs.windows - begin)));
  }
}

at::Tensor Softmax(at::Tensor scores, AttentionWeights kind) {
  if (kind == AttentionWeights::kSoftmax) return at::_softmax(scores, -1, false);
  scores.masked_fill_(scores <= 0, -std::numeric_limits<double>::infinity());
  return at::_safe_softmax(scores, -1);
}

// Product of matrices times a factor.
at::Tensor Product(const at::Tensor& a, const at::Tensor& b, double factor = 1) {
  return at::empty({a.size(0), a.size(1), b.size(2)}, a.options()).baddbmm_(a, b, 0, factor);
}

at::Tensor Forward(const Inputs& inputs, const AttentionRule& rule) {
  const auto sizes = inputs.own.sizes();
  at::Tensor output = at::empty({sizes[0], sizes[1], sizes[2], inputs.width}, inputs.own.options());
  ForSomeWindows(inputs, [&](const Some& some) {
    at::Tensor weights = some.Scores(rule.score_scale);
    if (rule.weights == AttentionWeights::kRelu2) {
      weights.relu_();
      weights.mul_(weights);
    } else {
      weights = Softmax(std::move(weights), rule.weights);
    }
    some.Write(Product(weights, some.value, rule.output_scale), output);
  });
  return output;
}

struct Gradients {
  at::Tensor own;
  at::Tensor others;
  at::Tensor bias;
};

Gradients Backward(const Inputs& inputs, const AttentionRule& rule, const at::Tensor& of_output) {
  const int64_t width = inputs.width;
  Gradients to{at::empty(inputs.own.sizes(), inputs.own.options()),
               {},
               at::zeros(inputs.bias.sizes(), inputs.bias.options().dtype(inputs.type))};
  if (inputs.others.defined()) to.others = at::empty(inputs.others.sizes(), inputs.own.options());
  const auto others = [&](int64_t place) {
    return to.others.defined() ? PartOf(to.others, place, width) : at::Tensor();
  };
  ForSomeWindows(inputs, [&](const Some& some) {
    const at::Tensor of_result = some.QueryMatrices(of_output).mul_(rule.output_scale);
    at::Tensor weights = some.Scores(rule.score_scale);
    at::Tensor of_scores;
    if (rule.weights == AttentionWeights::kRelu2) {
      const at::Tensor root = weights.relu_();
      of_scores = Product(of_result, some.value.transpose(1, 2), 2).mul_(root);  // 2 r dr
      weights = root.square();
    } else {
      weights = Softmax(std::move(weights), rule.weights);
      const at::Tensor of_weights = Product(of_result, some.value.transpose(1, 2));
      of_scores = at::_softmax_backward_data(of_weights, weights, -1, inputs.type);
    }
    some.Write(Product(of_scores, some.key, rule.score_scale), PartOf(to.own, kQuery, width));
    some.Write(Product(of_scores.transpose(1, 2), some.query, rule.score_scale), others(0),
               PartOf(to.own, kKey, width));
    some.Write(Product(weights.transpose(1, 2), of_result), others(1),
               PartOf(to.own, kValue, width));
    to.bias.add_(of_scores.view({-1, inputs.heads, of_scores.size(1), of_scores.size(2)}).sum(0));
  });
  return to;
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& own,
                            const std::optional<at::Tensor>& others, const at::Tensor& bias,
                            const std::optional<at::Tensor>& mask, const AttentionRule& rule) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const Inputs inputs(own, others.value_or(at::Tensor()), bias, mask.value_or(at::Tensor()));
    context->save_for_backward({inputs.own, inputs.others, inputs.bias, inputs.mask});
    context->saved_data["weights"] = static_cast<int64_t>(rule.weights);
    context->saved_data["score_scale"] = rule.score_scale;
    context->saved_data["output_scale"] = rule.output_scale;
    return Forward(inputs, rule);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const variable_list saved = context->get_saved_variables();
    const AttentionRule rule{static_cast<AttentionWeights>(context->saved_data["weights"].toInt()),
                             context->saved_data["score_scale"].toDouble(),
                             context->saved_data["output_scale"].toDouble()};
    const Gradients to = Backward({saved[0], saved[1], saved[2], saved[3]}, rule, gradients[0]);
    return {to.own, to.others, to.bias.to(saved[2].scalar_type()), {}, {}};
  }
};

void CheckShapes(const at::Tensor& own, const at::Tensor& others, const at::Tensor& bias,
                 const at::Tensor& mask) {
  TORCH_CHECK(own.dim() == 4 && own.size(3) % 3 == 0, "Attend: expected own [F, N, P, 3D], got ",
              own.sizes());
  const int64_t width = own.size(3) / 3;
  const int64_t windows = own.size(1);
  const int64_t tokens = own.size(2);
  TORCH_CHECK(!others.defined() || (others.dim() == 4 && others.size(1) == windows &&
                                    others.size(2) == tokens && others.size(3) == 2 * width),
              "Attend: expected others [F', ", windows, ", ", tokens, ", ", 2 * width, "], got ",
              others.sizes());
  const int64_t queries = own.size(0) * tokens;
  const int64_t keys = queries + (others.defined() ? others.size(0) * tokens : 0);
  TORCH_CHECK(bias.dim() == 3 && width % bias.size(0) == 0 && bias.size(1) == queries &&
                  bias.size(2) == keys,
              "Attend: expected bias [heads, ", queries, ", ", keys, "], got ", bias.sizes());
  TORCH_CHECK(!mask.defined() || mask.sizes() == at::IntArrayRef({windows, tokens, tokens}),
              "Attend: expected mask [", windows, ", ", tokens, ", ", tokens, "], got ",
              mask.sizes());
}

}  // namespace

at::Tensor Attend(const at::Tensor& own, const at::Tensor& others, const at::Tensor& bias,
                  const at::Tensor& mask, const AttentionRule& rule) {
  CheckShapes(own, others, bias, mask);
  const auto if_any = [](const at::Tensor& tensor) {
    return tensor.defined() ? std::optional(tensor) : std::nullopt;
  };
  return Attention::apply(own, if_any(others), bias, if_any(mask), rule);
}

}  // namespace lrti::nn
