#include "tests/mariadb/root_client.h"

#include <mysql.h>

#include <memory>
#include <mutex>
#include <stdexcept>

namespace tessera::testing {
namespace {

// A server that is paused or gone must not hold a test up for ever; a statement may sleep for long.
constexpr unsigned int kConnectSeconds = 20;
constexpr unsigned int kAnswerSeconds = 120;

struct FreeResult {
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using Result = std::unique_ptr<MYSQL_RES, FreeResult>;

[[noreturn]] void Fail(MYSQL* connection) { throw std::runtime_error(mysql_error(connection)); }

MYSQL* NewConnection() {
  static std::once_flag once;
  std::call_once(once, [] { mysql_server_init(0, nullptr, nullptr); });
  MYSQL* const connection = mysql_init(nullptr);
  mysql_optionsv(connection, MYSQL_OPT_CONNECT_TIMEOUT, &kConnectSeconds);
  mysql_optionsv(connection, MYSQL_OPT_READ_TIMEOUT, &kAnswerSeconds);
  mysql_optionsv(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  return connection;
}

void AppendRows(MYSQL_RES* result, std::string& text) {
  const unsigned int fields = mysql_num_fields(result);
  while (const MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* const lengths = mysql_fetch_lengths(result);
    for (unsigned int i = 0; i < fields; ++i) {
      if (i > 0) text += '\t';
      text += row[i] == nullptr ? "NULL" : std::string(row[i], lengths[i]);
    }
    text += '\n';
  }
}

}  // namespace

RootClient::RootClient(const std::string& socket, const std::string& database)
    : connection_(NewConnection()) {
  if (mysql_real_connect(connection_, nullptr, "root", "",
                         database.empty() ? nullptr : database.c_str(), 0, socket.c_str(),
                         CLIENT_MULTI_STATEMENTS) != nullptr) {
    return;
  }
  const std::string error = mysql_error(connection_);
  mysql_close(connection_);
  throw std::runtime_error(error);
}

RootClient::~RootClient() { mysql_close(connection_); }

std::string RootClient::Run(const std::string& statements) {
  if (mysql_real_query(connection_, statements.data(), statements.size()) != 0) Fail(connection_);
  std::string rows;
  int next = 0;
  while (next == 0) {
    const Result result(mysql_store_result(connection_));
    if (result != nullptr) {
      AppendRows(result.get(), rows);
    } else if (mysql_field_count(connection_) != 0) {
      Fail(connection_);
    }
    next = mysql_next_result(connection_);
  }
  if (next > 0) Fail(connection_);
  return rows;
}

}  // namespace tessera::testing
