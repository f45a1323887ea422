// What is fetched over HTTP, and what is not.
#include "tessera/http/http_get.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "tests/base/free_port.h"
#include "tests/base/temporary_folder.h"
#include "tests/guard/tls_material.h"
#include "tests/http/http_server.h"

namespace tessera::http {
namespace {

using testing::HttpServer;

HttpRequest To(const HttpServer& server, const std::string& scheme = "http") {
  HttpRequest request;
  request.url = scheme + "://127.0.0.1:" + std::to_string(server.port()) + "/keys";
  request.plaintext = Plaintext::kOnLoopback;
  request.timeout = absl::Seconds(20);
  return request;
}

std::string Refusal(const absl::StatusOr<HttpAnswer>& answer) {
  EXPECT_TRUE(absl::IsUnavailable(answer.status())) << answer.status();
  return std::string(answer.status().message());
}

TEST(HttpGet, BringsTheBody) {
  HttpServer server([](const std::string&) { return HttpServer::Ok("{\"keys\":[]}"); });
  const auto answer = HttpGet(To(server));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "{\"keys\":[]}");
  EXPECT_EQ(answer->etag, "");
  EXPECT_FALSE(answer->not_modified);
  EXPECT_FALSE(answer->max_age.has_value());
}

TEST(HttpGet, ShowsTheBearerTokenAndNoCookie) {
  std::string seen;
  HttpServer server([&](const std::string& head) {
    seen = head;
    return HttpServer::Ok("x");
  });
  HttpRequest request = To(server);
  request.bearer = Secret("t0ken");
  ASSERT_TRUE(HttpGet(request).ok());
  EXPECT_NE(seen.find("authorization: Bearer t0ken\r\n"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("GET /keys HTTP/1.1\r\n"), 0u);
  EXPECT_EQ(seen.find("ookie"), std::string::npos);
}

TEST(HttpGet, FollowsNoRedirect) {
  HttpServer other([](const std::string&) { return HttpServer::Ok("x"); });
  HttpServer server([&](const std::string&) {
    return "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:" + std::to_string(other.port()) +
           "/\r\ncontent-length: 0\r\n\r\n";
  });
  EXPECT_EQ(Refusal(HttpGet(To(server))), "HTTP status 302");
  EXPECT_EQ(other.requests(), 0);
}

TEST(HttpGet, OnlyStatus200IsAnAnswer) {
  for (const char* status : {"204 No Content", "206 Partial Content", "401 Unauthorized",
                             "404 Not Found", "500 Internal Server Error"}) {
    HttpServer server([&](const std::string&) {
      return std::string("HTTP/1.1 ") + status + "\r\ncontent-length: 0\r\n\r\n";
    });
    EXPECT_FALSE(HttpGet(To(server)).ok()) << status;
  }
}

TEST(HttpGet, TheCapIsTheLastByteThatIsTaken) {
  size_t size = 1000;
  HttpServer server([&](const std::string&) { return HttpServer::Ok(std::string(size, 'x')); });
  HttpRequest request = To(server);
  request.max_bytes = 1000;
  EXPECT_TRUE(HttpGet(request).ok());
  size = 1001;
  EXPECT_EQ(Refusal(HttpGet(request)), "the answer is too large");
}

TEST(HttpGet, ABodyWithoutEndIsGivenUpAtTheCap) {
  HttpServer server([](const std::string&) {
    return "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + std::string(4 << 20, 'x');
  });
  EXPECT_EQ(Refusal(HttpGet(To(server))), "the answer is too large");
}

TEST(HttpGet, AServerThatHangsIsGivenUpInTime) {
  HttpServer server([](const std::string&) { return HttpServer::Ok("x"); });
  server.Stall(true);
  HttpRequest request = To(server);
  request.timeout = absl::Milliseconds(200);
  EXPECT_FALSE(HttpGet(request).ok());
}

TEST(HttpGet, StopsWhenItIsAskedTo) {
  HttpServer server([](const std::string&) { return HttpServer::Ok("x"); });
  server.Stall(true);
  std::atomic<bool> stop{false};
  HttpRequest request = To(server);
  request.timeout = absl::InfiniteDuration();
  request.stop = [&] { return stop.load(); };
  std::thread asking([&] { EXPECT_FALSE(HttpGet(request).ok()); });
  server.AwaitRequests(1);
  stop = true;
  asking.join();
}

volatile sig_atomic_t g_pipe_signals = 0;

// As where TLS writes to a peer that has gone: a process that does nothing about SIGPIPE would end.
TEST(HttpGet, ASigpipeOfTheTransferReachesNobody) {
  HttpServer server([](const std::string&) { return HttpServer::Ok("x"); });
  server.Stall(true);
  const auto before = signal(SIGPIPE, [](int) { g_pipe_signals = g_pipe_signals + 1; });
  int raised = 0;
  HttpRequest request = To(server);
  request.stop = [&] {
    ++raised;
    return pthread_kill(pthread_self(), SIGPIPE) == 0;
  };
  EXPECT_FALSE(HttpGet(request).ok());
  EXPECT_GT(raised, 0);
  EXPECT_EQ(g_pipe_signals, 0);
  raise(SIGPIPE);
  EXPECT_EQ(g_pipe_signals, 1) << "it stayed blocked";
  signal(SIGPIPE, before);
}

TEST(HttpGet, NobodyThereIsUnavailable) {
  HttpRequest request;
  request.url = "http://127.0.0.1:" + std::to_string(testing::FreePort()) + "/";
  request.plaintext = Plaintext::kOnLoopback;
  EXPECT_TRUE(absl::IsUnavailable(HttpGet(request).status()));
}

// An operator's environment must not decide who sees the cluster's token.
TEST(HttpGet, AsksNoProxy) {
  HttpServer proxy([](const std::string&) { return HttpServer::Ok("proxy"); });
  HttpServer server([](const std::string&) { return HttpServer::Ok("server"); });
  const std::string address = "http://127.0.0.1:" + std::to_string(proxy.port());
  setenv("http_proxy", address.c_str(), 1);
  setenv("all_proxy", address.c_str(), 1);
  const auto answer = HttpGet(To(server));
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->body, "server");
  EXPECT_EQ(proxy.requests(), 0);
}

std::string Head(const std::string& lines) {
  return "HTTP/1.1 200 OK\r\n" + lines + "content-length: 1\r\n\r\nx";
}

TEST(HttpGet, AnEtagIsSentBackAndItsAnswerHasNoBody) {
  std::string seen;
  HttpServer server([&](const std::string& head) -> std::string {
    seen = head;
    if (head.find("if-none-match: W/\"v1\"\r\n") == head.npos) return Head("ETag: W/\"v1\"\r\n");
    return "HTTP/1.1 304 Not Modified\r\ncache-control: max-age=60\r\n\r\n";
  });
  HttpRequest request = To(server);
  const auto first = HttpGet(request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(seen.find("if-none-match"), seen.npos);
  EXPECT_EQ(first->etag, "W/\"v1\"");
  request.etag = first->etag;
  const auto second = HttpGet(request);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->not_modified);
  EXPECT_EQ(second->body, "");
  EXPECT_EQ(second->max_age, absl::Minutes(1));
}

TEST(HttpGet, NotModifiedIsNoAnswerToWhomHasNothing) {
  HttpServer server([](const std::string&) { return "HTTP/1.1 304 Not Modified\r\n\r\n"; });
  EXPECT_EQ(Refusal(HttpGet(To(server))), "HTTP status 304");
}

// What cannot be sent back as it came is not kept: it could say another header.
TEST(HttpGet, KeepsNoEtagThatIsNone) {
  for (const std::string& etag : {std::string("unquoted"), std::string("\"a b\""),
                                  "\"" + std::string(kMaxEtagBytes, 'x') + "\""}) {
    HttpServer server([&](const std::string&) { return Head("etag: " + etag + "\r\n"); });
    const auto answer = HttpGet(To(server));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->etag, "") << etag;
  }
  std::string seen;
  HttpServer server([&](const std::string& head) {
    seen = head;
    return HttpServer::Ok("x");
  });
  HttpRequest request = To(server);
  request.etag = "\"a\"\r\nx-evil: \"b\"";
  ASSERT_TRUE(HttpGet(request).ok());
  EXPECT_EQ(seen.find("evil"), seen.npos) << seen;
}

