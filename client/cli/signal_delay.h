// Lets what must not be torn apart come to its end before a signal ends the program.
#ifndef TESSERA_CLI_SIGNAL_DELAY_H_
#define TESSERA_CLI_SIGNAL_DELAY_H_

namespace tessera::cli {

// While one lives, SIGINT, SIGTERM and SIGHUP are noted; when the last one goes, those that came
// are delivered as if they came then. Ignored ones stay ignored. For all threads of the process:
// gRPC's would take a signal that only this one blocks. Thread-safe; not while the terminal asks.
class SignalDelay {
 public:
  SignalDelay();
  SignalDelay(const SignalDelay&) = delete;
  SignalDelay& operator=(const SignalDelay&) = delete;
  ~SignalDelay();
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_SIGNAL_DELAY_H_
