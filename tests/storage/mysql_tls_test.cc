#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/sql/mysql_store.h"
#include "tests/base/program.h"
#include "tests/base/temporary_folder.h"
#include "tests/mariadb/cutting_proxy.h"
#include "tests/mariadb/mariadb.h"

namespace tessera::storage {
namespace {

using ::testing::HasSubstr;
using testing::MariaDb;
using testing::MariaDbDatabase;

// The number under which the client library reports whatever is wrong with TLS.
constexpr char kTlsError[] = "2026";

MariaDb::Options WithTls() {
  MariaDb::Options options;
  options.tls = true;
  return options;
}

class MysqlTlsTest : public ::testing::Test {
 protected:
  absl::Status Open(const MysqlOptions& options) {
    return OpenMysqlStore(options, SystemClock(), NoLog()).status();
  }
  // Refused for what is wrong with TLS, as something for the operator to mend.
  void ExpectTlsRefusal(const MysqlOptions& options) {
    const absl::Status status = Open(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(kTlsError));
  }
  // An authority that signed nothing here.
  std::string OtherAuthority() {
    const std::string file = folder_.Path("other.pem");
    const auto made = testing::Program::Start(
        {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=other", "-keyout", folder_.Path("other.key"), "-out", file});
    EXPECT_EQ(made->Wait(absl::Seconds(60)), 0);
    return file;
  }

  testing::TemporaryFolder folder_;
  MariaDb server_{WithTls()};
  MariaDbDatabase database_{server_};
};

TEST_F(MysqlTlsTest, AServerThatTheAuthorityVouchesForUnderItsNameIsSpokenToEncrypted) {
  EXPECT_TRUE(Open(database_.options()).ok());
  MysqlOptions by_name = database_.options();
  by_name.host = "localhost";
  EXPECT_TRUE(Open(by_name).ok());
}

// Over TLS the library has one number for whatever broke.
TEST_F(MysqlTlsTest, ConnectionsKilledByTheServerAreReplacedUnnoticed) {
  auto store = OpenMysqlStore(database_.options(), SystemClock(), NoLog());
  ASSERT_TRUE(store.ok()) << store.status();
  for (int64_t version = 0; version < 3; ++version) {
    server_.Sql("KILL USER '" + database_.user() + "'@'127.0.0.1'");
    const absl::Status status =
        (*store)->Write(Repeat::kOnce, SystemClock().Now() + absl::Seconds(30),
                        [&](Repositories& r) { return r.keys.AdvanceVersion(version).status(); });
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_EQ(database_.Sql("SELECT version FROM key_set"), "3\n");
}

TEST_F(MysqlTlsTest, ACertificateOfAnotherAuthorityIsRefused) {
  MysqlOptions options = database_.options();
  options.tls_ca = OtherAuthority();
  ExpectTlsRefusal(options);
}

TEST_F(MysqlTlsTest, AnAuthorityThatIsNotThereIsRefused) {
  MysqlOptions options = database_.options();
  options.tls_ca = folder_.Path("nothing.pem");
  ExpectTlsRefusal(options);
}

// The certificate is good, and for somebody else: what a machine in the middle would show.
TEST_F(MysqlTlsTest, ACertificateForAnotherNameIsRefused) {
  MysqlOptions options = database_.options();
  options.host = "127.0.0.2";
  testing::CuttingProxy elsewhere(server_.port(), "127.0.0.2");
  options.port = elsewhere.port();
  ExpectTlsRefusal(options);
}

// A machine in the middle that says the server has no TLS: the client library alone would go on in
// the clear.
TEST_F(MysqlTlsTest, AServerWithoutTlsIsRefusedWhereAnAuthorityIsNamed) {
  MariaDb plain;
  MariaDbDatabase database(plain);
  MysqlOptions options = database.options();
  ASSERT_TRUE(Open(options).ok());
  options.tls_ca = database_.options().tls_ca;
  ExpectTlsRefusal(options);
}

TEST_F(MysqlTlsTest, AnAccountThatRequiresTlsRefusesPlaintext) {
  MysqlOptions options = database_.options();
  options.tls_ca.clear();
  EXPECT_EQ(Open(options).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace tessera::storage
