#include "tests/bench/conversation.h"

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tessera/v1/auth_service.pb.h"

namespace tessera::bench {
namespace {

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// The same few messages for ever.
class Repetition final : public Conversation {
 public:
  explicit Repetition(const LoadTarget& target) : reply_bytes_(target.reply_bytes) {
    for (const std::string& message : target.messages) messages_.push_back(BufferOf(message));
  }
  bool Next(int, grpc::ByteBuffer& request) override {
    request = messages_[next_++ % messages_.size()];
    return true;
  }
  std::string Judge(int, grpc::ByteBuffer& answer) override {
    if (reply_bytes_ == 0 || answer.Length() == reply_bytes_) return "";
    return absl::StrCat("an answer of ", answer.Length(), " bytes instead of ", reply_bytes_);
  }

 private:
  const size_t reply_bytes_;
  std::vector<grpc::ByteBuffer> messages_;
  std::atomic<size_t> next_ = 0;  // with a rate another thread asks
};

// A session for each caller.
class Renewals final : public Conversation {
 public:
  explicit Renewals(const LoadTarget& target) : tokens_(target.messages) {}
  bool Next(int caller, grpc::ByteBuffer& request) override {
    v1::RenewTokenRequest renew;
    renew.set_refresh_token(tokens_.at(static_cast<size_t>(caller)));
    request = BufferOf(renew.SerializeAsString());
    return true;
  }
  std::string Judge(int caller, grpc::ByteBuffer& answer) override {
    grpc::Slice slice;
    if (!answer.DumpToSingleSlice(&slice).ok()) return "an answer that cannot be read";
    v1::RenewTokenResponse response;
    if (!response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())) ||
        response.grant().refresh_token().empty()) {
      return "an answer without a grant";
    }
    tokens_.at(static_cast<size_t>(caller)) = response.grant().refresh_token();
    return "";
  }

 private:
  std::vector<std::string> tokens_;
};

// Each token once.
class Revocations final : public Conversation {
 public:
  explicit Revocations(const LoadTarget& target) : tokens_(target.messages) {}
  bool Next(int, grpc::ByteBuffer& request) override {
    if (tokens_.empty()) return false;
    v1::RevokeTokenRequest revoke;
    revoke.set_token(std::move(tokens_.back()));
    tokens_.pop_back();
    request = BufferOf(revoke.SerializeAsString());
    return true;
  }
  std::string Judge(int, grpc::ByteBuffer& answer) override {
    return answer.Length() == 0 ? "" : "an answer that is not empty";
  }

 private:
  std::vector<std::string> tokens_;
};

}  // namespace

std::unique_ptr<Conversation> Conversation::For(const LoadTarget& target) {
  switch (target.kind) {
    case LoadKind::kRenew:
      return std::make_unique<Renewals>(target);
    case LoadKind::kRevoke:
      return std::make_unique<Revocations>(target);
    case LoadKind::kUnary:
    case LoadKind::kStream:
      break;
  }
  return std::make_unique<Repetition>(target);
}

}  // namespace tessera::bench
