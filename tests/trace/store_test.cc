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
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }
  void write(const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::FILE* const file = std::fopen(path.c_str(), "wb");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }

  const CampaignIdentity identity{"two_writers", "0123abcd", "{}", 5, 1, 1000};
  const std::string directory =
      std::filesystem::temp_directory_path() / ("foreseed_store_test_" + std::to_string(getpid()));
  const std::string path = directory + "/deep/er/x.db";
};

TEST_F(StoreTest, a_failure_comes_back_as_it_was) {
  {
    Store store(path);
    const auto campaign = store.begin_campaign(identity);
    EXPECT_EQ(store.add_failure(campaign, sample_trace()), 1);
    EXPECT_EQ(store.add_failure(0, sample_trace()), 2);
    store.update_campaign({campaign, {10, 100, 1, 0.5}, {{0, 10}}});
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

TEST_F(StoreTest, a_damaged_choice_is_told) {
  {
    Store store(path);
    store.add_failure(0, sample_trace());
  }
  execute("UPDATE choice SET kind = 77 WHERE position = 0");
  EXPECT_THROW(load_trace("1", path), UnreadableError);
}

TEST_F(StoreTest, a_smaller_trace_takes_the_place_of_a_failure) {
  Store store(path);
  const auto id = store.add_failure(0, sample_trace());
  Trace smaller = sample_trace();
  smaller.choices.pop_back();
  smaller.events.pop_back();
  store.replace_failure(id, smaller);
  EXPECT_EQ(store.load_failure(id), smaller);
  EXPECT_EQ(store.failures().size(), 1u);
}

TEST_F(StoreTest, an_unfinished_campaign_is_found_with_what_it_has_run) {
  {
    Store store(path);
    const auto id = store.begin_campaign(identity);
    store.update_campaign({id, {30, 300, 2, 1.5}, {{20, 30}, {0, 10}, {10, 15}}});
    store.add_failure(id, sample_trace());
  }
  Store store(path);
  const auto state = store.unfinished_campaign(identity);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->done, (std::vector<Range>{{0, 15}, {20, 30}}));
  EXPECT_EQ(state->counters.steps, 300u);
  EXPECT_EQ(store.failures(state->id).size(), 1u);
  CampaignIdentity other = identity;
  other.configuration = "{\"faults\":\"crash\"}";
  EXPECT_FALSE(store.unfinished_campaign(other).has_value());
  store.finish_campaign(state->id);
  EXPECT_FALSE(store.unfinished_campaign(identity).has_value());
}

TEST_F(StoreTest, merging_again_changes_nothing) {
  const std::string other_path = directory + "/other.db";
  Store out(path);
  {
    Store in(other_path);
    const auto id = in.begin_campaign(identity);
    in.update_campaign({id, {10, 100, 1, 0.5}, {{0, 10}}});
    in.add_failure(id, sample_trace());
    in.add_failure(0, sample_trace());
    EXPECT_EQ(out.merge(in), 2u);
    EXPECT_EQ(out.merge(in), 0u);
    in.update_campaign({id, {30, 300, 1, 1.5}, {{10, 30}}});
    EXPECT_EQ(out.merge(in), 0u);
  }
  const auto state = out.unfinished_campaign(identity);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->done, (std::vector<Range>{{0, 30}}));
  EXPECT_EQ(state->counters.executions, 30u);
  EXPECT_EQ(out.failures().size(), 2u);
  EXPECT_EQ(out.failures(state->id).size(), 1u);
  EXPECT_EQ(out.load_failure(1), sample_trace());
}

TEST_F(StoreTest, a_database_of_version_1_is_brought_up_to_date) {
  execute("CREATE TABLE campaign (id INTEGER PRIMARY KEY, scenario TEXT NOT NULL, base_seed TEXT NOT NULL, "
          "runs_wanted INTEGER NOT NULL, executions INTEGER NOT NULL DEFAULT 0, steps INTEGER NOT NULL DEFAULT 0, "
          "failures INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0) STRICT;"
          "CREATE TABLE failure (id INTEGER PRIMARY KEY, campaign INTEGER REFERENCES campaign(id), scenario TEXT NOT NULL, "
          "seed TEXT NOT NULL, fingerprint TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, trace TEXT NOT NULL) STRICT;"
          "CREATE TABLE choice (failure INTEGER NOT NULL REFERENCES failure(id), position INTEGER NOT NULL, "
          "kind INTEGER NOT NULL, value INTEGER NOT NULL, bound INTEGER NOT NULL, site INTEGER NOT NULL, task INTEGER NOT NULL, "
          "PRIMARY KEY (failure, position)) STRICT, WITHOUT ROWID;"
          "CREATE TABLE event (failure INTEGER NOT NULL REFERENCES failure(id), position INTEGER NOT NULL, "
          "time_ns INTEGER NOT NULL, step INTEGER NOT NULL, task INTEGER NOT NULL, op TEXT NOT NULL, object INTEGER NOT NULL, "
          "result INTEGER NOT NULL, stack INTEGER NOT NULL, text INTEGER NOT NULL, PRIMARY KEY (failure, position)) "
          "STRICT, WITHOUT ROWID;"
          "INSERT INTO campaign VALUES (1, 'old', '0', 10, 10, 100, 1, 0.1);"
          "PRAGMA application_id = 1718579813; PRAGMA user_version = 1");
  Store store(path);
  EXPECT_EQ(store.failures().size(), 0u);
  EXPECT_EQ(store.add_failure(1, sample_trace()), 1);
  EXPECT_EQ(store.load_failure(1), sample_trace());
}

}  // namespace
}  // namespace foreseed