TEST(HttpGet, ReadsHowLongAnAnswerIsFresh) {
  const std::pair<const char*, std::optional<absl::Duration>> cases[] = {
      {"", std::nullopt},
      {"cache-control: public\r\n", std::nullopt},
      {"Cache-Control: public, Max-Age=600\r\n", absl::Minutes(10)},
      {"cache-control: max-age=600, no-cache\r\n", absl::ZeroDuration()},
      {"cache-control: no-store\r\n", absl::ZeroDuration()},
      {"cache-control: max-age=-1\r\n", absl::ZeroDuration()},
      {"cache-control: max-age=soon\r\n", absl::ZeroDuration()},
      {"cache-control: max-age=99999999999999999999\r\n", absl::ZeroDuration()}};
  for (const auto& [lines, expected] : cases) {
    HttpServer server([head = lines](const std::string&) { return Head(head); });
    const auto answer = HttpGet(To(server));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->max_age, expected) << lines;
  }
}

TEST(HttpGet, AnInterimAnswersHeadersAreNotTheAnswers) {
  HttpServer server([](const std::string&) {
    return "HTTP/1.1 103 Early Hints\r\netag: \"hint\"\r\ncache-control: max-age=1\r\n\r\n" +
           Head("cache-control: max-age=600\r\n");
  });
  const auto answer = HttpGet(To(server));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "x");
  EXPECT_EQ(answer->etag, "");
  EXPECT_EQ(answer->max_age, absl::Minutes(10));
}

