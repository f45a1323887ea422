#include "tessera/guard/parking_lot.h"

#include <algorithm>
#include <utility>

#include "tessera/base/clock.h"
#include "tessera/base/reason.h"

namespace tessera::guard {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);

absl::Status Unavailable(std::string_view text) {
  return RetryableRefusal(absl::StatusCode::kUnavailable, reason::kKeysUnavailable, text, kRetry);
}

void AnswerAll(const std::vector<ParkingLot::Answer>& answers, const absl::Status& status) {
  for (const auto& answer : answers) answer(status);
}

}  // namespace

ParkingLot::ParkingLot(std::shared_ptr<KeySource> keys, size_t max_calls)
    : keys_(std::move(keys)), max_calls_(max_calls), thread_([this] { Run(); }) {}

ParkingLot::~ParkingLot() { Stop(); }

absl::Status ParkingLot::Park(Answer answer, absl::Duration limit) {
  const absl::Duration until = SystemClock().Monotonic() + limit;
  MutexLock lock(state_->mu);
  if (state_->draining) return Unavailable("the service is shutting down");
  if (state_->parked.size() >= max_calls_) {
    ++state_->refused;
    return Unavailable("too many calls wait for keys");
  }
  state_->parked.emplace(state_->next_id++, Parked{std::move(answer), until});
  state_->fetch_wanted = true;
  state_->changed.NotifyAll();
  return absl::OkStatus();
}

absl::Status ParkingLot::AskForKeys() {
  MutexLock lock(state_->mu);
  if (state_->draining) return Unavailable("the service is shutting down");
  const absl::Duration since =
      std::max(SystemClock().Monotonic() - state_->fetched_at, keys_->SinceFetch());
  if (since < kFetchStands) return absl::OkStatus();
  state_->fetch_wanted = true;
  state_->changed.NotifyAll();
  return Unavailable("the keys are being fetched");
}

void ParkingLot::Drain() {
  std::vector<Answer> answers;
  {
    MutexLock lock(state_->mu);
    state_->draining = true;
    answers = TakeAll(*state_);
  }
  AnswerAll(answers, Unavailable("the service is shutting down"));
}

void ParkingLot::Stop() {
  Drain();
  {
    MutexLock lock(state_->mu);
    state_->stopped = true;
    state_->changed.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  keys_ = nullptr;
  MutexLock lock(state_->mu);
  while (state_->answering > 0) state_->changed.Wait(state_->mu);
}

size_t ParkingLot::size() const {
  MutexLock lock(state_->mu);
  return state_->parked.size();
}

uint64_t ParkingLot::parked_total() const {
  MutexLock lock(state_->mu);
  return state_->next_id;
}

uint64_t ParkingLot::refused_total() const {
  MutexLock lock(state_->mu);
  return state_->refused;
}

std::vector<ParkingLot::Answer> ParkingLot::TakeAll(State& state) {
  std::vector<Answer> answers;
  answers.reserve(state.parked.size());
  for (auto& [id, parked] : state.parked) answers.push_back(std::move(parked.answer));
  state.parked.clear();
  return answers;
}

std::vector<ParkingLot::Answer> ParkingLot::TakeOverdue(State& state, absl::Duration now) {
  std::vector<Answer> answers;
  for (auto one = state.parked.begin(); one != state.parked.end();) {
    if (one->second.until > now) {
      ++one;
      continue;
    }
    answers.push_back(std::move(one->second.answer));
    one = state.parked.erase(one);
  }
  return answers;
}

absl::Duration ParkingLot::UntilNext(const State& state, absl::Duration now) {
  absl::Duration left = absl::InfiniteDuration();
  for (const auto& [id, parked] : state.parked) left = std::min(left, parked.until - now);
  return std::max(left, absl::ZeroDuration());
}

void ParkingLot::Fetch() {
  keys_->Fetch([state = state_](const absl::Status& fetched) {
    std::vector<Answer> answers;
    {
      MutexLock lock(state->mu);
      state->fetching = false;
      if (fetched.ok()) state->fetched_at = SystemClock().Monotonic();
      state->fetch_wanted = false;  // whoever came meanwhile has shared this fetch
      answers = TakeAll(*state);
      ++state->answering;
    }
    const bool told = fetched.ok() || ReasonOf(fetched) == reason::kKeysUnavailable;
    AnswerAll(answers, told ? fetched : Unavailable("the keys could not be fetched"));
    MutexLock lock(state->mu);
    --state->answering;
    state->changed.NotifyAll();
  });
}

void ParkingLot::Run() {
  for (;;) {
    std::vector<Answer> overdue;
    bool fetch = false;
    {
      MutexLock lock(state_->mu);
      if (state_->stopped) return;
      const absl::Duration now = SystemClock().Monotonic();
      overdue = TakeOverdue(*state_, now);
      fetch = state_->fetch_wanted && !state_->fetching;
      if (fetch) state_->fetching = true;
      if (overdue.empty() && !fetch) {
        state_->changed.WaitFor(state_->mu, UntilNext(*state_, now));
      }
    }
    AnswerAll(overdue, Unavailable("the keys did not come in time"));
    if (fetch) Fetch();
  }
}

}  // namespace tessera::guard
