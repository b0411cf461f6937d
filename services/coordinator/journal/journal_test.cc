#include "services/coordinator/journal/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "common/base/check.h"
#include "common/base/file_writer.h"
#include "common/base/sanitized.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "services/coordinator/journal/database.h"
#include "services/coordinator/journal/failpoint.h"
#include "services/coordinator/state/apply.h"
#include "services/coordinator/state/book_json.h"

namespace lrti::coordinator {
namespace {

using testing::HasSubstr;

Entry SubmittedAt(uint64_t seq, const std::string& config = "config") {
  auto submission = std::make_shared<Submission>();
  submission->job = "job-" + std::to_string(seq);
  submission->request_id = "request-" + std::to_string(seq);
  submission->queue = "default";
  submission->config = config;
  return {seq,
          {absl::FromUnixMicros(static_cast<int64_t>(1000 * seq)), absl::Microseconds(seq)},
          JobSubmitted{std::move(submission)}};
}

Entry Changed(const Book& book, const std::string& job, JobState to) {
  const JobRecord& record = book.jobs.at(job);
  StateChanged change;
  change.job = job;
  change.from = record.state;
  change.to = to;
  change.actor = "ann";
  return {book.seq + 1, book.at, change};
}

/// A journal and the book that it should hold.
struct Written {
  explicit Written(const std::string& folder) : journal(*Journal::Open(folder)) {}

  absl::Status Add(const std::vector<Entry>& entries) {
    LRTI_RETURN_IF_ERROR(journal->Append(entries));
    for (const Entry& entry : entries) Apply(entry, book);
    return absl::OkStatus();
  }

