#include "tessera/guard/presented.h"

namespace tessera::guard {

void PresentedScan::See(std::string_view key, std::string_view value) {
  bearer_.See(key, value);
  if (key != kDeviceHeader) return;
  ++devices_;
  device_id_ = value;
}

Presented PresentedScan::Result() const {
  return {bearer_.Result(), device_id_, devices_ > 1, nullptr};
}

}  // namespace tessera::guard
