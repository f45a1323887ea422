#include "tests/http/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace tessera::testing {
namespace {

constexpr int kPollMilliseconds = 50;
constexpr timeval kReadTimeout{10, 0};

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

Bio Memory(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> ContextOf(const HttpServer::Pem& pem) {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(nullptr, SSL_CTX_free);
  if (pem.certificate.empty()) return context;
  context.reset(SSL_CTX_new(TLS_server_method()));
  const Bio certificate = Memory(pem.certificate);
  const Bio key = Memory(pem.key);
  X509* const x509 = PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr);
  EVP_PKEY* const private_key = PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr);
  const bool used = SSL_CTX_use_certificate(context.get(), x509) == 1 &&
                    SSL_CTX_use_PrivateKey(context.get(), private_key) == 1;
  X509_free(x509);
  EVP_PKEY_free(private_key);
  if (!used) throw std::runtime_error("the certificate of the test's server cannot be used");
  return context;
}

}  // namespace

HttpServer::HttpServer(Answer answer, const Pem& tls)
    : answer_(std::move(answer)), tls_(ContextOf(tls)) {
  signal(SIGPIPE, SIG_IGN);  // a client that went away; tesserad ignores it too
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the test's server cannot listen");
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

HttpServer::~HttpServer() {
  {
    MutexLock lock(mu_);
    stop_ = true;
    changed_.NotifyAll();
  }
  accepting_.join();
  for (std::thread& connection : connections_) connection.join();
  close(listener_);
}

int HttpServer::requests() const {
  MutexLock lock(mu_);
  return requests_;
}

void HttpServer::AwaitRequests(int count) {
  MutexLock lock(mu_);
  while (requests_ < count) changed_.Wait(mu_);
}

void HttpServer::Stall(bool stalled) {
  MutexLock lock(mu_);
  stalled_ = stalled;
  changed_.NotifyAll();
}

std::string HttpServer::Ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " +
         std::to_string(body.size()) + "\r\nconnection: close\r\n\r\n" + body;
}

void HttpServer::Accept() {
  while (true) {
    {
      MutexLock lock(mu_);
      if (stop_) return;
    }
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMilliseconds) != 1) continue;
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &kReadTimeout, sizeof(kReadTimeout));
    connections_.emplace_back([this, connection] { Serve(connection); });
  }
}

void HttpServer::Serve(int connection) {
  if (tls_ == nullptr) {
    Talk(
        [&](char* data, int size) {
          return static_cast<int>(recv(connection, data, static_cast<size_t>(size), 0));
        },
        [&](const char* data, int size) {
          return static_cast<int>(send(connection, data, static_cast<size_t>(size), MSG_NOSIGNAL));
        });
  } else {
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(tls_.get()), SSL_free);
    SSL_set_fd(ssl.get(), connection);
    if (SSL_accept(ssl.get()) == 1) {
      Talk([&](char* data, int size) { return SSL_read(ssl.get(), data, size); },
           [&](const char* data, int size) { return SSL_write(ssl.get(), data, size); });
      SSL_shutdown(ssl.get());
    }
  }
  close(connection);
}

void HttpServer::Talk(const std::function<int(char*, int)>& read,
                      const std::function<int(const char*, int)>& write) {
  std::string head;
  std::array<char, 4096> part{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    const int count = read(part.data(), static_cast<int>(part.size()));
    if (count <= 0) return;
    head.append(part.data(), static_cast<size_t>(count));
  }
  const std::string answer = AnswerTo(head);
  size_t sent = 0;
  while (sent < answer.size()) {
    const size_t left = std::min<size_t>(answer.size() - sent, 1 << 16);
    const int count = write(answer.data() + sent, static_cast<int>(left));
    if (count <= 0) return;
    sent += static_cast<size_t>(count);
  }
}

std::string HttpServer::AnswerTo(const std::string& head) {
  {
    MutexLock lock(mu_);
    ++requests_;
    changed_.NotifyAll();
    while (stalled_ && !stop_) changed_.Wait(mu_);
    if (stop_ && stalled_) return {};
  }
  return answer_(head);
}

}  // namespace tessera::testing
