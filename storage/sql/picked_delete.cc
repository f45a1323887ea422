#include "storage/sql/picked_delete.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tessera::storage::sql {
namespace {

template <typename Key>
std::vector<Key> Pick(soci::session& session, const PickedDelete& what, int64_t batch) {
  std::vector<Key> keys;
  Key key{};
  Statement statement(session, what.pick);
  what.bind(statement);
  statement.Bind("batch", batch).Into(key).Each([&] { keys.push_back(key); });
  return keys;
}

// `(:k0, :k1, ...)`
std::string Marks(size_t count) {
  std::string marks = "(";
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&marks, i == 0 ? ":k" : ", :k", i);
  return marks + ")";
}

template <typename Key>
int64_t Remove(soci::session& session, const PickedDelete& what, const Key* keys, size_t count) {
  Statement statement(session, what.remove + Marks(count));
  what.bind(statement);
  for (size_t i = 0; i < count; ++i) statement.Bind(absl::StrCat("k", i).c_str(), keys[i]);
  return statement.Run();
}

template <typename Key>
int64_t Delete(soci::session& session, const PickedDelete& what, int64_t limit) {
  constexpr auto kChunk = static_cast<size_t>(kDeleteBatch);
  int64_t total = 0;
  bool more = true;
  while (more && total < limit) {
    const int64_t batch = std::min(limit - total, kPickBatch);
    const std::vector<Key> keys = Pick<Key>(session, what, batch);
    more = static_cast<int64_t>(keys.size()) == batch;
    for (size_t begin = 0; begin < keys.size(); begin += kChunk) {
      const size_t count = std::min(kChunk, keys.size() - begin);
      total += Remove(session, what, keys.data() + begin, count);
    }
  }
  return total;
}

}  // namespace

int64_t DeleteByName(soci::session& session, const PickedDelete& what, int64_t limit) {
  return Delete<std::string>(session, what, limit);
}

int64_t ChangeByName(soci::session& session, const PickedDelete& what, int64_t limit) {
  return Delete<std::string>(session, what, limit);
}

int64_t DeleteByNumber(soci::session& session, const PickedDelete& what, int64_t limit) {
  return Delete<int64_t>(session, what, limit);
}

}  // namespace tessera::storage::sql
