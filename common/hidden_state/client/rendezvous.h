#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/hidden_state/key.h"

namespace lrti::hidden_state::client {

/// Which node keeps which state: every client that knows the same nodes by the same names answers
/// the same, without asking anyone. A node that joins, leaves or changes its weight moves its own
/// share of the states and no other.
///
/// Weighted rendezvous hashing, Schindelhauer and Schomaker, SPAA 2005: a state goes to the node
/// with the largest  weight / -ln(u),  u a number in (0, 1) drawn by hashing node and state.
class Rendezvous {
 public:
  /// Frames in a row that stay on one node, so that the states around a clip's border come by one
  /// request.
  static constexpr uint32_t kFramesTogether = 32;

  struct Node {
    std::string name;
    double weight = 1;  // 0: gets nothing
  };

  /// REQUIRES: a node whose weight is above zero; no weight below.
  explicit Rendezvous(const std::vector<Node>& nodes) {
    bool any = false;
    for (const Node& node : nodes) {
      LRTI_CHECK(node.weight >= 0 && std::isfinite(node.weight));
      any = any || node.weight > 0;
      nodes_.push_back({Fingerprint(node.name).value(), node.weight});
    }
    LRTI_CHECK(any);
  }

  /// Its place in the list of nodes.
  size_t NodeOf(const StateKey& key) const {
    const uint64_t unit = Fingerprint()
                              .Add(key.job)
                              .Add(key.video)
                              .Add(key.crop)
                              .Add(key.branch)
                              .Add(key.frame / kFramesTogether)
                              .value();
    size_t best = 0;
    double most = -1;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const double score = nodes_[i].weight / -std::log(Draw(unit, nodes_[i].name));
      if (score > most) {
        most = score;
        best = i;
      }
    }
    return best;
  }

 private:
  struct Drawn {
    uint64_t name = 0;
    double weight = 0;
  };

  // In (0, 1), both ends left out.
  static double Draw(uint64_t unit, uint64_t name) {
    const uint64_t hash = MixBits(unit ^ MixBits(name));
    return (static_cast<double>(hash >> 12) + 0.5) * 0x1p-52;
  }

  std::vector<Drawn> nodes_;
};

}  // namespace lrti::hidden_state::client
