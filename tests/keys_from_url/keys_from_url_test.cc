// Keys from a real HTTPS server.
#include "tessera/keys_from_url/keys_from_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <utility>

#include "tessera/base/mutex.h"
#include "tessera/base/reason.h"
#include "tessera/token/key.h"
#include "tests/base/fake_clock.h"
#include "tests/base/recording_log.h"
#include "tests/base/temporary_folder.h"
#include "tests/guard/tls_material.h"
#include "tests/http/http_server.h"

namespace tessera {
namespace {

using ::testing::HasSubstr;
using testing::HttpServer;
using ::testing::Not;

SigningKey NewKey() { return *SigningKey::Generate(Algorithm::kEs256); }
std::string SetOf(const SigningKey& key) { return JwkSet::Of({key.ToVerifyKey()})->ToJson(); }

absl::Status FetchNow(KeySource& keys) {
  std::promise<absl::Status> fetched;
  keys.Fetch([&](absl::Status status) { fetched.set_value(std::move(status)); });
  return fetched.get_future().get();
}

// What the server has: thread-safe.
class Publisher {
 public:
  // `headers` are lines, each with its end.
  void Publish(std::string body, std::string headers = "") {
    MutexLock lock(mu_);
    body_ = std::move(body);
    headers_ = std::move(headers);
  }
  void Answer(std::string whole) {
    MutexLock lock(mu_);
    whole_ = std::move(whole);
  }
  std::string last_head() const {
    MutexLock lock(mu_);
    return last_head_;
  }
  std::string operator()(const std::string& head) {
    MutexLock lock(mu_);
    last_head_ = head;
    if (!whole_.empty()) return whole_;
    return "HTTP/1.1 200 OK\r\n" + headers_ + "content-length: " + std::to_string(body_.size()) +
           "\r\n\r\n" + body_;
  }

 private:
  mutable Mutex mu_;
  std::string body_ ABSL_GUARDED_BY(mu_);
  std::string headers_ ABSL_GUARDED_BY(mu_);
  std::string whole_ ABSL_GUARDED_BY(mu_);
  std::string last_head_ ABSL_GUARDED_BY(mu_);
};

class KeysFromUrlTest : public ::testing::Test {
 protected:
  KeysFromUrlTest() {
    options_.ca_file = folder_.Write("ca.pem", tls_.certificate);
    options_.fetch_timeout = absl::Seconds(60);
    published_.Publish(SetOf(key_));
  }

  std::string Url() const {
    return "https://127.0.0.1:" + std::to_string(server_.port()) + "/jwks.json";
  }
  std::shared_ptr<KeySource> Make() {
    auto keys = KeysFromUrl(Url(), options_, clock_, log_);
    EXPECT_TRUE(keys.ok()) << keys.status();
    return *keys;
  }
  bool Has(const KeySource& keys, const SigningKey& key) const {
    return keys.Current()->Find(key.kid()) != nullptr;
  }
  std::string CodeOf(const std::string& url) const {
    return absl::StatusCodeToString(KeysFromUrl(url, options_, clock_, log_).status().code());
  }

