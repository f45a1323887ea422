#include "tessera/base/log.h"

namespace tessera {
namespace {

class NoSink final : public LogSink {
 public:
  void Write(const LogEvent&) override {}
};

}  // namespace

LogSink& NoLog() {
  static NoSink sink;
  return sink;
}

}  // namespace tessera
