#include <gtest/gtest.h>

#include <sqlite3.h>

#include <cstdio>
#include <filesystem>

#include "sample.h"
#include "trace/store.h"

namespace foreseed {
namespace {

struct StoreTest : testing::Test {
  StoreTest() { std::filesystem::remove_all(directory); }
  ~StoreTest() override { std::filesystem::remove_all(directory); }

  std::string error_of_opening() {
    try {
      Store store(path);
    } catch (const UnreadableError& error) {
      return error.what();
    }
    return "";
  }
  void execute(const char* sql) {
    std::filesystem::create_directories(directory);
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }
  void write(const std::string& text) {
    std::filesystem::create_directories(directory);
    std::FILE* const file = std::fopen(path.c_str(), "wb");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }

  const std::string directory =
      std::filesystem::temp_directory_path() / ("foreseed_store_test_" + std::to_string(getpid()));
  const std::string path = directory + "/deep/er/x.db";
};

TEST_F(StoreTest, a_failure_comes_back_as_it_was) {
  {
    Store store(path);
    const auto campaign = store.begin_campaign("two_writers", 5, 1000);
    EXPECT_EQ(store.add_failure(campaign, sample_trace()), 1);
    EXPECT_EQ(store.add_failure(0, sample_trace()), 2);
    store.update_campaign(campaign, {10, 100, 1, 0.5});
  }
  EXPECT_EQ(load_trace(path + "#2", "other.db"), sample_trace());
  EXPECT_EQ(load_trace("1", path), sample_trace());
  EXPECT_THROW(load_trace("3", path), UnreadableError);
  EXPECT_THROW(load_trace("1", path + ".none"), UnreadableError);
}

TEST_F(StoreTest, refuses_what_is_not_ours) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write(std::string(5000, 'x'));
  EXPECT_NE(error_of_opening().find("not a database"), std::string::npos) << error_of_opening();
  std::filesystem::remove(path);
  execute("CREATE TABLE t(a)");
  EXPECT_NE(error_of_opening().find("another program"), std::string::npos) << error_of_opening();
}

TEST_F(StoreTest, refuses_a_newer_version_and_a_directory) {
  { Store store(path); }
  execute("PRAGMA user_version = 9");
  EXPECT_NE(error_of_opening().find("newer foreseed"), std::string::npos) << error_of_opening();
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(path);
  EXPECT_NE(error_of_opening(), "");
}

TEST_F(StoreTest, a_damaged_event_is_told) {
  {
    Store store(path);
    store.add_failure(0, sample_trace());
  }
  execute("UPDATE event SET task = 99 WHERE position = 1");
  EXPECT_THROW(load_trace("1", path), UnreadableError);
}

}  // namespace
}  // namespace foreseed
