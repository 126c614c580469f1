// What files are after a power failure, and the faults of a disk.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "api/foreseed/scenario.h"
#include "api/foreseed/world.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

std::string content(const char* path) {
  const int fd = open(path, O_RDONLY);
  if (fd < 0) return "(none)";
  std::string all(10'000, '\0');
  const ssize_t n = read(fd, all.data(), all.size());
  close(fd);
  all.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return all;
}

/// A file with all of it on the disk, its name too; open for writing.
int durable(const char* path, const std::string& text) {
  const int fd = open(path, O_RDWR | O_CREAT, 0600);
  FORESEED_CHECK(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0);
  const int directory = open("/var/lib", O_RDONLY | O_DIRECTORY);
  FORESEED_CHECK(directory >= 0 && fsync(directory) == 0 && close(directory) == 0);
  return fd;
}

/// The notes that `body` makes, over many seeds.
std::set<std::string> outcomes(void (*body)(), std::uint64_t runs = 100) {
  std::set<std::string> all;
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const Execution execution = run_seed(body, seed, true);
    EXPECT_FALSE(execution.finding) << execution.finding->message;
    if (execution.recording == nullptr) continue;
    for (const Event& event : execution.recording->events) {
      if (event.op == Op::note) all.insert(execution.recording->texts[event.text]);
    }
  }
  return all;
}

using Set = std::set<std::string>;

TEST(Crash, synced_data_stays_and_other_data_is_free_to_go) {
  EXPECT_EQ(outcomes([] {
              const int fd = durable("/var/lib/a", "old");
              FORESEED_CHECK(pwrite(fd, "new", 3, 0) == 3);
              crash_files("client");
              note(content("/var/lib/a"));
              close(fd);
            }),
            (Set{"old", "new"}));
  EXPECT_EQ(outcomes([] {
              const int fd = durable("/var/lib/a", "old");
              FORESEED_CHECK(pwrite(fd, "new", 3, 0) == 3 && fdatasync(fd) == 0);
              crash_files("client");
              note(content("/var/lib/a"));
              close(fd);
            }),
            (Set{"new"}));
}

TEST(Crash, synced_as_they_are_written) {
  EXPECT_EQ(outcomes([] {
              close(durable("/var/lib/a", "old"));
              const int fd = open("/var/lib/a", O_WRONLY | O_DSYNC);
              FORESEED_CHECK(pwrite(fd, "new", 3, 0) == 3);
              crash_files("client");
              note(content("/var/lib/a"));
              close(fd);
            }),
            (Set{"new"}));
}

TEST(Crash, sync_takes_everything) {
  EXPECT_EQ(outcomes([] {
              std::ofstream("/tmp/a") << "text";
              sync();
              crash_files("client");
              note(content("/tmp/a"));
            }),
            (Set{"text"}));
}

TEST(Crash, writes_are_torn_between_sectors_only) {
  const Set all = outcomes([] {
    const int fd = durable("/var/lib/a", std::string(1024, 'o'));
    const std::string text(1024, 'n');
    FORESEED_CHECK(pwrite(fd, text.data(), text.size(), 0) == 1024);
    crash_files("client");
    const std::string got = content("/var/lib/a");
    FORESEED_CHECK(got.size() == 1024 && got.substr(0, 512) == std::string(512, got[0]) &&
                   got.substr(512) == std::string(512, got[512]));
    note(std::string{got[0], got[512]});
    close(fd);
  });
  EXPECT_EQ(all, (Set{"oo", "on", "no", "nn"}));
}

TEST(Crash, writes_are_reordered) {
  const Set all = outcomes([] {
    const int fd = durable("/var/lib/a", "..");
    FORESEED_CHECK(pwrite(fd, "1", 1, 0) == 1 && pwrite(fd, "2", 1, 1) == 1);
    crash_files("client");
    note(content("/var/lib/a"));
    close(fd);
  });
  EXPECT_EQ(all, (Set{"..", "1.", ".2", "12"}));
}

TEST(Crash, a_truncation_may_be_lost) {
  EXPECT_EQ(outcomes([] {
              const int fd = durable("/var/lib/a", "old");
              FORESEED_CHECK(ftruncate(fd, 1) == 0);
              crash_files("client");
              note(content("/var/lib/a"));
              close(fd);
            }),
            (Set{"old", "o"}));
}

TEST(Crash, a_name_needs_its_directory_synced) {
  EXPECT_EQ(outcomes([] {
              const int fd = open("/var/lib/a", O_WRONLY | O_CREAT, 0600);
              FORESEED_CHECK(write(fd, "x", 1) == 1 && fsync(fd) == 0 && close(fd) == 0);
              crash_files("client");
              note(content("/var/lib/a"));
            }),
            (Set{"(none)", "x"}));
}

