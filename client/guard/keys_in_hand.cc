#include <utility>

#include "tessera/guard/key_source.h"

namespace tessera {
namespace {

class KeysHeld final : public KeySource {
 public:
  explicit KeysHeld(JwkSet keys) : keys_(std::make_shared<const JwkSet>(std::move(keys))) {}

  std::shared_ptr<const JwkSet> Current() const override { return keys_; }
  void Fetch(std::function<void(absl::Status)> done) override { done(absl::OkStatus()); }

 private:
  const std::shared_ptr<const JwkSet> keys_;
};

}  // namespace

absl::Duration KeySource::SinceFetch() const { return absl::ZeroDuration(); }

bool KeySource::Offer(std::shared_ptr<const JwkSet>) { return false; }

bool KeySource::OfferVersion(std::shared_ptr<const JwkSet> keys, const KeySetVersion&) {
  return Offer(std::move(keys));
}

std::shared_ptr<KeySource> KeysInHand(JwkSet keys) {
  return std::make_shared<KeysHeld>(std::move(keys));
}

}  // namespace tessera
