#include "services/coordinator/journal/journal.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "common/base/files.h"
#include "common/base/lock_file.h"
#include "common/base/mutex.h"
#include "common/base/open_file.h"
#include "common/base/status.h"
#include "services/coordinator/journal/database.h"
#include "services/coordinator/journal/failpoint.h"
#include "services/coordinator/state/apply.h"
#include "services/coordinator/state/book_json.h"
#include "services/coordinator/state/update_json.h"

namespace lrti::coordinator {
namespace {

constexpr int64_t kSchemaVersion = 1;
constexpr int64_t kTransitionsMax = 1000;

/// `job` has no index of its own: most rows are of no interest by themselves, and transitions are.
constexpr const char* kSchema = R"sql(
  CREATE TABLE updates(
    seq INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, steady_us INTEGER NOT NULL,
    job TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL);
  CREATE INDEX transitions ON updates(job, seq) WHERE kind = 'StateChanged';
  CREATE INDEX submissions ON updates(job) WHERE kind = 'JobSubmitted';
  CREATE TABLE snapshot(id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE TABLE probe(id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);
)sql";

absl::StatusOr<OpenFile> LockFolder(const std::string& folder) {
  const std::string path = JoinPath(folder, "lock");
  return LockFileAlone(path, fmt::format("{}: another coordinator uses it; stop that one, or give "
                                         "this one another state directory",
                                         folder));
}

absl::StatusOr<int64_t> VersionOf(Database& database) {
  LRTI_ASSIGN_OR_RETURN(Statement statement, database.Prepare("PRAGMA user_version"));
  LRTI_RETURN_IF_ERROR(statement.Step().status());
  return statement.Integer(0);
}

absl::Status PrepareSchema(Database& database, const std::string& path) {
  LRTI_RETURN_IF_ERROR(database.Execute("PRAGMA journal_mode = WAL"));
  LRTI_RETURN_IF_ERROR(database.Execute("PRAGMA synchronous = FULL"));
  LRTI_ASSIGN_OR_RETURN(const int64_t version, VersionOf(database));
  if (version == kSchemaVersion) return absl::OkStatus();
  if (version > kSchemaVersion) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "{}: has format {}, this release knows {}; use the newer release", path, version,
                 kSchemaVersion);
  }
  return database.Execute(
      fmt::format("BEGIN; {} PRAGMA user_version = {}; COMMIT", kSchema, kSchemaVersion));
}

Moment MomentOf(int64_t time_us, int64_t steady_us) {
  return {absl::FromUnixMicros(time_us), absl::Microseconds(steady_us)};
}

class SqliteJournal final : public Journal {
 public:
  SqliteJournal(std::string path, OpenFile lock, Database writer, Database reader)
      : path_(std::move(path)),
        lock_(std::move(lock)),
        writer_(std::move(writer)),
        reader_(std::move(reader)) {}

  absl::Status Prepare() {
    LRTI_ASSIGN_OR_RETURN(
        insert_, writer_.Prepare("INSERT INTO updates(seq, time_us, steady_us, job, kind, body) "
                                 "VALUES(?1, ?2, ?3, ?4, ?5, ?6)"));
    LRTI_ASSIGN_OR_RETURN(snapshot_,
                          writer_.Prepare("INSERT OR REPLACE INTO snapshot(id, seq, body) "
                                          "VALUES(1, ?1, ?2)"));
    return absl::OkStatus();
  }

  absl::StatusOr<Book> Load() override {
    LRTI_ASSIGN_OR_RETURN(Book book, LoadSnapshot());
    LRTI_ASSIGN_OR_RETURN(
        Statement rows,
        writer_.Prepare("SELECT seq, time_us, steady_us, kind, body FROM updates WHERE seq > ?1 "
                        "ORDER BY seq"));
    rows.Bind(1, static_cast<int64_t>(book.seq));
    for (;;) {
      LRTI_ASSIGN_OR_RETURN(const bool row, rows.Step());
      if (!row) return book;
      const auto seq = static_cast<uint64_t>(rows.Integer(0));
      if (seq != book.seq + 1) {
        return DataLoss("{}: update {} is missing; restore the file from a copy", path_,
                        book.seq + 1);
      }
      auto update = UpdateFromJson(rows.Text(3), rows.Text(4));
      if (!update.ok()) return Prefixed(update.status(), fmt::format("{}: update {}", path_, seq));
      Apply({seq, MomentOf(rows.Integer(1), rows.Integer(2)), *std::move(update)}, book);
    }
  }

  absl::Status Append(std::span<const Entry> entries) override {
    Failpoint("before_append");
    const absl::Status status = InTransaction([&]() -> absl::Status {
      for (const Entry& entry : entries) {
        const std::string body = ToJson(entry.update);
        insert_.Bind(1, static_cast<int64_t>(entry.seq));
        insert_.Bind(2, absl::ToUnixMicros(entry.at.wall));
        insert_.Bind(3, absl::ToInt64Microseconds(entry.at.steady));
        insert_.Bind(4, JobOf(entry.update));
        insert_.Bind(5, KindOf(entry.update));
        insert_.Bind(6, body);
        LRTI_RETURN_IF_ERROR(insert_.Run());
        Failpoint("in_append");
      }
      return absl::OkStatus();
    });
    if (status.ok()) Failpoint("after_append");
    return status;
  }

