#include "tessera/guard/revocation_source.h"

#include <utility>

namespace tessera {
namespace {

class GivenView final : public RevocationSource {
 public:
  explicit GivenView(std::shared_ptr<RevocationView> view) : view_(std::move(view)) {}
  const std::shared_ptr<RevocationView>& view() const override { return view_; }

 private:
  const std::shared_ptr<RevocationView> view_;
};

// What RevocationsFromView makes of a missing view: one that never becomes whole, so that nobody
// is let in by mistake.
std::shared_ptr<RevocationView> NeverWhole() {
  return std::make_shared<RevocationView>(SystemClock());
}

}  // namespace

std::shared_ptr<RevocationSource> RevocationsFromView(std::shared_ptr<RevocationView> view) {
  return std::make_shared<GivenView>(view != nullptr ? std::move(view) : NeverWhole());
}

std::shared_ptr<RevocationSource> WithoutRevocations() {
  return std::make_shared<GivenView>(nullptr);
}

}  // namespace tessera
