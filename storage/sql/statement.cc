#include "storage/sql/statement.h"

#include <limits>
#include <type_traits>

namespace tessera::storage::sql {
namespace {

constexpr int64_t kForever = std::numeric_limits<int64_t>::max();
constexpr int64_t kNever = std::numeric_limits<int64_t>::min();

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

}  // namespace

int64_t ToMicros(absl::Time time) {
  if (time == absl::InfiniteFuture()) return kForever;
  if (time == absl::InfinitePast()) return kNever;
  return absl::ToUnixMicros(time);
}

absl::Time FromMicros(int64_t micros) {
  if (micros == kForever) return absl::InfiniteFuture();
  if (micros == kNever) return absl::InfinitePast();
  return absl::FromUnixMicros(micros);
}

Statement& Statement::Bind(const char* name, std::string_view value) {
  Parameter& slot = parameters_.emplace_back();
  slot.text = value;
  statement_.exchange(soci::use(slot.text, slot.indicator, name));
  return *this;
}

Statement& Statement::Bind(const char* name, int64_t value) {
  Parameter& slot = parameters_.emplace_back();
  slot.number = value;
  statement_.exchange(soci::use(slot.number, slot.indicator, name));
  return *this;
}

Statement& Statement::Bind(const char* name, absl::Time value) {
  return Bind(name, ToMicros(value));
}

Statement& Statement::Bind(const char* name, const std::optional<absl::Time>& value) {
  Bind(name, value.has_value() ? ToMicros(*value) : 0);
  if (!value.has_value()) parameters_.back().indicator = soci::i_null;
  return *this;
}

template <typename Kind>
Statement& Statement::AddColumn(Target target) {
  Column& slot = columns_.emplace_back();
  slot.target = target;
  if constexpr (std::is_same_v<Kind, std::string>) {
    statement_.exchange(soci::into(slot.text, slot.indicator));
  } else {
    statement_.exchange(soci::into(slot.number, slot.indicator));
  }
  return *this;
}
template Statement& Statement::AddColumn<std::string>(Target);
template Statement& Statement::AddColumn<int64_t>(Target);

void Statement::Prepare() {
  statement_.alloc();
  statement_.prepare(text_, soci::details::st_one_time_query);
  statement_.define_and_bind();
}

void Statement::SetTargets() {
  for (Column& column : columns_) {
    const bool null = column.indicator == soci::i_null;
    std::visit(
        [&](auto* target) {
          using T = std::remove_pointer_t<decltype(target)>;
          if constexpr (IsOptional<T>::value) {
            target->reset();
            if (null) return;
          } else if (null) {
            throw soci::soci_error("NULL in a column that must have a value");
          }
          if constexpr (std::is_same_v<T, int64_t>) {
            *target = column.number;
          } else if constexpr (std::is_constructible_v<T, absl::Time>) {
            *target = FromMicros(column.number);
          } else {
            *target = column.text;
          }
        },
        column.target);
  }
}

int64_t Statement::Run() {
  Prepare();
  for (bool more = statement_.execute(true); more; more = statement_.fetch()) {
  }
  return statement_.get_affected_rows();
}

bool Statement::One() {
  Prepare();
  const bool found = statement_.execute(true);
  if (!found) return false;
  SetTargets();
  while (statement_.fetch()) {
  }
  return true;
}

void Statement::Each(absl::FunctionRef<void()> on_row) {
  Prepare();
  for (bool more = statement_.execute(true); more; more = statement_.fetch()) {
    SetTargets();
    on_row();
  }
}

}  // namespace tessera::storage::sql