  std::unique_ptr<Journal> journal;
  Book book;
};

std::string Loaded(const std::string& folder) {
  auto journal = Journal::Open(folder);
  if (!journal.ok()) return journal.status().ToString();
  auto book = (*journal)->Load();
  return book.ok() ? ToJson(*book) : book.status().ToString();
}

/// Runs `body` in a child process and returns the signal that ended it, or 0.
template <typename Body>
int SignalOf(const Body& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(Journal, GivesBackTheBookOfAllThatWasAppended) {
  TemporaryFolder folder;
  std::string expected;
  {
    Written written(folder.path());
    ASSERT_TRUE(written.Add({SubmittedAt(1), SubmittedAt(2)}).ok());
    ASSERT_TRUE(written.Add({Changed(written.book, "job-1", JobState::kPaused)}).ok());
    expected = ToJson(written.book);
  }
  EXPECT_EQ(Loaded(folder.path()), expected);
}

TEST(Journal, ASnapshotIsTheSameBook) {
  TemporaryFolder folder;
  std::string expected;
  {
    Written written(folder.path());
    ASSERT_TRUE(written.Add({SubmittedAt(1), SubmittedAt(2)}).ok());
    ASSERT_TRUE(written.journal->WriteSnapshot(written.book).ok());
    ASSERT_TRUE(written.Add({Changed(written.book, "job-1", JobState::kCancelled)}).ok());
    expected = ToJson(written.book);
  }
  EXPECT_EQ(Loaded(folder.path()), expected);
}

TEST(Journal, ASnapshotNeedsNothingOfForgottenJobs) {
  TemporaryFolder folder;
  std::string expected;
  {
    Written written(folder.path());
    ASSERT_TRUE(written.Add({SubmittedAt(1), SubmittedAt(2)}).ok());
    ASSERT_TRUE(written.Add({Changed(written.book, "job-1", JobState::kCancelled)}).ok());
    ASSERT_TRUE(written.Add({Entry{4, written.book.at, JobForgotten{"job-1"}}}).ok());
    ASSERT_TRUE(written.journal->WriteSnapshot(written.book).ok());
    EXPECT_EQ(written.journal->snapshot_seq(), 4U);
    expected = ToJson(written.book);
  }
  {
    auto database = Database::Open(folder / "journal.db", false);
    ASSERT_TRUE(database->Execute("UPDATE updates SET body = '' WHERE seq = 1").ok());
  }
  EXPECT_EQ(Loaded(folder.path()), expected);
}

TEST(Database, ATextBeyondItsLimitIsAnErrorOfTheRun) {
  TemporaryFolder folder;
  auto database = Database::Open(folder / "some.db", false);
  auto statement = database->Prepare("SELECT ?1");
  const char letter = 'x';
  statement->Bind(1, std::string_view(&letter, size_t{1} << 31));  // it looks at the length first
  EXPECT_THAT(Message(statement->Step().status()), HasSubstr("too big"));
  statement->Reset();
  statement->Bind(1, "small");
  EXPECT_TRUE(*statement->Step());
  EXPECT_EQ(statement->Text(0), "small");
}

TEST(Journal, BelongsToOneProcessAtATime) {
  TemporaryFolder folder;
  Written written(folder.path());
  const auto second = Journal::Open(folder.path());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(), HasSubstr("another coordinator uses it"));
}

TEST(Journal, RefusesTheFormatOfANewerRelease) {
  TemporaryFolder folder;
  { Written written(folder.path()); }
  {
    auto database = Database::Open(folder / "journal.db", false);
    ASSERT_TRUE(database->Execute("PRAGMA user_version = 7").ok());
  }
  const auto journal = Journal::Open(folder.path());
  EXPECT_EQ(journal.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(journal.status().message(), HasSubstr("has format 7, this release knows 1"));
}

TEST(Journal, RefusesAFileThatIsNoJournal) {
  TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "journal.db", std::string(8192, 'x')).ok());
  EXPECT_EQ(Journal::Open(folder.path()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Journal, NoticesAMissingUpdate) {
  TemporaryFolder folder;
  {
    Written written(folder.path());
    ASSERT_TRUE(written.Add({SubmittedAt(1), SubmittedAt(2), SubmittedAt(3)}).ok());
  }
  {
    auto database = Database::Open(folder / "journal.db", false);
    ASSERT_TRUE(database->Execute("DELETE FROM updates WHERE seq = 2").ok());
  }
  EXPECT_THAT(Loaded(folder.path()), HasSubstr("update 2 is missing"));
}

TEST(Journal, ListsTransitionsInPages) {
  TemporaryFolder folder;
  Written written(folder.path());
  ASSERT_TRUE(written.Add({SubmittedAt(1), SubmittedAt(2)}).ok());
  for (const JobState state : {JobState::kPaused, JobState::kPending, JobState::kCancelled}) {
    ASSERT_TRUE(written.Add({Changed(written.book, "job-1", state)}).ok());
    ASSERT_TRUE(written.Add({Changed(written.book, "job-2", state)}).ok());
  }
  const auto all = *written.journal->Transitions("", 0, 0);
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[0].seq, 3U);
  const auto one = *written.journal->Transitions("job-2", 4, 1);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].seq, 6U);
  EXPECT_EQ(one[0].from, "PAUSED");
  EXPECT_EQ(one[0].to, "PENDING");
  EXPECT_EQ(one[0].actor, "ann");
  EXPECT_EQ(one[0].time, written.book.jobs.at("job-2").submitted);
}

TEST(Journal, AKillAtAnyFailpointLosesNothingAcknowledged) {
  struct Case {
    const char* failpoint;
    size_t jobs;  // that are there afterwards
  };
  for (const auto& [failpoint, jobs] :
       {Case{"before_append:2:kill", 2}, Case{"in_append:3:kill", 2}, Case{"in_append:4:kill", 2},
        Case{"after_append:2:kill", 4}, Case{"before_snapshot:kill", 4},
        Case{"in_snapshot:kill", 4}, Case{"after_snapshot:kill", 4}}) {
    SCOPED_TRACE(failpoint);
    TemporaryFolder folder;
    EXPECT_EQ(SignalOf([&] {
                SetFailpoint(failpoint);
                Written written(folder.path());
                LRTI_CHECK(written.Add({SubmittedAt(1), SubmittedAt(2)}).ok());
                LRTI_CHECK(written.Add({SubmittedAt(3), SubmittedAt(4)}).ok());
                LRTI_CHECK(written.journal->WriteSnapshot(written.book).ok());
              }),
              SIGKILL);
    Written written(folder.path());
    auto book = written.journal->Load();
    ASSERT_TRUE(book.ok()) << book.status();
    EXPECT_EQ(book->jobs.size(), jobs);
    EXPECT_TRUE(written.journal->Append(std::vector{SubmittedAt(jobs + 1)}).ok());
  }
}