  const testing::TemporaryFolder folder_;
  const testing::TlsMaterial tls_ = testing::MakeTlsMaterial();
  const SigningKey key_ = NewKey();
  testing::FakeClock clock_;
  mutable testing::RecordingLog log_;
  UrlKeysOptions options_;
  Publisher published_;
  HttpServer server_{[this](const std::string& head) { return published_(head); },
                     {tls_.certificate, tls_.key}};
};

TEST_F(KeysFromUrlTest, AsksNobodyBeforeKeysAreWanted) {
  const auto keys = Make();
  EXPECT_TRUE(keys->Current()->empty());
  EXPECT_EQ(server_.requests(), 0);
  ASSERT_TRUE(FetchNow(*keys).ok()) << log_.text();
  EXPECT_TRUE(Has(*keys, key_));
  EXPECT_THAT(published_.last_head(), HasSubstr("GET /jwks.json HTTP/1.1\r\n"));
}

TEST_F(KeysFromUrlTest, AnAuthorityThatIsNotTrustedPublishesNothing) {
  options_.ca_file = folder_.Write("other.pem", testing::MakeTlsMaterial().certificate);
  const auto keys = Make();
  const absl::Status fetched = FetchNow(*keys);
  EXPECT_TRUE(absl::IsUnavailable(fetched));
  EXPECT_EQ(ReasonOf(fetched), reason::kKeysUnavailable);
  EXPECT_TRUE(keys->Current()->empty());
  EXPECT_EQ(server_.requests(), 0);
  EXPECT_THAT(log_.text(), HasSubstr("keys.fetch_failed"));
}

TEST_F(KeysFromUrlTest, TheUrlIsHttpsUnlessPlaintextOnLoopbackIsAskedFor) {
  for (const char* bad : {"http://127.0.0.1/keys", "http://auth.example/keys", "keys", "",
                          "https://me:secret@auth.example/keys", "file:///etc/passwd"}) {
    EXPECT_EQ(CodeOf(bad), "INVALID_ARGUMENT") << bad;
  }
  options_.allow_plaintext_on_loopback = true;
  EXPECT_EQ(CodeOf("http://127.0.0.1/keys"), "OK");
  EXPECT_EQ(CodeOf("https://auth.example/keys"), "OK");
  for (const char* bad : {"http://auth.example/keys", "http://127.0.0.1.auth.example/keys",
                          "http://10.0.0.1/keys", "http://localhost@auth.example/keys"}) {
    EXPECT_EQ(CodeOf(bad), "INVALID_ARGUMENT") << bad;
  }
}

TEST_F(KeysFromUrlTest, PlaintextOnLoopbackBringsKeysWhereItIsAllowed) {
  HttpServer plain([this](const std::string& head) { return published_(head); });
  options_.allow_plaintext_on_loopback = true;
  const auto keys =
      KeysFromUrl("http://127.0.0.1:" + std::to_string(plain.port()) + "/", options_, clock_, log_);
  ASSERT_TRUE(keys.ok());
  ASSERT_TRUE(FetchNow(**keys).ok());
  EXPECT_TRUE(Has(**keys, key_));
}

TEST_F(KeysFromUrlTest, ATimeThatIsNotAboveZeroIsRefused) {
  for (absl::Duration UrlKeysOptions::*time :
       {&UrlKeysOptions::min_interval, &UrlKeysOptions::max_age, &UrlKeysOptions::fetch_timeout,
        &UrlKeysOptions::refresh_every}) {
    UrlKeysOptions options;
    options.*time = absl::ZeroDuration();
    EXPECT_TRUE(absl::IsInvalidArgument(KeysFromUrl(Url(), options, clock_, log_).status()));
  }
}

TEST_F(KeysFromUrlTest, FollowsNoRedirect) {
  HttpServer other([this](const std::string& head) { return published_(head); },
                   {tls_.certificate, tls_.key});
  published_.Answer("HTTP/1.1 302 Found\r\nlocation: https://127.0.0.1:" +
                    std::to_string(other.port()) + "/\r\ncontent-length: 0\r\n\r\n");
  EXPECT_TRUE(absl::IsUnavailable(FetchNow(*Make())));
  EXPECT_EQ(other.requests(), 0);
}

TEST_F(KeysFromUrlTest, FetchesAtMostOncePerIntervalHoweverOftenAsked) {
  const auto keys = Make();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(FetchNow(*keys).ok());
  EXPECT_EQ(server_.requests(), 1);
  clock_.Advance(absl::Seconds(10));
  ASSERT_TRUE(FetchNow(*keys).ok());
  EXPECT_EQ(server_.requests(), 2);
}

TEST_F(KeysFromUrlTest, ASetThatIsTooLargeEmptySharedOrNoneReplacesNothing) {
  const auto keys = Make();
  ASSERT_TRUE(FetchNow(*keys).ok());
  const SigningKey shared = *SigningKey::Generate(Algorithm::kHs256);
  const std::string padded = SetOf(NewKey()) + std::string(JwkSet::kMaxBytes, ' ');
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("{\"keys\":[]}"), std::string("<html>"),
        "{\"keys\":[" + std::string(shared.ToPrivateJwk().Reveal()) + "]}", padded}) {
    published_.Publish(body);
    clock_.Advance(absl::Seconds(10));
    EXPECT_TRUE(absl::IsUnavailable(FetchNow(*keys))) << body.substr(0, 40);
    EXPECT_TRUE(Has(*keys, key_));
  }
}

TEST_F(KeysFromUrlTest, AKeyThatIsTakenBackIsGoneAfterTheNextFetch) {
  const auto keys = Make();
  ASSERT_TRUE(FetchNow(*keys).ok());
  const SigningKey next = NewKey();
  published_.Publish(SetOf(next));
  clock_.Advance(absl::Minutes(5));
  server_.AwaitRequests(2);  // by itself
  ASSERT_TRUE(FetchNow(*keys).ok());
  EXPECT_TRUE(Has(*keys, next));
  EXPECT_FALSE(Has(*keys, key_));
}

