#include "tests/drills/galera/node_agent.h"

#include <arpa/inet.h>
#include <mysql.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <limits>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "tessera/base/clock.h"

namespace tessera::testing {
namespace {

constexpr absl::Duration kGoodFor = absl::Seconds(1);
constexpr useconds_t kAskEveryMicros = 200'000;
constexpr int kAcceptMillis = 200;
constexpr unsigned int kLimitSeconds = 1;
constexpr char kIsSynced[] =
    "SELECT COUNT(*) FROM information_schema.global_status WHERE"
    " (variable_name = 'wsrep_local_state' AND variable_value = '4') OR"
    " (variable_name = 'wsrep_ready' AND variable_value = 'ON')";

struct Close {
  void operator()(MYSQL* connection) const { mysql_close(connection); }
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using Connection = std::unique_ptr<MYSQL, Close>;

Connection Connect(const std::string& socket) {
  Connection connection(mysql_init(nullptr));
  mysql_optionsv(connection.get(), MYSQL_OPT_CONNECT_TIMEOUT, &kLimitSeconds);
  mysql_optionsv(connection.get(), MYSQL_OPT_READ_TIMEOUT, &kLimitSeconds);
  MYSQL* const connected =
      mysql_real_connect(connection.get(), nullptr, "root", "", nullptr, 0, socket.c_str(), 0);
  return connected == nullptr ? nullptr : std::move(connection);
}

// Both rows are there.
bool IsSynced(MYSQL* connection) {
  if (mysql_query(connection, kIsSynced) != 0) return false;
  const std::unique_ptr<MYSQL_RES, Close> result(mysql_store_result(connection));
  const MYSQL_ROW row = result == nullptr ? nullptr : mysql_fetch_row(result.get());
  return row != nullptr && row[0] != nullptr && std::string_view(row[0]) == "2";
}

int64_t NowMicros() { return absl::ToInt64Microseconds(SystemClock().Monotonic()); }

int Listen(const std::string& address, int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &where.sin_addr);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&where), sizeof(where)) != 0 ||
      listen(listener, SOMAXCONN) != 0) {
    close(listener);
    throw std::runtime_error("cannot listen at " + address);
  }
  return listener;
}

}  // namespace

NodeAgent::NodeAgent(const std::string& address, int port, std::string socket)
    : socket_(std::move(socket)),
      listener_(Listen(address, port)),
      seen_up_at_(std::numeric_limits<int64_t>::min() / 2),
      asking_([this] { Ask(); }),
      answering_([this] { Answer(); }) {}

NodeAgent::~NodeAgent() {
  stop_ = true;
  asking_.join();
  answering_.join();
  close(listener_);
}

bool NodeAgent::IsUp() const {
  return NowMicros() - seen_up_at_ < absl::ToInt64Microseconds(kGoodFor);
}

void NodeAgent::Ask() {
  mysql_thread_init();
  Connection connection;
  while (!stop_) {
    if (connection == nullptr) connection = Connect(socket_);
    const int64_t asked = NowMicros();
    if (connection != nullptr && IsSynced(connection.get())) {
      seen_up_at_ = asked;
    } else {
      connection.reset();
      seen_up_at_ = std::numeric_limits<int64_t>::min() / 2;
    }
    usleep(kAskEveryMicros);
  }
  connection.reset();
  mysql_thread_end();
}

void NodeAgent::Answer() {
  while (!stop_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kAcceptMillis) <= 0) continue;
    const int asker = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (asker < 0) continue;
    const std::string_view answer = IsUp() ? "up\n" : "down\n";
    send(asker, answer.data(), answer.size(), MSG_NOSIGNAL);
    close(asker);
  }
}

}  // namespace tessera::testing
