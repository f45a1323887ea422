#include "tessera/cli/progress_bar.h"

#include <algorithm>
#include <ostream>

namespace tessera::cli {
namespace {

constexpr size_t kWidth = 30;
constexpr char kEraseLine[] = "\r\x1b[K";

}  // namespace

void ProgressBar::Show(size_t done, size_t whole, const std::string& note) {
  if (!on_ || whole == 0) return;
  const size_t part = std::min(done, whole);
  const size_t filled = part * kWidth / whole;
  err_ << kEraseLine << '[' << std::string(filled, '#') << std::string(kWidth - filled, ' ') << "] "
       << part * 100 / whole << "% " << note << std::flush;
  shown_ = true;
}

void ProgressBar::Clear() {
  if (!shown_) return;
  err_ << kEraseLine << std::flush;
  shown_ = false;
}

}  // namespace tessera::cli
