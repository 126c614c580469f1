// LevelDB on the simulated file system: its log, its background thread, and its tables, which it maps into memory.

#include <leveldb/db.h>

#include "two_writers.h"

FORESEED_SCENARIO(leveldb_two_writers, "what two writers put is there, also after it is opened again") {
  libraries::two_writers<leveldb::DB>(leveldb::Options());
}
