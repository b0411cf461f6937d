#include "services/coordinator/journal/database.h"

#include <sqlite3.h>

#include <cerrno>

#include "common/base/status.h"

namespace lrti::coordinator {
namespace {

constexpr int kBusyMs = 5000;

absl::StatusCode CodeOf(sqlite3* database, int result) {
  switch (result & 0xff) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::StatusCode::kFailedPrecondition;
    default:
      break;
  }
  // SQLite keeps the number of few errors only; `errno` was 0 before its call.
  for (const int error : {errno, sqlite3_system_errno(database)}) {
    if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
      return absl::StatusCode::kResourceExhausted;
    }
  }
  return absl::StatusCode::kUnavailable;
}

absl::Status ErrorOf(sqlite3* database, int result) {
  const absl::StatusCode code = CodeOf(database, result);
  const char* file = sqlite3_db_filename(database, "main");
  const char* advice = code == absl::StatusCode::kResourceExhausted
                           ? "; the disk is full: free space, and it goes on by itself"
                           : "";
  return Error(code, "{}: {}{}", file == nullptr ? "journal" : file, sqlite3_errmsg(database),
               advice);
}

}  // namespace

Statement::Statement(sqlite3* database, sqlite3_stmt* statement)
    : database_(database), statement_(statement) {}

void Statement::Free::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Statement::Bind(int place, int64_t value) {
  Keep(sqlite3_bind_int64(statement_.get(), place, value));
}

void Statement::Bind(int place, std::string_view text) {
  Keep(sqlite3_bind_text64(statement_.get(), place, text.data(), text.size(), SQLITE_STATIC,
                           SQLITE_UTF8));
}

void Statement::Keep(int bound) {
  if (bound_ == SQLITE_OK) bound_ = bound;
}

absl::StatusOr<bool> Statement::Step() {
  errno = 0;
  if (bound_ != SQLITE_OK) return ErrorOf(database_, bound_);
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return ErrorOf(database_, result);
}

absl::Status Statement::Run() {
  const absl::StatusOr<bool> row = Step();
  Reset();
  return row.status();
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());  // repeats Step's error
  sqlite3_clear_bindings(statement_.get());
  bound_ = SQLITE_OK;
}

int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return text == nullptr ? "" : std::string(text, static_cast<size_t>(bytes));
}

void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

absl::StatusOr<Database> Database::Open(const std::string& path, bool read_only) {
  sqlite3* raw = nullptr;
  const int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (result != SQLITE_OK) return Prefixed(ErrorOf(raw, result), path);
  sqlite3_busy_timeout(raw, kBusyMs);
  sqlite3_extended_result_codes(raw, 1);
  return database;
}

absl::Status Database::Execute(const std::string& sql) {
  errno = 0;
  const int result = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? absl::OkStatus() : ErrorOf(database_.get(), result);
}

absl::StatusOr<Statement> Database::Prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &statement, nullptr);
  if (result != SQLITE_OK) return ErrorOf(database_.get(), result);
  return Statement(database_.get(), statement);
}

}  // namespace lrti::coordinator