TEST(HttpGet, HeadersWithoutEndAreGivenUp) {
  HttpServer server([](const std::string&) {
    std::string head;
    for (int i = 0; i < 1000; ++i) head += "x-filler: " + std::string(200, 'x') + "\r\n";
    return Head(head);
  });
  EXPECT_EQ(Refusal(HttpGet(To(server))), "the answer is too large");
}

class HttpsGet : public ::testing::Test {
 protected:
  static HttpServer::Pem Pem(const testing::TlsMaterial& tls) { return {tls.certificate, tls.key}; }

  testing::TemporaryFolder folder_;
  const testing::TlsMaterial own_ = testing::MakeTlsMaterial();
  HttpServer server_{[](const std::string&) { return HttpServer::Ok("x"); }, Pem(own_)};
};

TEST_F(HttpsGet, TrustsTheAuthorityItWasGivenAlone) {
  HttpRequest request = To(server_, "https");
  request.ca_file = folder_.Write("ca.pem", own_.certificate);
  EXPECT_TRUE(HttpGet(request).ok());
  request.ca_file = folder_.Write("other.pem", testing::MakeTlsMaterial().certificate);
  EXPECT_FALSE(HttpGet(request).ok());
  request.ca_file = "";
  EXPECT_FALSE(HttpGet(request).ok());
  request.ca_file = folder_.Path("missing.pem");
  EXPECT_FALSE(HttpGet(request).ok());
  EXPECT_EQ(server_.requests(), 1);
}

TEST_F(HttpsGet, TheCertificateMustNameTheServer) {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x "
      "-addext subjectAltName=DNS:other.test -keyout " +
      folder_.Path("key.pem") + " -out " + folder_.Path("ca.pem") + " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  HttpServer other([](const std::string&) { return HttpServer::Ok("x"); },
                   {folder_.Read("ca.pem"), folder_.Read("key.pem")});
  HttpRequest request = To(other, "https");
  request.ca_file = folder_.Path("ca.pem");
  EXPECT_NE(Refusal(HttpGet(request)).find("SSL"), std::string::npos);
  EXPECT_EQ(other.requests(), 0);
}

TEST(HttpUrl, IsHttpsOrOnLoopback) {
  for (const char* url :
       {"https://issuer.example/keys", "https://10.0.0.1:6443/openid/v1/jwks",
        "http://127.0.0.1:8001/keys", "http://localhost/keys", "http://[::1]:80/keys"}) {
    EXPECT_TRUE(CheckHttpUrl(url, Plaintext::kOnLoopback).ok()) << url;
  }
}

TEST(HttpUrl, PlaintextIsRefusedUnlessItIsAskedFor) {
  HttpServer server([](const std::string&) { return HttpServer::Ok("x"); });
  HttpRequest request = To(server);
  request.plaintext = HttpRequest().plaintext;
  EXPECT_TRUE(absl::IsInvalidArgument(HttpGet(request).status()));
  EXPECT_EQ(server.requests(), 0);
  EXPECT_TRUE(CheckHttpUrl("https://127.0.0.1/", Plaintext::kNowhere).ok());
}

TEST(HttpUrl, OthersAreRefused) {
  for (const char* url :
       {"", "keys", "http://issuer.example/keys", "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/", "http://localhost:80@evil.example/",
        "https://user:password@issuer.example/", "file:///etc/passwd", "ftp://127.0.0.1/",
        "gopher://127.0.0.1/", "http://evil.example#@127.0.0.1/", "http:///keys",
        "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckHttpUrl(url, Plaintext::kOnLoopback))) << url;
    HttpRequest request;
    request.url = url;
    request.plaintext = Plaintext::kOnLoopback;
    EXPECT_TRUE(absl::IsInvalidArgument(HttpGet(request).status())) << url;
  }
}

}  // namespace
}  // namespace tessera::http
