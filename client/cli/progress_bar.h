// How far a long command has come, on a terminal.
#ifndef TESSERA_CLI_PROGRESS_BAR_H_
#define TESSERA_CLI_PROGRESS_BAR_H_

#include <cstddef>
#include <iosfwd>
#include <string>

namespace tessera::cli {

// One line that is written over again; gone when the bar goes. Not thread-safe.
class ProgressBar {
 public:
  // `on` only where `err` is a terminal: else nothing is ever written.
  ProgressBar(std::ostream& err, bool on) : err_(err), on_(on) {}
  ~ProgressBar() { Clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `note` is a few words of the program's own behind the bar.
  void Show(size_t done, size_t whole, const std::string& note);
  // Takes it away, so that a line can be printed.
  void Clear();

 private:
  std::ostream& err_;
  const bool on_;
  bool shown_ = false;
};

}  // namespace tessera::cli

#endif  // TESSERA_CLI_PROGRESS_BAR_H_
