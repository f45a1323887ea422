#include "server/audit/chain_mac.h"

#include <cstdint>

#include "absl/time/time.h"
#include "tessera/token/digest.h"

namespace tessera::server {
namespace {

constexpr std::string_view kEventContext = "tessera/audit-event/v1";
constexpr std::string_view kHeadContext = "tessera/audit-head/v1";
constexpr std::string_view kFloorContext = "tessera/audit-floor/v1";
constexpr std::string_view kChainContext = "tessera/audit-chain/v1";
constexpr std::string_view kRegisterContext = "tessera/audit-register/v1";
constexpr int kNumberBytes = 8;

// Fields one behind another, each with its length: no two contents look alike.
class Message {
 public:
  explicit Message(std::string_view context) { Add(context); }

  Message& Add(std::string_view text) {
    Add(static_cast<int64_t>(text.size()));
    bytes_.append(text);
    return *this;
  }
  Message& Add(int64_t number) {
    const auto bits = static_cast<uint64_t>(number);
    for (int i = kNumberBytes - 1; i >= 0; --i) {
      bytes_.push_back(static_cast<char>(bits >> (8 * i) & 0xff));
    }
    return *this;
  }
  std::string Mac(const Secret& key) const {
    const Sha256Digest mac = HmacSha256(key.Reveal(), bytes_);
    return {mac.begin(), mac.end()};
  }

 private:
  std::string bytes_;
};

bool Holds(const Secret* key, const std::string& tag,
           std::string (*make)(const Secret&, const storage::AuditChain&),
           const storage::AuditChain& chain) {
  return key != nullptr && Secret::ConstantTimeEqual(make(*key, chain), tag);
}

}  // namespace

std::string FirstAuditMac() { return std::string(kAuditMacBytes, '\0'); }

std::string AuditEventMac(const Secret& key, const storage::AuditEvent& event,
                          std::string_view previous) {
  Message message(kEventContext);
  message.Add(previous).Add(event.replica_id).Add(event.sequence);
  message.Add(absl::ToUnixMicros(event.at)).Add(event.event).Add(event.actor).Add(event.target);
  message.Add(event.source).Add(int64_t{event.done}).Add(event.reason);
  message.Add(event.correlation_id).Add(event.details).Add(event.count);
  return message.Mac(key);
}

std::string AuditHeadTag(const Secret& key, const storage::AuditChain& chain) {
  Message message(kHeadContext);
  return message.Add(chain.replica_id).Add(chain.sequence).Add(chain.mac).Mac(key);
}

std::string AuditFloorTag(const Secret& key, const storage::AuditChain& chain) {
  Message message(kFloorContext);
  return message.Add(chain.replica_id).Add(chain.floor_sequence).Add(chain.floor_mac).Mac(key);
}

std::string AuditRegisterTag(const Secret& key, const storage::AuditRegister& content) {
  return Message(kRegisterContext).Add(content.chains).Add(content.config).Mac(key);
}

std::string ToggleAuditChain(const Secret& key, std::string_view chains, std::string_view id) {
  std::string result = Message(kChainContext).Add(id).Mac(key);
  for (size_t i = 0; i < result.size() && i < chains.size(); ++i) {
    result[i] = static_cast<char>(result[i] ^ chains[i]);
  }
  return result;
}

bool HeadHolds(const KeySnapshot& keys, const storage::AuditChain& chain) {
  return Holds(AuditKey(keys, chain.kid), chain.tag, &AuditHeadTag, chain);
}

bool FloorHolds(const KeySnapshot& keys, const storage::AuditChain& chain) {
  return Holds(AuditKey(keys, chain.floor_kid), chain.floor_tag, &AuditFloorTag, chain);
}

bool RegisterHolds(const KeySnapshot& keys, const storage::AuditRegister& content) {
  const Secret* key = AuditKey(keys, content.kid);
  return key != nullptr && Secret::ConstantTimeEqual(AuditRegisterTag(*key, content), content.tag);
}

const Secret* AuditKey(const KeySnapshot& keys, const std::string& kid) {
  const auto place = keys.audits.find(kid);
  return place == keys.audits.end() ? nullptr : &place->second;
}

}  // namespace tessera::server