  absl::Status WriteSnapshot(const Book& book) override {
    Failpoint("before_snapshot");
    const std::string body = ToJson(book);
    const absl::Status status = InTransaction([&] {
      snapshot_.Bind(1, static_cast<int64_t>(book.seq));
      snapshot_.Bind(2, body);
      const absl::Status written = snapshot_.Run();
      Failpoint("in_snapshot");
      return written;
    });
    if (status.ok()) snapshot_seq_ = book.seq;
    Failpoint("after_snapshot");
    return status;
  }

  uint64_t snapshot_seq() const override { return snapshot_seq_; }

  absl::Status Probe() override {
    return InTransaction([&] {
      return writer_.Execute(
          "INSERT INTO probe VALUES(1, 1) "
          "ON CONFLICT(id) DO UPDATE SET count = count + 1");
    });
  }

  absl::StatusOr<std::vector<Transition>> Transitions(const std::string& job, uint64_t after_seq,
                                                      int64_t limit) override {
    MutexLock lock(reader_mutex_);
    LRTI_ASSIGN_OR_RETURN(
        Statement rows,
        reader_.Prepare(fmt::format("SELECT seq, time_us, body FROM updates WHERE kind = "
                                    "'StateChanged' AND seq > ?1 {} ORDER BY seq LIMIT ?2",
                                    job.empty() ? "" : "AND job = ?3")));
    rows.Bind(1, static_cast<int64_t>(after_seq));
    rows.Bind(2, limit <= 0 ? kTransitionsMax : std::min(limit, kTransitionsMax));
    if (!job.empty()) rows.Bind(3, job);
    std::vector<Transition> transitions;
    for (;;) {
      LRTI_ASSIGN_OR_RETURN(const bool row, rows.Step());
      if (!row) return transitions;
      LRTI_ASSIGN_OR_RETURN(const Update update, UpdateFromJson("StateChanged", rows.Text(2)));
      const auto& change = std::get<StateChanged>(update);
      transitions.push_back(
          {static_cast<uint64_t>(rows.Integer(0)), absl::FromUnixMicros(rows.Integer(1)),
           change.job, change.attempt, std::string(lifecycle::NameOf(change.from)),
           std::string(lifecycle::NameOf(change.to)), change.reason, change.message, change.actor});
    }
  }

 private:
  absl::StatusOr<Book> LoadSnapshot() {
    LRTI_ASSIGN_OR_RETURN(Statement row, writer_.Prepare("SELECT body FROM snapshot"));
    LRTI_ASSIGN_OR_RETURN(const bool has_row, row.Step());
    if (!has_row) return Book();
    LRTI_ASSIGN_OR_RETURN(
        Statement rows,
        writer_.Prepare("SELECT body FROM updates WHERE kind = 'JobSubmitted' AND job = ?1 AND "
                        "seq <= (SELECT seq FROM snapshot) ORDER BY seq DESC LIMIT 1"));
    auto book = BookFromJson(row.Text(0),
                             [&rows](const std::string& job) { return SubmissionOf(job, rows); });
    if (!book.ok()) return Prefixed(book.status(), path_);
    snapshot_seq_ = book->seq;
    return book;
  }

  /// Asked for one by one, so that jobs that were forgotten cost nothing.
  static absl::StatusOr<std::shared_ptr<const Submission>> SubmissionOf(const std::string& job,
                                                                        Statement& rows) {
    rows.Reset();
    rows.Bind(1, job);
    LRTI_ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) return DataLoss("snapshot: job {} was never submitted", job);
    LRTI_ASSIGN_OR_RETURN(const Update update, UpdateFromJson("JobSubmitted", rows.Text(0)));
    return std::get<JobSubmitted>(update).submission;
  }

  template <typename Body>
  absl::Status InTransaction(const Body& body) {
    LRTI_RETURN_IF_ERROR(writer_.Execute("BEGIN IMMEDIATE"));
    absl::Status status = body();
    if (status.ok()) status = writer_.Execute("COMMIT");
    // SQLite has rolled back by itself after some errors, and then refuses to do it again.
    if (!status.ok()) writer_.Execute("ROLLBACK").IgnoreError();
    return status;
  }

  const std::string path_;
  const OpenFile lock_;
  Database writer_;
  Statement insert_;  // after the database, so that it ends before it
  Statement snapshot_;
  uint64_t snapshot_seq_ = 0;
  Mutex reader_mutex_;
  Database reader_ ABSL_GUARDED_BY(reader_mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const std::string& folder) {
  LRTI_RETURN_IF_ERROR(MakeFolders(folder));
  LRTI_ASSIGN_OR_RETURN(OpenFile lock, LockFolder(folder));
  const std::string path = JoinPath(folder, "journal.db");
  LRTI_ASSIGN_OR_RETURN(Database writer, Database::Open(path, false));
  LRTI_RETURN_IF_ERROR(PrepareSchema(writer, path));
  LRTI_RETURN_IF_ERROR(SyncFolder(folder));
  LRTI_ASSIGN_OR_RETURN(Database reader, Database::Open(path, true));
  auto journal =
      std::make_unique<SqliteJournal>(path, std::move(lock), std::move(writer), std::move(reader));
  LRTI_RETURN_IF_ERROR(journal->Prepare());
  return journal;
}

}  // namespace lrti::coordinator
