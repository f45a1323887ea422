#include "storage/sql/sql_audit_repository.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/sql/picked_delete.h"
#include "tessera/base/status_macros.h"

namespace tessera::storage::sql {
namespace {

// So many rows go into one INSERT: a batch takes a few round trips.
constexpr size_t kRowsInOne = 8;

constexpr char kEventColumns[] =
    "replica_id, place, event_time, event_name, actor, target, asked_from, done, reason,"
    " correlation, details, times, kid, mac";
constexpr char kSelectChain[] =
    "SELECT replica_id, place, kid, mac, tag, floor_place, floor_kid, floor_mac, floor_tag,"
    " updated_at FROM audit_chains ";

struct EventRow {
  AuditEvent event;
  int64_t done = 0;
  std::string mac;

  void FillFrom(Statement& statement) {
    statement.Into(event.replica_id).Into(event.sequence).Into(event.at).Into(event.event);
    statement.Into(event.actor).Into(event.target).Into(event.source).Into(done);
    statement.Into(event.reason).Into(event.correlation_id).Into(event.details);
    statement.Into(event.count).Into(event.kid).Into(mac);
  }
  AuditEvent Take() const {
    AuditEvent result = event;
    result.done = done != 0;
    result.mac = absl::HexStringToBytes(mac);
    return result;
  }
};

std::vector<AuditEvent> AllOf(Statement& statement, EventRow& row) {
  std::vector<AuditEvent> events;
  statement.Each([&] { events.push_back(row.Take()); });
  return events;
}

struct ChainRow {
  AuditChain chain;
  std::string mac, tag, floor_mac, floor_tag;

  void FillFrom(Statement& statement) {
    statement.Into(chain.replica_id).Into(chain.sequence).Into(chain.kid).Into(mac).Into(tag);
    statement.Into(chain.floor_sequence).Into(chain.floor_kid).Into(floor_mac).Into(floor_tag);
    statement.Into(chain.updated_at);
  }
  AuditChain Take() const {
    AuditChain result = chain;
    result.mac = absl::HexStringToBytes(mac);
    result.tag = absl::HexStringToBytes(tag);
    result.floor_mac = absl::HexStringToBytes(floor_mac);
    result.floor_tag = absl::HexStringToBytes(floor_tag);
    return result;
  }
};

std::optional<AuditChain> SelectChain(soci::session& session, std::string_view replica_id) {
  ChainRow row;
  Statement statement(session, absl::StrCat(kSelectChain, "WHERE replica_id = :id"));
  row.FillFrom(statement);
  if (!statement.Bind("id", replica_id).One()) return std::nullopt;
  return row.Take();
}

void BindChain(Statement& statement, const AuditChain& chain) {
  statement.Bind("replica_id", chain.replica_id).Bind("place", chain.sequence);
  statement.Bind("kid", chain.kid).Bind("mac", absl::BytesToHexString(chain.mac));
  statement.Bind("tag", absl::BytesToHexString(chain.tag));
  statement.Bind("floor_place", chain.floor_sequence).Bind("floor_kid", chain.floor_kid);
  statement.Bind("floor_mac", absl::BytesToHexString(chain.floor_mac));
  statement.Bind("floor_tag", absl::BytesToHexString(chain.floor_tag));
  statement.Bind("updated_at", chain.updated_at);
}

// `(:replica_id3, :place3, ...)`: the values of one row.
std::string Marks(size_t row) {
  std::string marks = "(";
  for (const char* column :
       {"replica_id", "place", "event_time", "event_name", "actor", "target", "asked_from", "done",
        "reason", "correlation", "details", "times", "kid", "mac"}) {
    absl::StrAppend(&marks, marks.size() > 1 ? ", :" : ":", column, row);
  }
  return marks + ")";
}

void BindRow(Statement& statement, const AuditEvent& event, size_t row) {
  const auto bind = [&](const char* column, const auto& value) {
    statement.Bind(absl::StrCat(column, row).c_str(), value);
  };
  bind("replica_id", event.replica_id);
  bind("place", event.sequence);
  bind("event_time", event.at);
  bind("event_name", event.event);
  bind("actor", event.actor);
  bind("target", event.target);
  bind("asked_from", event.source);
  bind("done", int64_t{event.done});
  bind("reason", event.reason);
  bind("correlation", event.correlation_id);
  bind("details", event.details);
  bind("times", event.count);
  bind("kid", event.kid);
  bind("mac", absl::BytesToHexString(event.mac));
}

void InsertSome(soci::session& session, const AuditEvent* events, size_t count) {
  std::string text = absl::StrCat("INSERT INTO audit_events (", kEventColumns, ") VALUES ");
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&text, i == 0 ? "" : ", ", Marks(i));
  Statement statement(session, std::move(text));
  for (size_t i = 0; i < count; ++i) BindRow(statement, events[i], i);
  statement.Run();
}

// What the filter asks for, as SQL; each condition begins with AND.
std::string Conditions(const AuditFilter& filter) {
  std::string text;
  if (!filter.event.empty() && filter.event.back() == '.') {
    text += " AND event_name >= :event AND event_name < :event_end";
  } else if (!filter.event.empty()) {
    text += " AND event_name = :event";
  }
  if (!filter.actor.empty()) text += " AND actor = :actor";
  if (!filter.target.empty()) text += " AND target = :target";
  if (!filter.source.empty()) text += " AND asked_from = :asked_from";
  if (!filter.correlation_id.empty()) text += " AND correlation = :correlation";
  if (filter.done.has_value()) text += " AND done = :done";
  return text;
}

void BindFilter(Statement& statement, const AuditFilter& filter) {
  if (!filter.event.empty()) statement.Bind("event", filter.event);
  if (!filter.event.empty() && filter.event.back() == '.') {
    std::string end = filter.event;
    ++end.back();
    statement.Bind("event_end", end);
  }
  if (!filter.actor.empty()) statement.Bind("actor", filter.actor);
  if (!filter.target.empty()) statement.Bind("target", filter.target);
  if (!filter.source.empty()) statement.Bind("asked_from", filter.source);
  if (!filter.correlation_id.empty()) statement.Bind("correlation", filter.correlation_id);
  if (filter.done.has_value()) statement.Bind("done", int64_t{*filter.done});
}

AuditRegister SelectRegister(soci::session& session) {
  AuditRegister content;
  std::string chains, tag;
  Statement statement(session,
                      "SELECT chains, kid, tag, COALESCE(config, '') FROM audit_register"
                      " WHERE id = 1");
  statement.Into(chains).Into(content.kid).Into(tag).Into(content.config).One();
  content.chains = absl::HexStringToBytes(chains);
  content.tag = absl::HexStringToBytes(tag);
  return content;
}

}  // namespace

