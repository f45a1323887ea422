#include "server/http/http_get.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

constexpr long kOk = 200;
constexpr std::array<std::string_view, 3> kLoopback = {"127.0.0.1", "[::1]", "localhost"};

// What comes back, as far as it is wanted.
struct Answer {
  std::string body;
  size_t max_bytes = 0;
  bool too_large = false;
  const std::function<bool()>* stop = nullptr;
};

size_t TakeBody(const char* data, size_t size, size_t count, void* answer_pointer) {
  Answer& answer = *static_cast<Answer*>(answer_pointer);
  const size_t bytes = size * count;
  if (bytes > answer.max_bytes - answer.body.size()) {
    answer.too_large = true;
    return 0;  // ends the transfer
  }
  answer.body.append(data, bytes);
  return bytes;
}

int AskWhetherToStop(void* answer_pointer, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const Answer& answer = *static_cast<const Answer*>(answer_pointer);
  return *answer.stop && (*answer.stop)() ? 1 : 0;
}

void InitializeOnce() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// A part of a parsed URL; empty if it has none.
std::string Part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

// Collects the settings of a transfer: one that the library does not take spoils it.
class Settings {
 public:
  explicit Settings(CURL* easy) : easy_(easy) {}
  template <typename Value>
  Settings& Set(CURLoption option, Value value) {
    taken_ = taken_ && curl_easy_setopt(easy_, option, value) == CURLE_OK;
    return *this;
  }
  bool taken() const { return taken_; }

 private:
  CURL* const easy_;
  bool taken_ = true;
};

bool Configure(CURL* easy, const HttpRequest& request, Answer& answer) {
  Settings settings(easy);
  settings.Set(CURLOPT_URL, request.url.c_str())
      .Set(CURLOPT_PROTOCOLS_STR, "http,https")
      .Set(CURLOPT_FOLLOWLOCATION, 0L)
      .Set(CURLOPT_PROXY, "")
      .Set(CURLOPT_NOSIGNAL, 1L)
      .Set(CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(request.timeout)))
      .Set(CURLOPT_SSL_VERIFYPEER, 1L)
      .Set(CURLOPT_SSL_VERIFYHOST, 2L)
      .Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2))
      .Set(CURLOPT_USERAGENT, "tesserad")
      .Set(CURLOPT_WRITEFUNCTION, &TakeBody)
      .Set(CURLOPT_WRITEDATA, static_cast<void*>(&answer))
      .Set(CURLOPT_NOPROGRESS, 0L)
      .Set(CURLOPT_XFERINFOFUNCTION, &AskWhetherToStop)
      .Set(CURLOPT_XFERINFODATA, static_cast<void*>(&answer));
  if (!request.ca_file.empty()) settings.Set(CURLOPT_CAINFO, request.ca_file.c_str());
  return settings.taken();
}

absl::StatusOr<std::string> Perform(CURL* easy, Answer& answer) {
  const CURLcode code = curl_easy_perform(easy);
  if (answer.too_large) return absl::UnavailableError("the answer is too large");
  if (code != CURLE_OK) return absl::UnavailableError(curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != kOk) return absl::UnavailableError(absl::StrCat("HTTP status ", status));
  return std::move(answer.body);
}

}  // namespace

absl::Status CheckHttpUrl(const std::string& url) {
  InitializeOnce();
  const Url parsed(curl_url(), curl_url_cleanup);
  if (parsed == nullptr || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                                        CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    return absl::InvalidArgumentError("not a URL");
  }
  if (!Part(parsed.get(), CURLUPART_USER).empty() ||
      !Part(parsed.get(), CURLUPART_PASSWORD).empty()) {
    return absl::InvalidArgumentError("a URL with a user name or password");
  }
  const std::string scheme = Part(parsed.get(), CURLUPART_SCHEME);
  if (scheme == "https") return absl::OkStatus();
  const std::string host = Part(parsed.get(), CURLUPART_HOST);
  const bool near = std::find(kLoopback.begin(), kLoopback.end(), host) != kLoopback.end();
  if (scheme == "http" && near) return absl::OkStatus();
  return absl::InvalidArgumentError("neither https nor http on loopback");
}

absl::StatusOr<std::string> HttpGet(const HttpRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckHttpUrl(request.url));
  const Easy easy(curl_easy_init(), curl_easy_cleanup);
  if (easy == nullptr) return absl::UnavailableError("libcurl cannot be used");
  Answer answer;
  answer.max_bytes = request.max_bytes;
  answer.stop = &request.stop;
  if (!Configure(easy.get(), request, answer)) {
    return absl::UnavailableError("libcurl does not take the settings");
  }
  Headers headers(nullptr, curl_slist_free_all);
  if (!request.bearer.empty()) {
    std::string line = absl::StrCat(
        "authorization: Bearer ",
        absl::string_view(request.bearer.Reveal().data(), request.bearer.Reveal().size()));
    headers.reset(curl_slist_append(nullptr, line.c_str()));
    WipeString(line);
    curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  }
  return Perform(easy.get(), answer);
}

}  // namespace tessera::server