/// Copies the files of a journal that was killed, and cuts its log short at `bytes`.
std::string LoadedWithLogOf(const TemporaryFolder& from, uint64_t bytes) {
  TemporaryFolder copy;
  std::filesystem::copy(from.path(), copy.path(), std::filesystem::copy_options::recursive);
  std::filesystem::resize_file(copy / "journal.db-wal", bytes);
  Written written(copy.path());
  auto book = written.journal->Load();
  if (!book.ok()) return book.status().ToString();
  return std::to_string(book->jobs.size());
}

TEST(Journal, ALogThatWasCutShortGivesWholeTransactionsOnly) {
  TemporaryFolder folder;
  ASSERT_EQ(SignalOf([&] {
              SetFailpoint("after_append:3:kill");
              Written written(folder.path());
              for (const uint64_t seq : {1u, 3u, 5u}) {
                LRTI_CHECK(written.Add({SubmittedAt(seq), SubmittedAt(seq + 1)}).ok());
              }
            }),
            SIGKILL);
  const uint64_t size = std::filesystem::file_size(folder / "journal.db-wal");
  EXPECT_EQ(LoadedWithLogOf(folder, size), "6");
  std::string last = "6";
  for (uint64_t bytes = size; bytes > 4096; bytes -= std::min<uint64_t>(bytes, 1031)) {
    const std::string jobs = LoadedWithLogOf(folder, bytes);
    // The schema itself stands in the log too: an empty journal is made anew.
    EXPECT_THAT(jobs, testing::AnyOf("0", "2", "4", "6")) << bytes;
    EXPECT_LE(jobs, last) << bytes;
    last = jobs;
  }
  EXPECT_EQ(last, "0");
}

TEST(Journal, AFullDiskSaysSoAndLosesNothing) {
  TemporaryFolder folder;
  Written written(folder.path());
  ASSERT_TRUE(written.Add({SubmittedAt(1)}).ok());
  const std::string large(40'000, 'x');
  {
    FileSizeLimit limit(200'000);
    absl::Status status;
    for (int i = 0; i < 100 && status.ok(); ++i) {
      status = written.Add({SubmittedAt(written.book.seq + 1, large)});
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(status.message(), HasSubstr("free space"));
    EXPECT_GT(written.book.jobs.size(), 1U);
  }
  {
    FileSizeLimit limit(1);
    EXPECT_EQ(written.journal->Probe().code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_TRUE(written.journal->Probe().ok());
  ASSERT_TRUE(written.Add({SubmittedAt(written.book.seq + 1)}).ok()) << "it goes on by itself";
  const std::string expected = ToJson(written.book);
  written.journal.reset();
  EXPECT_EQ(Loaded(folder.path()), expected);
}

TEST(Journal, LoadsTenThousandJobs) {
  constexpr int kBatches = kSanitized ? 2 : 20;
  for (const bool snapshot : {false, true}) {
    TemporaryFolder folder;
    {
      Written written(folder.path());
      for (int i = 0; i < kBatches; ++i) {
        std::vector<Entry> entries;
        for (int k = 0; k < 500; ++k) {
          entries.push_back(
              SubmittedAt(written.book.seq + 1 + entries.size(), std::string(3000, 'x')));
        }
        ASSERT_TRUE(written.Add(entries).ok());
      }
      if (snapshot) {
        ASSERT_TRUE(written.journal->WriteSnapshot(written.book).ok());
      }
    }
    auto journal = Journal::Open(folder.path());
    auto book = (*journal)->Load();
    ASSERT_TRUE(book.ok());
    EXPECT_EQ(book->jobs.size(), 500U * kBatches);
  }
}

}  // namespace
}  // namespace lrti::coordinator