TEST_F(KeysFromUrlTest, KeepsItsKeysThroughFailuresForMaxAgeOnly) {
  const auto keys = Make();
  ASSERT_TRUE(FetchNow(*keys).ok());
  published_.Answer("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
  clock_.Advance(absl::Hours(24));
  EXPECT_TRUE(absl::IsUnavailable(FetchNow(*keys)));
  EXPECT_TRUE(Has(*keys, key_));
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(keys->Current()->empty());
}

TEST_F(KeysFromUrlTest, AnUnchangedSetIsConfirmedByItsEtagAndStaysTheSamePointer) {
  published_.Publish(SetOf(key_), "etag: \"v1\"\r\n");
  const auto keys = Make();
  ASSERT_TRUE(FetchNow(*keys).ok());
  const auto before = keys->Current();
  published_.Answer("HTTP/1.1 304 Not Modified\r\netag: \"v1\"\r\n\r\n");
  clock_.Advance(absl::Hours(24));
  ASSERT_TRUE(FetchNow(*keys).ok()) << log_.text();
  EXPECT_THAT(published_.last_head(), HasSubstr("if-none-match: \"v1\"\r\n"));
  EXPECT_EQ(keys->Current(), before);
  clock_.Advance(absl::Hours(24));  // confirmed keys are as good as new ones
  EXPECT_FALSE(keys->Current()->empty());
}

// "Not modified" means what the ETag names, not what somebody else has offered since.
TEST_F(KeysFromUrlTest, NotModifiedBringsBackTheSetThatTheEtagNames) {
  published_.Publish(SetOf(key_), "etag: \"v1\"\r\n");
  const auto keys = Make();
  ASSERT_TRUE(FetchNow(*keys).ok());
  const SigningKey offered = NewKey();
  ASSERT_TRUE(keys->Offer(std::make_shared<const JwkSet>(*JwkSet::Of({offered.ToVerifyKey()}))));
  published_.Answer("HTTP/1.1 304 Not Modified\r\n\r\n");
  clock_.Advance(absl::Seconds(10));
  ASSERT_TRUE(FetchNow(*keys).ok());
  EXPECT_TRUE(Has(*keys, key_));
  EXPECT_FALSE(Has(*keys, offered));
}

// Whoever answers for the publisher once must not be able to pin a set by its ETag.
TEST_F(KeysFromUrlTest, ASetThatCannotBeReadLeavesNoEtag) {
  const auto keys = Make();
  published_.Publish("<html>", "etag: \"v2\"\r\n");
  EXPECT_FALSE(FetchNow(*keys).ok());
  published_.Publish(SetOf(key_));
  clock_.Advance(absl::Seconds(10));
  ASSERT_TRUE(FetchNow(*keys).ok());
  EXPECT_THAT(published_.last_head(), Not(HasSubstr("if-none-match")));
}

TEST_F(KeysFromUrlTest, RefreshesWhenTheAnswerSaysItIsStale) {
  published_.Publish(SetOf(key_), "cache-control: max-age=1200\r\n");
  const auto keys = Make();
  ASSERT_TRUE(FetchNow(*keys).ok());
  clock_.Advance(absl::Seconds(1200));
  server_.AwaitRequests(2);
}

// max-age=0 must not make a thousand guards hammer the server, nor a year keep a key for a year.
TEST_F(KeysFromUrlTest, WhatTheAnswerSaysIsBounded) {
  published_.Publish(SetOf(key_), "cache-control: max-age=0\r\n");
  auto often = Make();
  ASSERT_TRUE(FetchNow(*often).ok());
  clock_.Advance(kMinUrlRefresh);
  server_.AwaitRequests(2);
  often.reset();
  published_.Publish(SetOf(key_), "cache-control: max-age=31536000\r\n");
  const auto rarely = Make();
  ASSERT_TRUE(FetchNow(*rarely).ok());
  const int before = server_.requests();
  clock_.Advance(options_.max_age / 2);
  server_.AwaitRequests(before + 1);
}

TEST_F(KeysFromUrlTest, DestroyedWhileAServerHangsItAnswersAll) {
  auto keys = Make();
  server_.Stall(true);
  std::promise<absl::Status> fetched;
  keys->Fetch([&](absl::Status status) { fetched.set_value(std::move(status)); });
  server_.AwaitRequests(1);
  keys.reset();
  EXPECT_TRUE(absl::IsUnavailable(fetched.get_future().get()));
}

TEST_F(KeysFromUrlTest, TheCacheFileKeepsTheKeysForARestart) {
  options_.cache_file = folder_.Path("keys.json");
  {
    const auto keys = Make();
    ASSERT_TRUE(FetchNow(*keys).ok());
  }
  published_.Answer("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
  const auto again = Make();
  EXPECT_TRUE(Has(*again, key_));
}

}  // namespace
}  // namespace tessera
