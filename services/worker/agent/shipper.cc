#include "services/worker/agent/shipper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "common/base/files.h"
#include "common/base/open_file.h"
#include "common/base/status.h"
#include "lrti/v1/worker.pb.h"

namespace lrti::worker {
namespace {

constexpr uint64_t kPieceBytes = 512 << 10;

struct Piece {
  std::string bytes;
  uint64_t file_bytes = 0;
};

// What the file holds from `offset` on. A file that is not there is empty: its rank never started.
absl::StatusOr<Piece> ReadPiece(const std::string& path, uint64_t offset, uint64_t bytes_max) {
  Piece piece;
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return piece;
  struct stat info {};
  if (!file.valid() || ::fstat(file.fd(), &info) != 0) return FileError(errno, path, "cannot open");
  piece.file_bytes = static_cast<uint64_t>(info.st_size);
  if (offset >= piece.file_bytes) return piece;
  piece.bytes.resize(std::min(bytes_max, piece.file_bytes - offset));
  const ssize_t got =
      ::pread(file.fd(), piece.bytes.data(), piece.bytes.size(), static_cast<off_t>(offset));
  if (got < 0) return FileError(errno, path, "cannot read");
  piece.bytes.resize(static_cast<size_t>(got));
  return piece;
}

uint64_t FileBytes(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

// There is no use in asking for the next file.
bool IsAway(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsAborted(status) || absl::IsUnauthenticated(status);
}

}  // namespace

Shipper::Outcome Shipper::Ship(const std::vector<Shipment>& shipments) {
  Outcome outcome;
  Forget(shipments);
  ShipAll(shipments, outcome);
  CountWaiting(shipments);
  return outcome;
}

void Shipper::ShipAll(const std::vector<Shipment>& shipments, Outcome& outcome) {
  for (const Shipment& shipment : shipments) {
    for (const Shipment::Rank& rank : shipment.ranks) {
      for (const bool events : {false, true}) {
        const absl::Status shipped =
            ShipFile(shipment, rank.rank, events, events ? rank.events : rank.log, outcome);
        if (outcome.status.ok()) outcome.status = shipped;
        if (IsAway(shipped)) return;
      }
    }
    if (AllComplete(shipment)) outcome.acknowledged.push_back(shipment.key);
  }
}

absl::Status Shipper::ShipFile(const Shipment& shipment, int64_t rank, bool events,
                               const std::string& path, Outcome& outcome) {
  Progress& progress = progress_[{shipment.key, rank, events}];
  if (progress.complete) return absl::OkStatus();
  // The first call only asks how far the coordinator is.
  const uint64_t offset = progress.have.value_or(0);
  LRTI_ASSIGN_OR_RETURN(Piece piece, ReadPiece(path, offset, progress.have ? kPieceBytes : 0));
  const uint64_t end = offset + piece.bytes.size();
  const bool last = progress.have && shipment.ended && end >= piece.file_bytes;
  if (progress.have && piece.bytes.empty() && !last) return absl::OkStatus();

  v1::AppendSpoolRequest request;
  request.set_agent(agent_);
  request.set_job(shipment.key.job);
  request.set_attempt(shipment.key.attempt);
  request.set_rank(rank);
  request.set_stream(events ? v1::AppendSpoolRequest::EVENTS : v1::AppendSpoolRequest::LOG);
  request.set_offset(offset);
  request.set_complete(last);
  const uint64_t sent = piece.bytes.size();
  request.set_data(std::move(piece.bytes));
  const auto response = client_.AppendSpool(request);
  if (absl::IsNotFound(response.status())) {
    progress.complete = true;
    return absl::OkStatus();
  }
  if (!response.ok()) return response.status();
  if (progress.have && response->have() == end) shipped_bytes_ += sent;
  progress.have = response->have();
  progress.complete = last && response->have() == end;
  outcome.more =
      outcome.more || response->have() < piece.file_bytes || (shipment.ended && !progress.complete);
  return absl::OkStatus();
}

bool Shipper::AllComplete(const Shipment& shipment) const {
  const auto complete = [&](int64_t rank, bool events) {
    const auto found = progress_.find({shipment.key, rank, events});
    return found != progress_.end() && found->second.complete;
  };
  return std::all_of(shipment.ranks.begin(), shipment.ranks.end(), [&](const auto& it) {
    return complete(it.rank, false) && complete(it.rank, true);
  });
}

void Shipper::CountWaiting(const std::vector<Shipment>& shipments) {
  waiting_bytes_ = 0;
  for (const Shipment& shipment : shipments) {
    for (const Shipment::Rank& rank : shipment.ranks) {
      for (const bool events : {false, true}) {
        const Progress& progress = progress_[{shipment.key, rank.rank, events}];
        const uint64_t bytes = FileBytes(events ? rank.events : rank.log);
        const uint64_t have = progress.have.value_or(0);
        if (!progress.complete && bytes > have) waiting_bytes_ += bytes - have;
      }
    }
  }
}

void Shipper::Forget(const std::vector<Shipment>& shipments) {
  std::set<AttemptKey> known;
  for (const Shipment& shipment : shipments) known.insert(shipment.key);
  std::erase_if(progress_,
                [&](const auto& entry) { return !known.contains(std::get<0>(entry.first)); });
}

}  // namespace lrti::worker
