// A store that notes what is asked of it: each transaction, and on SQLite each statement within.
#ifndef TESSERA_TESTS_SERVER_AUTH_TRACED_STORE_H_
#define TESSERA_TESTS_SERVER_AUTH_TRACED_STORE_H_

#include <sqlite3.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/store.h"
#include "tessera/base/mutex.h"

struct sqlite3_api_routines;

namespace tessera::server {

// Thread-safe. Passes on to `store`, which outlives it.
class TracedStore final : public storage::Store {
 public:
  // While it lives, connections that SQLite opens report their statements: make it before the
  // store. One at a time.
  class Statements {
   public:
    Statements() { sqlite3_auto_extension(Entry()); }
    ~Statements() { sqlite3_cancel_auto_extension(Entry()); }
    Statements(const Statements&) = delete;
    Statements& operator=(const Statements&) = delete;
  };

  explicit TracedStore(storage::Store& store) : store_(store) {}

  absl::Status Read(absl::Time deadline, Work work) override {
    Note("read");
    return store_.Read(deadline, [&](storage::Repositories& in) { return Run(work, in); });
  }
  absl::Status ReadEach(absl::Time deadline, Work work) override {
    Note("read each");
    return store_.ReadEach(deadline, [&](storage::Repositories& in) { return Run(work, in); });
  }
  absl::Status Write(storage::Repeat repeat, absl::Time deadline, Work work) override {
    Note("write");
    return store_.Write(repeat, deadline, [&](storage::Repositories& in) { return Run(work, in); });
  }
  absl::StatusOr<std::optional<absl::Time>> DatabaseTime(absl::Time deadline) override {
    Note("time");
    return store_.DatabaseTime(deadline);
  }

  // What was asked since the last time, in order: `read`, `write`, and the statements' texts
  // without their values.
  std::vector<std::string> Take() {
    MutexLock lock(mu_);
    return std::exchange(asked_, {});
  }

 private:
  // A work may run on another caller's thread, beside works that are none of ours.
  absl::Status Run(Work work, storage::Repositories& in) {
    at_work_ = this;
    absl::Status status = work(in);
    at_work_ = nullptr;
    return status;
  }
  void Note(std::string what) {
    MutexLock lock(mu_);
    asked_.push_back(std::move(what));
  }

  static int OnOpen(sqlite3* connection, char**, const sqlite3_api_routines*) {
    return sqlite3_trace_v2(connection, SQLITE_TRACE_STMT, &OnStatement, nullptr);
  }
  static int OnStatement(unsigned, void*, void*, void* text) {
    if (at_work_ != nullptr) at_work_->Note(static_cast<const char*>(text));
    return 0;
  }
  static void (*Entry())() { return reinterpret_cast<void (*)()>(&OnOpen); }

  inline static thread_local TracedStore* at_work_ = nullptr;

  storage::Store& store_;
  Mutex mu_;
  std::vector<std::string> asked_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_AUTH_TRACED_STORE_H_
