#include "server/audit/audit_facade.h"

#include <cinttypes>
#include <cstdio>
#include <optional>
#include <utility>

#include "server/audit/trail_walk.h"
#include "server/user/page_token.h"
#include "tessera/base/reason.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using storage::AuditEvent;
using storage::AuditPosition;

absl::Status NoneOfOurs() {
  return FieldInvalid("page_token", "next_page_token of the page before");
}

// `hex time.replica.hex place`.
std::string TokenOf(PageOf list, const AuditPosition& position) {
  char time[20];
  char place[20];
  std::snprintf(time, sizeof(time), "%" PRIx64,
                static_cast<uint64_t>(absl::ToUnixMicros(position.at)));
  std::snprintf(place, sizeof(place), "%" PRIx64, static_cast<uint64_t>(position.sequence));
  return MakePageToken(list, std::string(time) + "." + position.replica_id + "." + place);
}

bool ReadHex(std::string_view text, int64_t& number) {
  uint64_t bits = 0;
  if (text.empty() || text.size() > 16) return false;
  for (const char c : text) {
    const size_t digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) return false;
    bits = bits << 4 | digit;
  }
  number = static_cast<int64_t>(bits);
  return true;
}

absl::StatusOr<AuditPosition> ReadToken(PageOf list, std::string_view token) {
  AuditPosition position;
  if (token.empty()) return position;
  TESSERA_ASSIGN_OR_RETURN(const std::string text, ReadPageToken(list, token));
  const size_t first = text.find('.');
  const size_t last = text.rfind('.');
  if (first == text.npos || first == last) return NoneOfOurs();
  int64_t time = 0;
  if (!ReadHex(std::string_view(text).substr(0, first), time)) return NoneOfOurs();
  if (!ReadHex(std::string_view(text).substr(last + 1), position.sequence)) return NoneOfOurs();
  position.at = absl::FromUnixMicros(time);
  position.replica_id = text.substr(first + 1, last - first - 1);
  return position;
}

}  // namespace

absl::StatusOr<AuditFacade::Page> AuditFacade::List(const CallInfo& call,
                                                    const storage::AuditFilter& filter,
                                                    int page_size,
                                                    std::string_view page_token) const {
  TESSERA_ASSIGN_OR_RETURN(const int size, PageSize(page_size));
  TESSERA_ASSIGN_OR_RETURN(const AuditPosition from, ReadToken(PageOf::kAuditEvents, page_token));
  Page page;
  TESSERA_RETURN_IF_ERROR(
      parts_.store.Read(call.deadline, [&](storage::Repositories& in) -> absl::Status {
        TESSERA_ASSIGN_OR_RETURN(page.events, in.audit.List(filter, from, size + 1));
        return absl::OkStatus();
      }));
  if (page.events.size() <= static_cast<size_t>(size)) return page;
  page.events.pop_back();
  const AuditEvent& last = page.events.back();
  page.next_page_token = TokenOf(PageOf::kAuditEvents, {last.at, last.replica_id, last.sequence});
  return page;
}

absl::StatusOr<AuditFacade::Checked> AuditFacade::Verify(const CallInfo& call,
                                                         std::string_view page_token) const {
  TESSERA_ASSIGN_OR_RETURN(const AuditPosition from, ReadToken(PageOf::kAuditCheck, page_token));
  const std::shared_ptr<const KeySnapshot> keys = parts_.keys.Current();
  Checked checked;
  const auto check = [&](storage::Repositories& in) -> absl::Status {
    TrailWalk walk(in, *keys, kCheckedAtOnce);
    if (page_token.empty()) TESSERA_RETURN_IF_ERROR(walk.CheckRegister());
    TESSERA_ASSIGN_OR_RETURN(const std::optional<AuditPosition> next,
                             walk.GoOnFrom({from.replica_id, from.sequence}));
    checked = Checked{walk.count(), walk.faults()};
    if (next.has_value()) checked.next_page_token = TokenOf(PageOf::kAuditCheck, *next);
    return absl::OkStatus();
  };
  TESSERA_RETURN_IF_ERROR(parts_.store.Read(call.deadline, check));
  return checked;
}

}  // namespace tessera::server
