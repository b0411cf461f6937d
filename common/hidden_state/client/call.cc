#include "common/hidden_state/client/call.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "common/base/check.h"
#include "common/base/status.h"

namespace lrti::hidden_state::client {
namespace {

// How long a share that waits for a lane may go unnoticed while others are being served.
constexpr absl::Duration kLookAgain = absl::Milliseconds(1);

}  // namespace

Call::Call(std::vector<Share> shares, Purpose purpose, Signal& signal, const Deadline& deadline,
           MakeExchange make, OnEnd on_end)
    : purpose_(purpose),
      signal_(signal),
      deadline_(deadline),
      make_(std::move(make)),
      on_end_(std::move(on_end)) {
  for (Share& share : shares) flows_.push_back({.share = std::move(share)});
}

void Call::Run() {
  while (true) {
    const uint64_t seen = signal_.count();
    for (Flow& flow : flows_) {
      if (!flow.ended && flow.lane == nullptr) Start(flow);
    }
    const auto runs = [](const Flow& flow) { return flow.lane != nullptr; };
    const auto waits = [](const Flow& flow) { return !flow.ended && flow.lane == nullptr; };
    const bool some_wait = std::ranges::any_of(flows_, waits);
    if (std::ranges::any_of(flows_, runs)) {
      Poll(some_wait);
    } else if (some_wait) {
      signal_.WaitBeyond(seen, deadline_);
    } else {
      return;
    }
    if (deadline_.Passed()) break;
  }
  for (Flow& flow : flows_) {
    if (flow.ended) continue;
    Finish(flow, Error(absl::StatusCode::kDeadlineExceeded, "cache node {}: no answer in time",
                       flow.share.peer->name()));
  }
}

// Takes a lane, if one can be had now, and says what there is to say.
void Call::Start(Flow& flow) {
  auto lane = flow.share.peer->TryTake(flow.share.job, purpose_);
  if (!lane.ok()) return Finish(flow, lane.status());
  if (*lane == nullptr) return;
  flow.lane = *std::move(lane);
  flow.debt = flow.share.peer->DebtOf(flow.share.job);
  if (flow.debt) {
    flow.paying = std::make_unique<InvalidateExchange>(flow.share.job, flow.debt->keys);
  }
  flow.exchange = make_(*flow.lane, flow.share);
  Advance(flow, 0);
}

void Call::Advance(Flow& flow, short ready) {
  while (flow.paying != nullptr) {
    const absl::Status status = flow.lane->Advance(*flow.paying, ready, deadline_);
    if (!status.ok()) return Finish(flow, status);
    if (!flow.paying->done()) return;
    flow.share.peer->Pay(flow.share.job, flow.debt->number);
    flow.paying = nullptr;
  }
  if (flow.exchange == nullptr) return Finish(flow, absl::OkStatus());
  const absl::Status status = flow.lane->Advance(*flow.exchange, ready, deadline_);
  if (!status.ok() || flow.exchange->done()) Finish(flow, status);
}

void Call::Finish(Flow& flow, const absl::Status& status) {
  flow.ended = true;
  End end{.share = flow.share, .status = status, .exchange = flow.exchange.get()};
  if (flow.lane != nullptr) {
    end.lane_number = flow.lane->number();
    if (status.ok()) end.view = flow.lane->view();
    flow.share.peer->GiveBack(std::move(flow.lane), purpose_, status);
  }
  on_end_(end);
}

void Call::Poll(bool some_wait) {
  std::vector<pollfd> files;
  std::vector<Flow*> flows;
  for (Flow& flow : flows_) {
    if (flow.lane == nullptr) continue;
    files.push_back({.fd = flow.lane->fd(), .events = flow.lane->events(), .revents = 0});
    flows.push_back(&flow);
  }
  const absl::Duration left = deadline_.Left();
  const timespec timeout = absl::ToTimespec(some_wait ? std::min(left, kLookAgain) : left);
  const int ready = ::ppoll(files.data(), files.size(), &timeout, nullptr);
  LRTI_CHECK(ready >= 0 || errno == EINTR || errno == ENOMEM);
  if (ready <= 0) return;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].revents != 0) Advance(*flows[i], files[i].revents);
  }
}

}  // namespace lrti::hidden_state::client
