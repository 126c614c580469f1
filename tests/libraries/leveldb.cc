// LevelDB on the simulated file system: its log, its background thread, and its tables, which it maps into memory.

#include <foreseed/scenario.h>
#include <leveldb/db.h>

#include <memory>
#include <string>
#include <thread>

FORESEED_SCENARIO(leveldb_two_writers, "what two writers put is there, also after it is opened again") {
  const auto opened = [] {
    leveldb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = 64 * 1024;
    leveldb::DB* database = nullptr;
    FORESEED_CHECK(leveldb::DB::Open(options, "/var/lib/orders", &database).ok());
    return std::unique_ptr<leveldb::DB>(database);
  };
  const auto key = [](int writer, int i) { return std::to_string(writer) + '/' + std::to_string(i); };
  auto database = opened();
  const auto write = [&](int writer) {
    for (int i = 0; i < 40; ++i) FORESEED_CHECK(database->Put({}, key(writer, i), std::string(5000, 'x')).ok());
  };
  std::thread one(write, 1), two(write, 2);
  one.join(), two.join();
  database = nullptr;
  database = opened();
  std::string value;
  for (const int writer : {1, 2}) FORESEED_CHECK(database->Get({}, key(writer, 0), &value).ok() && value.size() == 5000);
}
