// The tables, as the steps that make them.
#ifndef TESSERA_STORAGE_SQL_SCHEMA_H_
#define TESSERA_STORAGE_SQL_SCHEMA_H_

#include <string>
#include <vector>

#include "storage/sql/engine.h"

namespace tessera::storage::sql {

// One statement of DDL, or one insert of a first row. Running it twice leaves what running it once
// leaves: a table, index or row that is there already counts as made. Steps are never changed or
// removed once released, only added; the version of a schema is the number of steps taken.
using Steps = std::vector<std::string>;

// All steps known to this program, in `engine`'s words.
Steps AllSteps(const Engine& engine);

// The oldest program (by its number of steps) that can serve a schema made by this one. Raised when
// a step contracts: drops or narrows what an older program needs.
inline constexpr int kMinCompatible = 1;

}  // namespace tessera::storage::sql

#endif  // TESSERA_STORAGE_SQL_SCHEMA_H_
