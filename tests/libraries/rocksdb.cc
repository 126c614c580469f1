// RocksDB: background threads, thread-local pointers with destructors of their own, and many kinds of calls on files.

#include <rocksdb/db.h>

#include "two_writers.h"

FORESEED_SCENARIO(rocksdb_two_writers, "what two writers put is there, also after it is opened again") {
  rocksdb::Options options;
  options.IncreaseParallelism(2);
  libraries::two_writers<rocksdb::DB>(options);
}