TEST(Crash, a_rename_is_atomic_but_does_not_wait_for_data) {
  const auto replace = [](bool sync) {
    close(durable("/var/lib/a", "old"));
    const int fd = open("/var/lib/a.new", O_WRONLY | O_CREAT, 0600);
    FORESEED_CHECK(write(fd, "new", 3) == 3 && (!sync || fsync(fd) == 0) && close(fd) == 0);
    FORESEED_CHECK(rename("/var/lib/a.new", "/var/lib/a") == 0);
    crash_files("client");
    note(content("/var/lib/a"));
  };
  static const auto call = replace;
  EXPECT_EQ(outcomes([] { call(true); }), (Set{"old", "new"}));
  EXPECT_EQ(outcomes([] { call(false); }), (Set{"old", "new", ""}));
}

TEST(Crash, an_unlinked_file_may_come_back) {
  EXPECT_EQ(outcomes([] {
              close(durable("/var/lib/a", "old"));
              FORESEED_CHECK(unlink("/var/lib/a") == 0);
              crash_files("client");
              note(content("/var/lib/a"));
            }),
            (Set{"old", "(none)"}));
}

TEST(Crash, what_was_open_is_of_no_use_afterwards) {
  EXPECT_EQ(outcomes([] {
              const int fd = durable("/var/lib/a", "old");
              int stranger = 0;
              std::thread other([&] {
                while (content("/var/lib/a") == "old") std::this_thread::yield();
                stranger = open("/var/lib/b", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
              });
              crash_files("client");
              char byte;
              FORESEED_CHECK(pread(fd, &byte, 1, 0) == -1 && errno == EIO);
              FORESEED_CHECK(pwrite(fd, "x", 1, 0) == -1 && errno == EIO);
              FORESEED_CHECK(fsync(fd) == -1 && errno == EIO);
              FORESEED_CHECK(close(fd) == 0);
              other.join();
              FORESEED_CHECK(stranger == EIO);
              note(content("/var/lib/a"));
            }),
            (Set{"old"}));
}

TEST(Disk, each_host_has_files_of_its_own) {
  EXPECT_EQ(outcomes(
                [] {
                  std::ofstream("/tmp/mine") << "client";
                  Host other("other", [] {
                    note(content("/tmp/mine"));
                    std::ofstream("/tmp/mine") << "other";
                    crash_files("client");
                    note(content("/tmp/mine"));
                  });
                  other.join();
                },
                10),
            (Set{"(none)", "other"}));
}

TEST(Disk, is_full_beyond_its_capacity) {
  EXPECT_EQ(outcomes(
                [] {
                  disk_capacity("client", 10);
                  const int fd = open("/tmp/a", O_RDWR | O_CREAT, 0600);
                  FORESEED_CHECK(write(fd, "12345678", 8) == 8);
                  FORESEED_CHECK(write(fd, "12345678", 8) == 2);
                  FORESEED_CHECK(write(fd, "x", 1) == -1 && errno == ENOSPC);
                  FORESEED_CHECK(ftruncate(fd, 11) == -1 && errno == ENOSPC);
                  FORESEED_CHECK(unlink("/tmp/a") == 0 && write(fd, "x", 1) == -1);
                  close(fd);
                  std::ofstream("/tmp/b") << "1234567890";
                  note(content("/tmp/b"));
                },
                1),
            (Set{"1234567890"}));
}

TEST(Disk, fails_once_where_it_was_told) {
  EXPECT_EQ(outcomes(
                [] {
                  const int fd = open("/tmp/a", O_RDWR | O_CREAT, 0600);
                  disk_error("client", EIO, 1);
                  FORESEED_CHECK(write(fd, "x", 1) == 1);
                  FORESEED_CHECK(fsync(fd) == -1 && errno == EIO);
                  FORESEED_CHECK(fsync(fd) == 0 && close(fd) == 0);
                  note(content("/tmp/a"));
                },
                1),
            (Set{"x"}));
}

TEST(Disk, the_systems_paths_are_read_only) {
  EXPECT_EQ(outcomes(
                [] {
                  FORESEED_CHECK(content("/etc/passwd") != "(none)");
                  FORESEED_CHECK(open("/etc/passwd", O_WRONLY) == -1 && errno == EROFS);
                  FORESEED_CHECK(open("/etc/../etc//passwd", O_RDWR) == -1 && errno == EROFS);
                  FORESEED_CHECK(unlink("/etc/passwd") == -1 && errno == EROFS);
                  FORESEED_CHECK(fopen("/etc/passwd", "a") == nullptr && errno == EROFS);
                  FORESEED_CHECK(open("/etc/shadow", O_RDONLY) == -1 && errno == ENOENT);
                  note("ok");
                },
                1),
            (Set{"ok"}));
}

// --- mapped files

char* mapped(int fd, std::size_t size, int protection, int flags, off_t offset = 0) {
  void* const at = mmap(nullptr, size, protection, flags, fd, offset);
  FORESEED_CHECK(at != MAP_FAILED);
  return static_cast<char*>(at);
}

TEST(Mapped, shows_what_calls_write_and_gives_them_what_is_stored) {
  EXPECT_EQ(outcomes(
                [] {
                  const int fd = durable("/var/lib/a", std::string(5000, 'a'));
                  char* const shared = mapped(fd, 8192, PROT_READ | PROT_WRITE, MAP_SHARED);
                  const char* const seen = mapped(fd, 4096, PROT_READ, MAP_SHARED, 4096);
                  char* const own = mapped(fd, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE);
                  close(fd);
                  const int again = open("/var/lib/a", O_RDWR);
                  FORESEED_CHECK(pwrite(again, "bcd", 3, 4999) == 3);
                  FORESEED_CHECK(std::string(shared + 4998, 5) == std::string("abcd\0", 5) && seen[903] == 'b' && seen[906] == 0);
                  own[0] = 'x';
                  shared[1] = 'y';
                  shared[4998] = 'z';
                  shared[6000] = '!';  // behind the end
                  FORESEED_CHECK(content("/var/lib/a").substr(0, 3) == "aya" && content("/var/lib/a").substr(4998) == "zbcd");
                  FORESEED_CHECK(seen[902] == 'z' && own[0] == 'x' && own[1] == 'a');
                  FORESEED_CHECK(ftruncate(again, 10) == 0 && shared[9] == 'a' && shared[10] == 0 && seen[902] == 0);
                  FORESEED_CHECK(unlink("/var/lib/a") == 0 && pread(again, own, 2, 0) == 2 && own[1] == 'y');
                  shared[0] = 'v';
                  FORESEED_CHECK(munmap(shared, 8192) == 0 && pread(again, own, 1, 0) == 1 && own[0] == 'v');
                  close(again);
                  FORESEED_CHECK(seen[0] == 0 && munmap(const_cast<char*>(seen), 4096) == 0);
                  note("ok");
                },
                1),
            (Set{"ok"}));
}

void stores_and_loses_power(bool sync) {
  const int fd = durable("/var/lib/a", "old");
  char* const at = mapped(fd, 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
  std::memcpy(at, "new", 3);
  if (sync) FORESEED_CHECK(msync(at, 4096, MS_SYNC) == 0);
  crash_files("client");
  FORESEED_CHECK(sync || (msync(at, 4096, MS_SYNC) == -1 && errno == EIO));
  note(content("/var/lib/a"));
  close(fd);
}

TEST(Mapped, only_what_was_synced_outlives_the_power) {
  EXPECT_EQ(outcomes([] { stores_and_loses_power(false); }), (Set{"old", "new"}));
  EXPECT_EQ(outcomes([] { stores_and_loses_power(true); }), (Set{"new"}));
}

TEST(Mapped, a_part_can_go) {
  EXPECT_EQ(outcomes(
                [] {
                  const int fd = durable("/var/lib/a", std::string(3 * 4096, 'a'));
                  char* const at = mapped(fd, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
                  at[0] = at[4096] = at[8192] = 'b';
                  FORESEED_CHECK(munmap(at + 4096, 4096) == 0);
                  at[1] = at[8193] = 'c';
                  const std::string now = content("/var/lib/a");
                  FORESEED_CHECK(now.substr(0, 3) == "bca" && now.substr(4096, 3) == "baa" && now.substr(8192, 3) == "bca");
                  note("ok");
                },
                1),
            (Set{"ok"}));
}

TEST(Mapped, refuses_what_the_descriptor_does_not_allow) {
  EXPECT_EQ(outcomes(
                [] {
                  durable("/var/lib/a", "text");
                  const auto fails = [](int flags, int protection, int map_flags, off_t offset, std::size_t size, int error) {
                    const int fd = open("/var/lib/a", flags);
                    const bool right = mmap(nullptr, size, protection, map_flags, fd, offset) == MAP_FAILED && errno == error;
                    close(fd);
                    return right;
                  };
                  FORESEED_CHECK(fails(O_RDONLY, PROT_WRITE, MAP_SHARED, 0, 4096, EACCES));
                  FORESEED_CHECK(fails(O_WRONLY, PROT_READ, MAP_PRIVATE, 0, 4096, EACCES));
                  FORESEED_CHECK(fails(O_RDONLY, PROT_READ, MAP_SHARED, 100, 4096, EINVAL));
                  FORESEED_CHECK(fails(O_RDONLY, PROT_READ, MAP_SHARED, 0, 0, EINVAL));
                  const int directory = open("/var/lib", O_RDONLY | O_DIRECTORY);
                  FORESEED_CHECK(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, directory, 0) == MAP_FAILED && errno == ENODEV);
                  note("ok");
                },
                1),
            (Set{"ok"}));
}

TEST(Mapped, memory_grows_at_an_address_of_the_runs) {
  EXPECT_EQ(outcomes(
                [] {
                  void* const at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                  std::strcpy(static_cast<char*>(at), "kept");
                  void* const more = mremap(at, 4096, 1 << 20, MREMAP_MAYMOVE);
                  FORESEED_CHECK(more != MAP_FAILED && std::string(static_cast<char*>(more)) == "kept");
                  FORESEED_CHECK(mremap(more, 1 << 20, 8192, 0) == more);
                  note(std::to_string(reinterpret_cast<std::uintptr_t>(more)));
                },
                3)
                .size(),
            1u);
}

}  // namespace
}  // namespace foreseed::testing