// The write that changes nothing locks the row, on the engines where several write at once.
absl::StatusOr<std::optional<AuditChain>> SqlAuditRepository::TakeChain(
    std::string_view replica_id) {
  return transaction_.Do("audit.take_chain", [&](soci::session& session) {
    Statement take(session, "UPDATE audit_chains SET place = place WHERE replica_id = :id");
    if (take.Bind("id", replica_id).Run() == 0) return std::optional<AuditChain>();
    return SelectChain(session, replica_id);
  });
}

absl::StatusOr<std::optional<AuditChain>> SqlAuditRepository::FindChain(
    std::string_view replica_id) {
  return transaction_.Do("audit.find_chain",
                         [&](soci::session& session) { return SelectChain(session, replica_id); });
}

absl::Status SqlAuditRepository::InsertChain(const AuditChain& chain) {
  return transaction_.Do("audit.insert_chain",
                         [&](soci::session& session) {
                           Statement statement(
                               session,
                               "INSERT INTO audit_chains (replica_id, place, kid, mac, tag,"
                               " floor_place, floor_kid, floor_mac, floor_tag, updated_at) VALUES"
                               " (:replica_id, :place, :kid, :mac, :tag, :floor_place, :floor_kid,"
                               " :floor_mac, :floor_tag, :updated_at)");
                           BindChain(statement, chain);
                           statement.Run();
                         },
                         {.primary = absl::AlreadyExistsError("the chain is there already")});
}

absl::Status SqlAuditRepository::UpdateChain(const AuditChain& chain) {
  return transaction_.Do("audit.update_chain", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE audit_chains SET place = :place, kid = :kid, mac = :mac,"
                        " tag = :tag, floor_place = :floor_place, floor_kid = :floor_kid,"
                        " floor_mac = :floor_mac, floor_tag = :floor_tag,"
                        " updated_at = :updated_at WHERE replica_id = :replica_id");
    BindChain(statement, chain);
    statement.Run();
  });
}

absl::Status SqlAuditRepository::DeleteChain(std::string_view replica_id) {
  return transaction_.Do("audit.delete_chain", [&](soci::session& session) {
    Statement statement(session, "DELETE FROM audit_chains WHERE replica_id = :id");
    statement.Bind("id", replica_id).Run();
  });
}

