#include "tessera/cli/signal_delay.h"

#include <signal.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <iterator>

#include "tessera/base/mutex.h"

namespace tessera::cli {
namespace {

constexpr int kDelayed[] = {SIGINT, SIGTERM, SIGHUP};

// Written by the handler, whichever thread it runs on.
std::array<std::atomic<bool>, std::size(kDelayed)> came{};
static_assert(std::atomic<bool>::is_always_lock_free);

Mutex mu;
int living ABSL_GUARDED_BY(mu) = 0;
std::array<struct sigaction, std::size(kDelayed)> before ABSL_GUARDED_BY(mu);

void Note(int number) {
  for (size_t i = 0; i < came.size(); ++i) {
    if (kDelayed[i] == number) came[i].store(true);
  }
}

}  // namespace

SignalDelay::SignalDelay() {
  const MutexLock lock(mu);
  if (living++ > 0) return;
  struct sigaction note {};
  note.sa_handler = Note;
  note.sa_flags = SA_RESTART;
  for (size_t i = 0; i < before.size(); ++i) {
    ::sigaction(kDelayed[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) ::sigaction(kDelayed[i], &note, nullptr);
  }
}

SignalDelay::~SignalDelay() {
  {
    const MutexLock lock(mu);
    if (--living > 0) return;
    for (size_t i = 0; i < before.size(); ++i) ::sigaction(kDelayed[i], &before[i], nullptr);
  }
  for (size_t i = 0; i < came.size(); ++i) {
    if (came[i].exchange(false)) ::raise(kDelayed[i]);
  }
}

}  // namespace tessera::cli
