#include "server/http/http_get.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tessera/base/status_macros.h"

namespace tessera::server {
namespace {

// What is used of libcurl. It is loaded when it is first wanted, not at the start: with all that it
// brings along it takes 4 MB, and most servers never ask anybody.
class Curl {
 public:
  // Null: this machine has no libcurl of ours. Thread-safe.
  static const Curl* Loaded() {
    static const Curl curl;
    return curl.complete_ ? &curl : nullptr;
  }

  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  decltype(&curl_url) url = nullptr;
  decltype(&curl_url_cleanup) url_cleanup = nullptr;
  decltype(&curl_url_set) url_set = nullptr;
  decltype(&curl_url_get) url_get = nullptr;
  decltype(&curl_free) free = nullptr;

 private:
  Curl() {
    library_ = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    decltype(&curl_global_init) global_init = nullptr;
    complete_ =
        library_ != nullptr && Find("curl_global_init", global_init) &&
        Find("curl_easy_init", easy_init) && Find("curl_easy_cleanup", easy_cleanup) &&
        Find("curl_easy_setopt", easy_setopt) && Find("curl_easy_perform", easy_perform) &&
        Find("curl_easy_getinfo", easy_getinfo) && Find("curl_easy_strerror", easy_strerror) &&
        Find("curl_slist_append", slist_append) && Find("curl_slist_free_all", slist_free_all) &&
        Find("curl_url", url) && Find("curl_url_cleanup", url_cleanup) &&
        Find("curl_url_set", url_set) && Find("curl_url_get", url_get) && Find("curl_free", free) &&
        global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  }
  template <typename Function>
  bool Find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    return function != nullptr;
  }

  void* library_ = nullptr;  // never closed: it may have threads of its own
  bool complete_ = false;
};

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

absl::Status NoLibrary() { return absl::UnavailableError("libcurl.so.4 cannot be used"); }

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

// A part of a parsed URL; empty if it has none.
std::string Part(const Curl& curl, CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl.url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl.free(text);
  return copy;
}

// Collects the settings of a transfer: one that the library does not take spoils it.
class Settings {
 public:
  Settings(const Curl& curl, CURL* easy) : curl_(curl), easy_(easy) {}
  template <typename Value>
  Settings& Set(CURLoption option, Value value) {
    taken_ = taken_ && curl_.easy_setopt(easy_, option, value) == CURLE_OK;
    return *this;
  }
  bool taken() const { return taken_; }

 private:
  const Curl& curl_;
  CURL* const easy_;
  bool taken_ = true;
};

bool Configure(const Curl& curl, CURL* easy, const HttpRequest& request, Answer& answer) {
  Settings settings(curl, easy);
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

absl::StatusOr<std::string> Perform(const Curl& curl, CURL* easy, Answer& answer) {
  const CURLcode code = curl.easy_perform(easy);
  if (answer.too_large) return absl::UnavailableError("the answer is too large");
  if (code != CURLE_OK) return absl::UnavailableError(curl.easy_strerror(code));
  long status = 0;
  curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != kOk) return absl::UnavailableError(absl::StrCat("HTTP status ", status));
  return std::move(answer.body);
}

}  // namespace

absl::Status CheckHttpUrl(const std::string& url) {
  const Curl* const curl = Curl::Loaded();
  if (curl == nullptr) return NoLibrary();
  const Url parsed(curl->url(), curl->url_cleanup);
  if (parsed == nullptr || curl->url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                                         CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    return absl::InvalidArgumentError("not a URL");
  }
  if (!Part(*curl, parsed.get(), CURLUPART_USER).empty() ||
      !Part(*curl, parsed.get(), CURLUPART_PASSWORD).empty()) {
    return absl::InvalidArgumentError("a URL with a user name or password");
  }
  const std::string scheme = Part(*curl, parsed.get(), CURLUPART_SCHEME);
  if (scheme == "https") return absl::OkStatus();
  const std::string host = Part(*curl, parsed.get(), CURLUPART_HOST);
  const bool near = std::find(kLoopback.begin(), kLoopback.end(), host) != kLoopback.end();
  if (scheme == "http" && near) return absl::OkStatus();
  return absl::InvalidArgumentError("neither https nor http on loopback");
}

absl::StatusOr<std::string> HttpGet(const HttpRequest& request) {
  TESSERA_RETURN_IF_ERROR(CheckHttpUrl(request.url));
  const Curl* const curl = Curl::Loaded();
  if (curl == nullptr) return NoLibrary();
  const Easy easy(curl->easy_init(), curl->easy_cleanup);
  if (easy == nullptr) return NoLibrary();
  Answer answer;
  answer.max_bytes = request.max_bytes;
  answer.stop = &request.stop;
  if (!Configure(*curl, easy.get(), request, answer)) {
    return absl::UnavailableError("libcurl does not take the settings");
  }
  Headers headers(nullptr, curl->slist_free_all);
  if (!request.bearer.empty()) {
    std::string line = absl::StrCat(
        "authorization: Bearer ",
        absl::string_view(request.bearer.Reveal().data(), request.bearer.Reveal().size()));
    headers.reset(curl->slist_append(nullptr, line.c_str()));
    WipeString(line);
    curl->easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  }
  return Perform(*curl, easy.get(), answer);
}

}  // namespace tessera::server
