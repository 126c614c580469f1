// RocksDB: background threads, thread-local pointers with destructors of their own, and many kinds of calls on files.

#include <foreseed/scenario.h>
#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <thread>

FORESEED_SCENARIO(rocksdb_two_writers, "what two writers put is there, also after it is opened again") {
  const auto opened = [] {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = 64 * 1024;
    options.IncreaseParallelism(2);
    rocksdb::DB* database = nullptr;
    FORESEED_CHECK(rocksdb::DB::Open(options, "/var/lib/orders", &database).ok());
    return std::unique_ptr<rocksdb::DB>(database);
  };
  const auto key = [](int writer, int i) { return std::to_string(writer) + '/' + std::to_string(i); };
  auto database = opened();
  const auto write = [&](int writer) {
    for (int i = 0; i < 40; ++i) FORESEED_CHECK(database->Put({}, key(writer, i), std::string(5000, 'x')).ok());
  };
  std::thread one(write, 1), two(write, 2);
  one.join(), two.join();
  FORESEED_CHECK(database->Close().ok());
  database = opened();
  std::string value;
  for (const int writer : {1, 2}) FORESEED_CHECK(database->Get({}, key(writer, 0), &value).ok() && value.size() == 5000);
}
