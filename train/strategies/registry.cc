#include "train/strategies/procedure.h"

namespace lrti::train {
namespace {

struct Maker {
  int64_t order;
  Procedure operator()(const job::PlainStrategy& strategy) const {
    return MakePlain(strategy, order);
  }
  Procedure operator()(const job::TbStrategy& strategy) const { return MakeTb(strategy, order); }
  Procedure operator()(const job::PiStrategy& strategy) const { return MakePi(strategy, order); }
};

}  // namespace

Procedure MakeProcedure(const job::StrategyConfig& strategy, int64_t order) {
  return std::visit(Maker{order}, strategy);
}

}  // namespace lrti::train
