#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>

#include "config/environment.h"
#include "config/secret.h"
#include "config/settings.h"

namespace config {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

bool enforced(std::string_view value) { return std::get<Environment>(parse_environment(value)).enforce_auth; }

TEST(Environment, OnlyANameOnTheListSwitchesAuthenticationOff) {  // S0-29, S0-30, S0-32
  for (const auto* value :
       {"production", "PRODUCTION", "production\n", " production\r\n", "\xc2\xa0production\xef\xbb\xbf", "prod",
        "staging", "", "  ", "\"dev\"", "yes", "devel", "dev elopment", "tést", "C\xc4\xb0"}) {
    EXPECT_TRUE(enforced(value)) << value;
  }
  for (const auto* value : {"dev", "DEV", " test\r\n",
                            "\xef\xbb\xbf"
                            "ci\xe2\x80\x8b",
                            "Development"}) {
    EXPECT_FALSE(enforced(value)) << value;
  }
}

TEST(Environment, ControlCharactersStopTheStart) {  // S0-31
  for (const auto& value : {"dev\0production"s, "production\0"s, "de\nv"s, "dev\x7f"s, std::string(65, 'd')}) {
    EXPECT_EQ(std::get<common::Error>(parse_environment(value)), common::Error::invalid_argument);
  }
}

TEST(Environment, IsTotal) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string value(random() % 12, '\0');
    for (char& c : value) c = static_cast<char>(random());
    const auto result = parse_environment(value);
    if (const auto* environment = std::get_if<Environment>(&result)) {
      EXPECT_EQ(trim(environment->name), environment->name);
    }
  }
}

bool accepted(std::string_view bytes) { return std::holds_alternative<Secret>(Secret::from_bytes(bytes)); }

TEST(Secret, IsJudgedByItsLengthAlone) {  // S0-33..37
  EXPECT_TRUE(accepted(std::string(32, 'a')));
  EXPECT_FALSE(accepted(std::string(31, 'a')));
  EXPECT_TRUE(accepted(std::string(1024, 'a')));
  EXPECT_FALSE(accepted(std::string(1025, 'a')));
  EXPECT_TRUE(accepted(std::string(32, '\0')));
  const std::string spaced = "   " + std::string(26, 's') + "   ";
  EXPECT_EQ(std::get<Secret>(Secret::from_bytes(spaced)).bytes(), spaced) << "whitespace is data";
  std::string emoji;
  for (int i = 0; i < 8; ++i) emoji += "\xf0\x9f\x94\x90";
  EXPECT_TRUE(accepted(emoji)) << "bytes, not code points";
}

TEST(Secret, AnErrorNamesTheLimitAndNoContent) {  // S0-36, S1-30
  const auto result = Secret::from_bytes("hunter2");
  const auto& message = std::get<ConfigError>(result).message;
  EXPECT_NE(message.find("32"), std::string::npos);
  EXPECT_EQ(message.find("hunter2"), std::string::npos);
}

class SecretFile : public testing::Test {
 protected:
  void write(const std::string& bytes, mode_t mode) {
    std::ofstream(name_, std::ios::binary) << bytes;
    chmod(name_.c_str(), mode);
  }
  ~SecretFile() override { std::remove(name_.c_str()); }
  std::variant<Secret, ConfigError> load() { return Secret::from_file(name_); }
  std::string name_ = testing::TempDir() + "secret_" + std::to_string(getpid());
};

TEST_F(SecretFile, IsReadAsItIs) {
  const std::string bytes = std::string(31, 'x') + "\n";
  write(bytes, 0600);
  EXPECT_EQ(std::get<Secret>(load()).bytes(), bytes);
}

TEST_F(SecretFile, OpenToOthersOrTooLongOrMissingIsRefusedByName) {  // S1-01, S1-07
  write(std::string(32, 'x'), 0444);
  EXPECT_NE(std::get<ConfigError>(load()).message.find(name_), std::string::npos);
  std::remove(name_.c_str());
  EXPECT_NE(std::get<ConfigError>(load()).message.find(name_), std::string::npos);
  write(std::string(1 << 20, 'x'), 0600);
  EXPECT_NE(std::get<ConfigError>(load()).message.find("1024"), std::string::npos);
  EXPECT_TRUE(std::holds_alternative<ConfigError>(Secret::from_file(testing::TempDir())));
  EXPECT_TRUE(std::holds_alternative<ConfigError>(Secret::from_file("/dev/zero")));
  EXPECT_TRUE(std::holds_alternative<ConfigError>(Secret::from_file("a\0b"s)));
}

TEST(Settings, EveryMistakeIsNamedAndNothingGuessed) {  // S2-12
  Settings s({{"a", "7"},
              {"b", "08x"},
              {"c", "99999999999999999999"},
              {"d", "5 s"},
              {"e", "10s"},
              {"f", "yes"},
              {"g", " TRUE "},
              {"h", "9223372036854775807h"},
              {"misspelt", "1"}});
  EXPECT_EQ(s.integer("a", 1, 0, 10), 7);
  EXPECT_EQ(s.integer("b", 1, 0, 10), 1);
  EXPECT_EQ(s.integer("c", 1, 0, 10), 1);
  EXPECT_EQ(s.duration("d", 1s, 0s, 1h), 1s);
  EXPECT_EQ(s.duration("e", 1s, 0s, 1h), 10s);
  EXPECT_FALSE(s.boolean("f", false));
  EXPECT_TRUE(s.boolean("g", false));
  EXPECT_EQ(s.duration("h", 1s, 0s, 1h), 1s);
  EXPECT_EQ(s.integer("unset", 4, 0, 10), 4);
  s.require(false, "a must be less than b");
  const auto complaints = s.complaints();
  ASSERT_EQ(complaints.size(), 7U);
  EXPECT_EQ(complaints.back(), "misspelt is no setting");
}

TEST(Live, AReloadThatFailsChangesNothing) {  // S2-12
  Live<int> live(1);
  const auto parse = [](Settings& s) { return static_cast<int>(s.integer("n", 1, 0, 10)); };
  const auto before = live.get();
  EXPECT_TRUE(live.reload({{"n", "5"}}, parse).empty());
  EXPECT_EQ(*live.get(), 5);
  EXPECT_EQ(*before, 1) << "who reads the old one keeps it whole";
  EXPECT_EQ(live.reload({{"n", "50"}}, parse).size(), 1U);
  EXPECT_EQ(*live.get(), 5);
}

}  // namespace
}  // namespace config
