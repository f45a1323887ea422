// The databases that tesserad is measured on.
#ifndef TESSERA_TESTS_BENCH_DATABASE_H_
#define TESSERA_TESTS_BENCH_DATABASE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/store.h"
#include "tests/bench/bare_sql.h"

namespace tessera::bench {

// An empty database of its own, gone with the object. What fails throws.
class Database {
 public:
  virtual ~Database() = default;

  // The keys of the table `storage` in tesserad's configuration.
  virtual std::string Config() const = 0;
  // The store on it, with its schema; the clock is the machine's. On SQLite nobody else may have it
  // open.
  virtual std::unique_ptr<storage::Store> Open() const = 0;
  // A connection without anything of tessera's, as durable as tessera's own.
  virtual std::unique_ptr<BareConnection> Connect() const = 0;
};

std::unique_ptr<Database> MakeSqlite();
std::unique_ptr<Database> MakeMariaDb();
// Not in memory even if there is room: for what is large, or must wait for a disk.
std::unique_ptr<Database> MakeMariaDbOnDisk();

struct Engine {
  std::string name;
  std::function<std::unique_ptr<Database>()> make;
  bool shared_by_replicas = false;
  // Connections that tesserad renews and revokes over at the same time.
  int writers = 1;
};
std::vector<Engine> Engines();

}  // namespace tessera::bench

#endif  // TESSERA_TESTS_BENCH_DATABASE_H_
