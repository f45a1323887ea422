#include "tessera/cli/signal_delay.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <optional>

namespace tessera::cli {
namespace {

volatile sig_atomic_t delivered = 0;
void Count(int /*number*/) { delivered = delivered + 1; }

// The handler in force for a scope.
class Handler {
 public:
  Handler(int number, void (*handler)(int)) : number_(number) {
    delivered = 0;
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigaction(number, &action, &before_);
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  ~Handler() { ::sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_ {};
};

TEST(SignalDelay, ASignalIsDeliveredWhenTheLastDelayGoes) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const Handler handler(number, Count);
    std::optional<SignalDelay> outer(std::in_place);
    {
      const SignalDelay inner;
      ::raise(number);
    }
    EXPECT_EQ(delivered, 0);
    outer.reset();
    EXPECT_EQ(delivered, 1);
    { const SignalDelay next; }
    EXPECT_EQ(delivered, 1) << "it is delivered once";
  }
}

TEST(SignalDelay, AnIgnoredSignalStaysIgnored) {
  const Handler handler(SIGHUP, SIG_IGN);
  const SignalDelay delay;
  struct sigaction now {};
  ::sigaction(SIGHUP, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_IGN);
}

}  // namespace
}  // namespace tessera::cli