absl::StatusOr<std::vector<AuditChain>> SqlAuditRepository::ListChains(std::string_view after,
                                                                       int limit) {
  return transaction_.Do("audit.list_chains", [&](soci::session& session) {
    std::vector<AuditChain> chains;
    ChainRow row;
    Statement statement(session, absl::StrCat(kSelectChain,
                                              "WHERE replica_id > :after ORDER BY replica_id"
                                              " LIMIT :limit"));
    row.FillFrom(statement);
    statement.Bind("after", after).Bind("limit", int64_t{limit});
    statement.Each([&] { chains.push_back(row.Take()); });
    return chains;
  });
}

absl::Status SqlAuditRepository::Append(const std::vector<AuditEvent>& events) {
  return transaction_.Do("audit.append", [&](soci::session& session) {
    for (size_t begin = 0; begin < events.size(); begin += kRowsInOne) {
      InsertSome(session, events.data() + begin, std::min(kRowsInOne, events.size() - begin));
    }
  });
}

absl::StatusOr<std::vector<AuditEvent>> SqlAuditRepository::ListChain(std::string_view replica_id,
                                                                      int64_t after, int limit) {
  return transaction_.Do("audit.list_chain", [&](soci::session& session) {
    EventRow row;
    Statement statement(session, absl::StrCat("SELECT ", kEventColumns,
                                              " FROM audit_events WHERE replica_id = :replica"
                                              " AND place > :after ORDER BY place LIMIT :limit"));
    row.FillFrom(statement);
    statement.Bind("replica", replica_id).Bind("after", after).Bind("limit", int64_t{limit});
    return AllOf(statement, row);
  });
}

absl::Status SqlAuditRepository::DeleteThrough(std::string_view replica_id, int64_t last) {
  return transaction_.Do("audit.delete_through", [&](soci::session& session) {
    DeleteByNumber(
        session,
        {"SELECT place FROM audit_events WHERE replica_id = :replica"
         " AND place <= :last ORDER BY place LIMIT :batch",
         "DELETE FROM audit_events WHERE replica_id = :replica AND place <= :last"
         " AND place IN ",
         [&](Statement& statement) { statement.Bind("replica", replica_id).Bind("last", last); }},
        std::numeric_limits<int64_t>::max());
  });
}

absl::StatusOr<std::string> SqlAuditRepository::NextWithEvents(std::string_view after) {
  return transaction_.Do("audit.next_with_events", [&](soci::session& session) {
    std::string next;
    Statement statement(session,
                        "SELECT replica_id FROM audit_events WHERE replica_id > :after"
                        " ORDER BY replica_id LIMIT 1");
    statement.Bind("after", after).Into(next).One();
    return next;
  });
}

absl::StatusOr<std::vector<AuditEvent>> SqlAuditRepository::List(const AuditFilter& filter,
                                                                 const AuditPosition& from,
                                                                 int limit) {
  return transaction_.Do("audit.list", [&](soci::session& session) {
    EventRow row;
    Statement statement(
        session,
        absl::StrCat("SELECT ", kEventColumns,
                     " FROM audit_events WHERE event_time >= :start AND event_time < :end"
                     " AND event_time <= :at AND (event_time < :at_again OR replica_id < :replica"
                     " OR (replica_id = :replica_again AND place < :place))",
                     Conditions(filter),
                     " ORDER BY event_time DESC, replica_id DESC, place DESC LIMIT :limit"));
    row.FillFrom(statement);
    statement.Bind("start", filter.start).Bind("end", filter.end);
    statement.Bind("at", from.at).Bind("at_again", from.at);
    statement.Bind("replica", from.replica_id).Bind("replica_again", from.replica_id);
    statement.Bind("place", from.sequence).Bind("limit", int64_t{limit});
    BindFilter(statement, filter);
    return AllOf(statement, row);
  });
}

absl::StatusOr<AuditRegister> SqlAuditRepository::TakeRegister() {
  return transaction_.Do("audit.take_register", [](soci::session& session) {
    Statement(session, "UPDATE audit_register SET kid = kid WHERE id = 1").Run();
    return SelectRegister(session);
  });
}

absl::StatusOr<AuditRegister> SqlAuditRepository::ReadRegister() {
  return transaction_.Do("audit.read_register", SelectRegister);
}

absl::Status SqlAuditRepository::UpdateRegister(const AuditRegister& content) {
  return transaction_.Do("audit.update_register", [&](soci::session& session) {
    Statement statement(session,
                        "UPDATE audit_register SET chains = :chains, kid = :kid, tag = :tag,"
                        " config = :config WHERE id = 1");
    statement.Bind("chains", absl::BytesToHexString(content.chains)).Bind("kid", content.kid);
    statement.Bind("tag", absl::BytesToHexString(content.tag)).Bind("config", content.config);
    statement.Run();
  });
}

}  // namespace tessera::storage::sql
