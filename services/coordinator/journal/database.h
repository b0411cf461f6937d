#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace lrti::coordinator {

/// A prepared statement of SQLite. Belongs to a Database and ends before it.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* database, sqlite3_stmt* statement);

  // Values for the places ?1, ?2, ... of the next run. What SQLite refuses (a text beyond its
  // limit) is that run's error.
  void Bind(int place, int64_t value);
  void Bind(int place, std::string_view text);  // `text` outlives the run

  /// To the next row: true; false when there is none. Errors: see Database.
  absl::StatusOr<bool> Step();

  /// Runs it to its end and makes it ready again.
  absl::Status Run();
  void Reset();

  int64_t Integer(int column) const;
  std::string Text(int column) const;

 private:
  struct Free {
    void operator()(sqlite3_stmt* statement) const;
  };
  void Keep(int bound);

  sqlite3* database_ = nullptr;
  int bound_ = 0;  // the first error of Bind since the last run; 0: none
  std::unique_ptr<sqlite3_stmt, Free> statement_;
};

/// A connection to an SQLite file. Not thread-safe.
///
/// Errors: ResourceExhausted for a full disk or a file size limit, DataLoss for a damaged file,
/// FailedPrecondition for one that is locked or not to be opened, else Unavailable; with the path.
class Database {
 public:
  static absl::StatusOr<Database> Open(const std::string& path, bool read_only);

  absl::Status Execute(const std::string& sql);
  absl::StatusOr<Statement> Prepare(const std::string& sql);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace lrti::coordinator
