#include "common/events/fd_sink.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>

#include "common/base/check.h"
#include "common/base/status.h"

namespace lrti::events {
namespace {

std::string Dump(const Event& event) {
  return event.dump(-1, ' ', false, Event::error_handler_t::replace) + '\n';
}

}  // namespace

absl::StatusOr<int> OpenEventFd(const std::string& name, const std::string& text) {
  int fd = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (error != std::errc() || end != text.data() + text.size() || fd < 0) {
    return InvalidArgument("{}: '{}' is not the number of a file descriptor", name, text);
  }
  const int mode = ::fcntl(fd, F_GETFL);
  if (mode < 0) {
    return InvalidArgument("{}: descriptor {} is not open; pass the writing end of a pipe", name,
                           fd);
  }
  if ((mode & O_ACCMODE) == O_RDONLY) {
    return InvalidArgument("{}: descriptor {} is open for reading only; pass the writing end", name,
                           fd);
  }
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return InvalidArgument("{}: descriptor {} cannot be kept from child processes", name, fd);
  }
  return fd;
}

FdEventSink::FdEventSink(int fd, const Clock& clock, absl::Duration patience)
    : fd_(fd), clock_(clock), patience_(patience) {
  std::signal(SIGPIPE, SIG_IGN);
}

bool FdEventSink::closed() const {
  MutexLock lock(mutex_);
  return closed_;
}

uint64_t FdEventSink::dropped() const {
  MutexLock lock(mutex_);
  return dropped_;
}

void FdEventSink::Emit(const Event& event) {
  LRTI_CHECK(event.is_object() && event.contains("event") && event["event"].is_string());
  MutexLock lock(mutex_);
  if (closed_) {
    ++dropped_;
    return;
  }
  Send(Line(event, ++seq_));
}

std::string FdEventSink::Line(const Event& event, uint64_t seq) const {
  Event line;
  line["ts"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", clock_.Now(), absl::UTCTimeZone());
  line["seq"] = seq;
  line["event"] = event["event"];
  Event stamp = line;
  for (const auto& [key, value] : event.items()) {
    if (!line.contains(key)) line[key] = value;
  }
  std::string text = Dump(line);
  if (text.size() <= kLineBytesMax) return text;
  stamp["event"] = stamp["event"].get<std::string>().substr(0, 64);
  stamp["truncated"] = true;
  return Dump(stamp);
}

void FdEventSink::Send(std::string line) {
  // The rest of a line that was begun goes first: a reader must never see half a line and another.
  std::string_view begun = rest_;
  Outcome outcome = begun.empty() ? Outcome::kDone : Write(begun);
  rest_ = std::string(begun);

  std::string_view bytes = line;
  if (outcome == Outcome::kDone) outcome = Write(bytes);
  full_ = outcome == Outcome::kFull;
  closed_ = outcome == Outcome::kBroken;
  const bool untouched = bytes.size() == line.size();
  if (closed_ || (full_ && untouched)) {
    ++dropped_;
  } else if (full_) {
    rest_ = std::string(bytes);
  }
}

// Removes from `bytes` what was written. Pieces of PIPE_BUF bytes: when poll says there is room, a
// pipe takes at least that much without blocking, whether or not the descriptor blocks.
FdEventSink::Outcome FdEventSink::Write(std::string_view& bytes) const {
  absl::Duration patience = full_ ? absl::ZeroDuration() : patience_;
  while (!bytes.empty()) {
    if (const Outcome room = AwaitRoom(patience); room != Outcome::kDone) return room;
    const ssize_t done = ::write(fd_, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
    if (done >= 0) {
      bytes.remove_prefix(static_cast<size_t>(done));
    } else if (errno == EAGAIN) {
      return Outcome::kFull;
    } else if (errno != EINTR) {
      return Outcome::kBroken;
    }
  }
  return Outcome::kDone;
}

// kDone: a write will not block, though it may fail.
FdEventSink::Outcome FdEventSink::AwaitRoom(absl::Duration patience) const {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    struct pollfd wanted = {.fd = fd_, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready > 0) return Outcome::kDone;
    if (ready == 0) return Outcome::kFull;
    if (errno != EINTR) return Outcome::kBroken;
  }
}

}  // namespace lrti::events
