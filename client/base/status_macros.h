// The two macros that carry a failed absl::Status to the caller. Not part of the public interface.
#ifndef TESSERA_BASE_STATUS_MACROS_H_
#define TESSERA_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define TESSERA_RETURN_IF_ERROR(expression)            \
  do {                                                 \
    absl::Status tessera_status_ = (expression);       \
    if (!tessera_status_.ok()) return tessera_status_; \
  } while (false)

#define TESSERA_ASSIGN_OR_RETURN(target, expression) \
  TESSERA_ASSIGN_OR_RETURN_(TESSERA_CONCAT_(tessera_status_or_, __LINE__), target, expression)
#define TESSERA_ASSIGN_OR_RETURN_(name, target, expression) \
  auto name = (expression);                                 \
  if (!name.ok()) return std::move(name).status();          \
  target = *std::move(name)
#define TESSERA_CONCAT_(a, b) TESSERA_CONCAT_INNER_(a, b)
#define TESSERA_CONCAT_INNER_(a, b) a##b

#endif  // TESSERA_BASE_STATUS_MACROS_H_
