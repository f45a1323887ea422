#include "tessera/caller/wire_reader.h"

#include <cstddef>

namespace tessera {
namespace {

constexpr int kMaxVarintBytes = 10;
constexpr uint64_t kMaxFieldId = (uint64_t{1} << 29) - 1;

enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

}  // namespace

std::nullopt_t WireReader::Broken() {
  ok_ = false;
  rest_ = {};
  return std::nullopt;
}

std::optional<uint64_t> WireReader::Varint() {
  uint64_t value = 0;
  for (int i = 0; i < kMaxVarintBytes && !rest_.empty(); ++i) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    if (i == kMaxVarintBytes - 1 && byte > 1) return Broken();  // beyond 64 bits
    value |= uint64_t{byte & 0x7Fu} << (7 * i);
    if ((byte & 0x80u) == 0) return value;
  }
  return Broken();
}

std::optional<std::string_view> WireReader::Take(uint64_t count) {
  if (count > rest_.size()) return Broken();
  const std::string_view taken = rest_.substr(0, static_cast<size_t>(count));
  rest_.remove_prefix(static_cast<size_t>(count));
  return taken;
}

std::optional<WireField> WireReader::Next() {
  if (rest_.empty()) return std::nullopt;
  const auto key = Varint();
  if (!key.has_value()) return std::nullopt;
  const uint64_t id = *key >> 3;
  if (id == 0 || id > kMaxFieldId) return Broken();
  WireField field;
  field.id = static_cast<uint32_t>(id);
  switch (*key & 7) {
    case kVarint: {
      const auto number = Varint();
      if (!number.has_value()) return std::nullopt;
      field.number = *number;
      return field;
    }
    case kLengthDelimited: {
      const auto length = Varint();
      const auto bytes = length.has_value() ? Take(*length) : std::nullopt;
      if (!bytes.has_value()) return std::nullopt;
      field.kind = WireField::Kind::kBytes;
      field.bytes = *bytes;
      return field;
    }
    case kFixed64:
    case kFixed32: {
      field.kind = WireField::Kind::kFixed;
      if (!Take((*key & 7) == kFixed64 ? 8 : 4).has_value()) return std::nullopt;
      return field;
    }
    default:
      return Broken();
  }
}

}  // namespace tessera
