#include "tessera/keys_from_url/keys_from_url.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "tessera/base/status_macros.h"
#include "tessera/guard/fetched_keys.h"
#include "tessera/http/http_get.h"

namespace tessera {
namespace {

http::Plaintext PlaintextBy(const UrlKeysOptions& options) {
  return options.allow_plaintext_on_loopback ? http::Plaintext::kOnLoopback
                                             : http::Plaintext::kNowhere;
}

class UrlFetcher final : public guard::KeyFetcher {
 public:
  UrlFetcher(std::string url, const UrlKeysOptions& options) : options_(options) {
    request_.url = std::move(url);
    request_.plaintext = PlaintextBy(options);
    request_.ca_file = options.ca_file;
    request_.timeout = options.fetch_timeout;
    request_.max_bytes = JwkSet::kMaxBytes;
    request_.stop = [this] { return cancelled_.load(); };
  }

  absl::StatusOr<guard::FetchedKeySet> Fetch() override {
    TESSERA_ASSIGN_OR_RETURN(const http::HttpAnswer answer, http::HttpGet(request_));
    if (!answer.not_modified) {
      TESSERA_ASSIGN_OR_RETURN(known_, JwkSet::Parse(answer.body));
      version_ = VersionIn(answer.body);
      request_.etag = answer.etag;  // names what is known from now on
    }
    return guard::FetchedKeySet{known_, version_, RefreshAfter(answer.max_age)};
  }

  void Cancel() override { cancelled_ = true; }

 private:
  absl::Duration RefreshAfter(std::optional<absl::Duration> said) const {
    if (!said.has_value()) return options_.refresh_every;
    return std::min(std::max(*said, kMinUrlRefresh), options_.max_age / 2);
  }

  const UrlKeysOptions options_;
  http::HttpRequest request_;
  JwkSet known_;  // what `request_.etag` names
  KeySetVersion version_;
  std::atomic<bool> cancelled_{false};
};

absl::Status CheckTimes(const UrlKeysOptions& options) {
  const absl::Duration shortest = std::min(
      {options.min_interval, options.max_age, options.fetch_timeout, options.refresh_every});
  if (shortest > absl::ZeroDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "min_interval, max_age, fetch_timeout and refresh_every must be above zero");
}

}  // namespace

absl::StatusOr<std::shared_ptr<KeySource>> KeysFromUrl(std::string url,
                                                       const UrlKeysOptions& options,
                                                       const Clock& clock, LogSink& log) {
  TESSERA_RETURN_IF_ERROR(CheckTimes(options));
  TESSERA_RETURN_IF_ERROR(http::CheckHttpUrl(url, PlaintextBy(options)));
  return guard::MakeFetchedKeys(std::make_unique<UrlFetcher>(std::move(url), options),
                                {options.min_interval, options.max_age, options.cache_file}, clock,
                                log);
}

}  // namespace tessera
