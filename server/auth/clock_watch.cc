#include "server/auth/clock_watch.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(2);

}  // namespace

absl::StatusOr<absl::Duration> ClockDifference(storage::Store& store, const Clock& clock,
                                               absl::Duration patience) {
  const absl::Time asked = clock.Now();
  TESSERA_ASSIGN_OR_RETURN(const std::optional<absl::Time> theirs,
                           store.DatabaseTime(asked + patience));
  const absl::Time answered = clock.Now();
  if (!theirs.has_value()) return absl::ZeroDuration();
  if (*theirs < asked) return asked - *theirs;
  return std::min(answered - *theirs, absl::ZeroDuration());
}

std::string SignedSeconds(absl::Duration difference) {
  char text[32];
  std::snprintf(text, sizeof(text), "%+.3fs", absl::ToDoubleSeconds(difference));
  return text;
}

ClockWatch::ClockWatch(Options options, Parts parts) : options_(options), parts_(std::move(parts)) {
  Compare().IgnoreError();
  thread_ = std::thread([this] { Run(); });
}

ClockWatch::~ClockWatch() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  stop_changed_.NotifyAll();
  thread_.join();
}

bool ClockWatch::agrees() const {
  MutexLock lock(mu_);
  return agreed_;
}

absl::Status ClockWatch::Compare() {
  TESSERA_ASSIGN_OR_RETURN(const absl::Duration difference,
                           ClockDifference(parts_.store, parts_.clock, kStoreTimeout));
  const bool agrees = absl::AbsDuration(difference) <= options_.limit;
  Report(difference, agrees);
  parts_.on_result(agrees);
  return absl::OkStatus();
}

void ClockWatch::Report(absl::Duration difference, bool agrees) {
  {
    MutexLock lock(mu_);
    if (agrees == agreed_) return;
    agreed_ = agrees;
  }
  if (agrees) {
    parts_.log.Info("clock.agrees", {{"difference", SignedSeconds(difference)}});
  } else {
    parts_.log.Error("clock.differs", {{"difference", SignedSeconds(difference)},
                                       {"limit", absl::FormatDuration(options_.limit)}});
  }
}

void ClockWatch::Run() {
  while (true) {
    {
      MutexLock lock(mu_);
      bool in_time = true;
      while (!stop_ && in_time) in_time = stop_changed_.WaitFor(mu_, options_.interval);
      if (stop_) return;
    }
    Compare().IgnoreError();
  }
}

}  // namespace tessera::server
