// Both stores keep the same promises; the durable one also across its own end.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>

#include "store/sqlite_store.h"
#include "store/versioned_store.h"

namespace store {
namespace {

using common::Error;

class File {
 public:
  File() : name_(testing::TempDir() + "versioned_store_" + std::to_string(getpid()) + ".db") { remove(); }
  ~File() { remove(); }
  const std::string& name() const { return name_; }

 private:
  void remove() {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) std::remove((name_ + suffix).c_str());
  }
  std::string name_;
};

class EveryStore : public testing::TestWithParam<bool> {
 protected:
  File file_;
  std::unique_ptr<VersionedStore> make() {
    if (GetParam()) return std::make_unique<SqliteStore>(file_.name());
    return std::make_unique<MemoryStore>();
  }
};
INSTANTIATE_TEST_SUITE_P(, EveryStore, testing::Bool(),
                         [](const auto& info) { return info.param ? "sqlite" : "memory"; });

TEST_P(EveryStore, PutIsACompareAndSwapOnTheVersion) {
  const auto store = make();
  EXPECT_EQ(std::get<Record>(store->get("k")).version, 0U);
  EXPECT_EQ(std::get<Error>(store->put("k", 1, "x")), Error::conflict);
  EXPECT_EQ(std::get<std::uint64_t>(store->put("k", 0, "a")), 1U);
  EXPECT_EQ(std::get<Error>(store->put("k", 0, "b")), Error::conflict);
  EXPECT_EQ(std::get<std::uint64_t>(store->put("k", 1, std::string("b\0c", 3))), 2U);
  const Record record = std::get<Record>(store->get("k"));
  EXPECT_EQ(record.version, 2U);
  EXPECT_EQ(record.value, std::string("b\0c", 3));
  EXPECT_EQ(std::get<std::uint64_t>(store->put("", 0, "")), 1U) << "empty keys and values are data";
  EXPECT_EQ(std::get<Record>(store->get("")).value, "");
}

TEST_P(EveryStore, RefusesWhatIsTooLarge) {
  const auto store = make();
  EXPECT_EQ(std::get<Error>(store->put(std::string(key_bytes_max + 1, 'k'), 0, "")), Error::invalid_argument);
  EXPECT_EQ(std::get<Error>(store->put("k", 0, std::string(value_bytes_max + 1, 'v'))), Error::invalid_argument);
}

TEST_P(EveryStore, LosesNoUpdateAmongThreads) {
  const auto store = make();
  const auto add = [&] {
    for (int done = 0; done < 20;) {
      const Record record = std::get<Record>(store->get("n"));
      const int n = record.version == 0 ? 0 : std::stoi(record.value);
      if (std::holds_alternative<std::uint64_t>(store->put("n", record.version, std::to_string(n + 1)))) ++done;
    }
  };
  std::thread a(add), b(add);
  a.join();
  b.join();
  EXPECT_EQ(std::get<Record>(store->get("n")).value, "40");
}

TEST(SqliteStore, KeepsRecordsAcrossItsEndAndSharesThemWithAnother) {
  const File file;
  {
    SqliteStore store(file.name());
    store.put("k", 0, "kept");
  }
  SqliteStore one(file.name()), two(file.name());
  EXPECT_EQ(std::get<Record>(one.get("k")).value, "kept");
  EXPECT_EQ(std::get<std::uint64_t>(two.put("k", 1, "changed")), 2U);
  EXPECT_EQ(std::get<Error>(one.put("k", 1, "late")), Error::conflict);
}

TEST(SqliteStore, AFileThatCannotBeUsedIsNamed) {
  try {
    SqliteStore store("/nonexistent/dir/store.db");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("/nonexistent/dir/store.db"), std::string::npos);
  }
}

}  // namespace
}  // namespace store
