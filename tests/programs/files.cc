// Files: a directory of their own under /tmp, made and removed by each.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

namespace {

// A new directory; everything in it goes with it.
class Directory {
 public:
  Directory() {
    char name[] = "/tmp/foreseed_files_XXXXXX";
    path_ = mkdtemp(name) != nullptr ? name : "";
  }
  ~Directory() {
    if (!path_.empty()) std::filesystem::remove_all(path_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  bool made() const { return !path_.empty(); }
  std::string operator/(const char* name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Opened {
 public:
  Opened(const std::string& path, int flags, mode_t mode = 0600) : fd_(open(path.c_str(), flags, mode)) {}
  ~Opened() { close(); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  operator int() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

std::string content(const std::string& path) {
  Opened file(path, O_RDONLY);
  std::string all;
  char part[64];
  for (ssize_t n; (n = read(file, part, sizeof part)) > 0;) all.append(part, static_cast<std::size_t>(n));
  return all;
}

bool put(const std::string& path, const std::string& text) {
  Opened file(path, O_WRONLY | O_CREAT | O_TRUNC);
  return write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

long size_of(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 ? status.st_size : -1;
}

bool fails_with(int error, long result) { return result == -1 && errno == error; }

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  DIR* const stream = opendir(path.c_str());
  if (stream == nullptr) return names;
  while (const dirent* const entry = readdir(stream)) names.emplace_back(entry->d_name);
  closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void file_write_read_back() {
  Checks check("file_write_read_back");
  const Directory directory;
  check(directory.made(), "no directory");
  {
    Opened file(directory / "a", O_RDWR | O_CREAT | O_EXCL);
    check(file >= 0, "no file");
    check(write(file, "hello world", 11) == 11, "no write");
    char text[16] = {};
    check(read(file, text, sizeof text) == 0, "bytes behind the end");
    check(lseek(file, 6, SEEK_SET) == 6 && read(file, text, 3) == 3 && std::memcmp(text, "wor", 3) == 0, "wrong bytes");
    check(lseek(file, 0, SEEK_CUR) == 9 && lseek(file, -1, SEEK_END) == 10, "wrong position");
    check(pread(file, text, 5, 0) == 5 && std::memcmp(text, "hello", 5) == 0, "wrong bytes at the start");
    check(pwrite(file, "J", 1, 0) == 1 && lseek(file, 0, SEEK_CUR) == 10, "pwrite moves the position");
    check(lseek(file, 20, SEEK_SET) == 20 && write(file, "x", 1) == 1, "no write behind the end");
    check(pread(file, text, 16, 9) == 12 && text[1] == 'd' && text[2] == '\0' && text[11] == 'x', "no zeros in a hole");
    const iovec parts[2] = {{const_cast<char*>("ab"), 2}, {const_cast<char*>("cd"), 2}};
    check(pwritev(file, parts, 2, 1) == 4, "no pwritev");
    char one[2];
    char two[3];
    const iovec into[2] = {{one, 2}, {two, 3}};
    check(lseek(file, 0, SEEK_SET) == 0 && readv(file, into, 2) == 5 && std::memcmp(one, "Ja", 2) == 0 &&
              std::memcmp(two, "bcd", 3) == 0,
          "wrong bytes in parts");
    check(fsync(file) == 0 && fdatasync(file) == 0, "no sync");
    struct stat status;
    check(fstat(file, &status) == 0 && status.st_size == 21 && S_ISREG(status.st_mode), "wrong size");
    check(status.st_nlink == 1 && (status.st_mode & 0777) == 0600, "wrong mode");
  }
  check(size_of(directory / "a") == 21, "the size is lost");
  const int again = dup(Opened(directory / "a", O_RDONLY));
  check(again >= 0 && lseek(again, 0, SEEK_END) == 21, "a duplicate does not outlive the first");
  close(again);
  check.done();
}

void file_sizes_change() {
  Checks check("file_sizes_change");
  const Directory directory;
  check(put(directory / "a", "0123456789"), "no file");
  Opened file(directory / "a", O_RDWR);
  check(ftruncate(file, 4) == 0 && content(directory / "a") == "0123", "not cut");
  check(ftruncate(file, 6) == 0 && content(directory / "a") == std::string("0123\0\0", 6), "not grown by zeros");
  check(truncate((directory / "a").c_str(), 1) == 0 && size_of(directory / "a") == 1, "not cut by name");
  check(posix_fallocate(file, 0, 100) == 0 && size_of(directory / "a") == 100, "nothing allocated");
  { Opened emptied(directory / "a", O_WRONLY | O_TRUNC); }
  check(size_of(directory / "a") == 0, "O_TRUNC leaves something");
  check.done();
}

void file_errors() {
  Checks check("file_errors");
  const Directory directory;
  const std::string a = directory / "a";
  const std::string d = directory / "d";
  check(put(a, "x") && mkdir(d.c_str(), 0700) == 0, "no file, or no directory");
  check(fails_with(ENOENT, open((directory / "none").c_str(), O_RDONLY)), "ENOENT");
  check(fails_with(ENOENT, open((directory / "none/b").c_str(), O_RDWR | O_CREAT, 0600)), "ENOENT of the way");
  check(fails_with(EEXIST, open(a.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600)), "EEXIST");
  check(fails_with(EISDIR, open(d.c_str(), O_WRONLY)), "EISDIR");
  check(fails_with(ENOTDIR, open((directory / "a/b").c_str(), O_RDONLY)), "ENOTDIR");
  check(fails_with(ENOTDIR, open(a.c_str(), O_RDONLY | O_DIRECTORY)), "ENOTDIR by flag");
  check(fails_with(ENOENT, open("", O_RDONLY)), "an empty path");
  check(fails_with(ENAMETOOLONG, open((directory / std::string(300, 'n').c_str()).c_str(), O_RDONLY)), "ENAMETOOLONG");
  check(fails_with(EEXIST, mkdir(d.c_str(), 0700)), "mkdir twice");
  check(fails_with(ENOTDIR, rmdir(a.c_str())), "rmdir of a file");
  check(fails_with(EISDIR, unlink(d.c_str())), "unlink of a directory");
  check(fails_with(ENOENT, unlink((directory / "none").c_str())), "unlink of nothing");
  check(put(directory / "d/inner", "y") && fails_with(ENOTEMPTY, rmdir(d.c_str())), "ENOTEMPTY");
  check(fails_with(EISDIR, rename(a.c_str(), d.c_str())), "a file over a directory");
  check(fails_with(ENOTDIR, rename(d.c_str(), a.c_str())), "a directory over a file");
  check(fails_with(EINVAL, rename(d.c_str(), (directory / "d/e").c_str())), "a directory into itself");
  check(fails_with(ENOENT, rename((directory / "none").c_str(), a.c_str())), "rename of nothing");
  check(access(a.c_str(), R_OK | W_OK) == 0 && fails_with(ENOENT, access((directory / "none").c_str(), F_OK)),
        "access");
  Opened reader(a, O_RDONLY);
  Opened writer(a, O_WRONLY);
  Opened folder(d, O_RDONLY | O_DIRECTORY);
  char byte;
  check(fails_with(EBADF, write(reader, "z", 1)), "a write to a file that is open for reading");
  check(fails_with(EBADF, read(writer, &byte, 1)), "a read of a file that is open for writing");
  check(fails_with(EISDIR, read(folder, &byte, 1)), "a read of a directory");
  check(fails_with(EINVAL, lseek(reader, -1, SEEK_SET)), "a negative position");
  check(fails_with(EINVAL, ftruncate(reader, 0)), "truncation of a file that is open for reading");
  check(fails_with(EBADF, fsync(-1)), "fsync of nothing");
  int ends[2];
  check(pipe(ends) == 0 && fails_with(ESPIPE, lseek(ends[0], 0, SEEK_CUR)), "lseek of a pipe");
  check(fails_with(ESPIPE, pread(ends[0], &byte, 1, 0)) && fails_with(EINVAL, fsync(ends[0])), "a pipe is a file");
  close(ends[0]);
  close(ends[1]);
  struct stat status;
  check(fails_with(ENOENT, stat((directory / "none").c_str(), &status)), "stat of nothing");
  check(fails_with(ENOTDIR, stat((directory / "a/").c_str(), &status)), "a file with a slash");
  check(stat((directory / "d/").c_str(), &status) == 0 && S_ISDIR(status.st_mode), "a directory with a slash");
  check.done();
}

void file_rename_and_unlink() {
  Checks check("file_rename_and_unlink");
  const Directory directory;
  const std::string a = directory / "a";
  const std::string b = directory / "b";
  check(put(a, "new") && put(b, "old"), "no files");
  Opened old(b, O_RDONLY);
  check(rename(a.c_str(), b.c_str()) == 0, "no rename");
  check(content(b) == "new" && size_of(a) == -1, "not renamed over");
  char text[4] = {};
  check(read(old, text, 3) == 3 && std::strcmp(text, "old") == 0, "a replaced file is gone while open");
  Opened open_still(b, O_RDWR);
  check(unlink(b.c_str()) == 0 && size_of(b) == -1, "no unlink");
  check(pwrite(open_still, "N", 1, 0) == 1 && pread(open_still, text, 3, 0) == 3 && std::strcmp(text, "New") == 0,
        "an unlinked file is gone while open");
  struct stat status;
  check(fstat(open_still, &status) == 0 && status.st_nlink == 0, "an unlinked file has a name");
  check(put(a, "1") && link(a.c_str(), b.c_str()) == 0 && unlink(a.c_str()) == 0 && content(b) == "1", "no hard link");
  check(rename(b.c_str(), b.c_str()) == 0 && content(b) == "1", "a rename to itself");
  check(mkdir((directory / "d").c_str(), 0700) == 0, "no directory");
  Opened folder(directory / "d", O_RDONLY | O_DIRECTORY);
  check(renameat(AT_FDCWD, b.c_str(), folder, "c") == 0 && content(directory / "d/c") == "1", "no renameat");
  check(fsync(folder) == 0, "no fsync of a directory");
  Opened c(directory / "d/../d/./c", O_RDONLY);
  check(c >= 0, "no way through ..");
  check(faccessat(folder, "c", R_OK, 0) == 0 && unlinkat(folder, "c", 0) == 0, "no unlinkat");
  check(mkdirat(folder, "e", 0700) == 0 && unlinkat(folder, "e", AT_REMOVEDIR) == 0, "no mkdirat");
  check.done();
}

void file_directories() {
  Checks check("file_directories");
  const Directory directory;
  for (const char* const name : {"b", "c", "a"}) check(put(directory / name, name), "no file");
  check(mkdir((directory / "d").c_str(), 0700) == 0, "no directory");
  const std::vector<std::string> all{".", "..", "a", "b", "c", "d"};
  check(names_in(directory.path()) == all, "wrong names");
  DIR* const stream = opendir(directory.path().c_str());
  check(stream != nullptr && readdir(stream) != nullptr, "no stream");
  rewinddir(stream);
  int count = 0;
  while (readdir(stream) != nullptr) ++count;
  check(count == 6, "wrong names after rewinddir");
  struct stat status;
  check(fstatat(dirfd(stream), "a", &status, 0) == 0 && status.st_size == 1, "no dirfd");
  check(closedir(stream) == 0, "no closedir");
  check(unlink((directory / "b").c_str()) == 0 && names_in(directory.path()).size() == 5, "a name stays");
  errno = 0;
  check(opendir((directory / "none").c_str()) == nullptr && errno == ENOENT, "a stream of nothing");
  check(opendir((directory / "a").c_str()) == nullptr && errno == ENOTDIR, "a stream of a file");
  namespace fs = std::filesystem;
  check(fs::create_directories(fs::path(directory.path()) / "x" / "y"), "no create_directories");
  std::size_t found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory.path())) found += entry.exists();
  check(found == 5 && fs::file_size(directory / "a") == 1, "std::filesystem sees other files");
  check(fs::canonical(directory / "x/../a") == directory / "a", "no canonical path");
  check(fs::copy_file(directory / "a", directory / "x/copy") && content(directory / "x/copy") == "a", "no copy");
  check(fs::remove_all(directory / "x") == 3 && !fs::exists(directory / "x"), "no remove_all");
  check.done();
}

void file_append_by_two() {
  Checks check("file_append_by_two");
  const Directory directory;
  const std::string log = directory / "log";
  constexpr int lines = 5;
  std::thread writers[2];
  for (int i = 0; i < 2; ++i) {
    writers[i] = std::thread([&, i] {
      Opened file(log, O_WRONLY | O_CREAT | O_APPEND);
      for (int k = 0; k < lines; ++k) {
        const std::string line = std::to_string(i) + ":" + std::to_string(k) + "\n";
        check(write(file, line.data(), line.size()) == 4, "no write");
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string all = content(log);
  check(all.size() == 2 * lines * 4, "bytes are lost");
  int next[2] = {0, 0};
  for (std::size_t at = 0; at + 4 <= all.size(); at += 4) {
    const int who = all[at] - '0';
    check(who == 0 || who == 1, "a torn line");
    if (who == 0 || who == 1) check(all[at + 2] - '0' == next[who]++, "lines out of order");
  }
  check.done();
}

void file_handed_over() {
  Checks check("file_handed_over");
  const Directory directory;
  const std::string temporary = directory / "value.new";
  const std::string path = directory / "value";
  std::thread writer([&] {
    for (int k = 1; k <= 3; ++k) {
      check(put(temporary, std::string(10, static_cast<char>('0' + k))), "no write");
      check(rename(temporary.c_str(), path.c_str()) == 0, "no rename");
    }
  });
  char last = '0';
  for (int k = 0; k < 3; ++k) {
    const std::string seen = content(path);
    if (seen.empty()) continue;
    check(seen == std::string(10, seen[0]) && seen[0] >= last, "half a file, or an older one");
    last = seen[0];
  }
  writer.join();
  check(content(path) == "3333333333", "not the last value");
  check.done();
}

void file_locks() {
  Checks check("file_locks");
  const Directory directory;
  check(put(directory / "a", "0"), "no file");
  int inside = 0;
  std::thread users[2];
  for (std::thread& user : users) {
    user = std::thread([&] {
      Opened file(directory / "a", O_RDWR);
      check(flock(file, LOCK_EX) == 0, "no lock");
      check(++inside == 1, "two hold an exclusive lock");
      --inside;
      check(flock(file, LOCK_UN) == 0, "no unlock");
    });
  }
  for (std::thread& user : users) user.join();
  Opened one(directory / "a", O_RDWR);
  Opened other(directory / "a", O_RDWR);
  check(flock(one, LOCK_SH) == 0 && flock(other, LOCK_SH | LOCK_NB) == 0, "shared locks are not");
  check(fails_with(EWOULDBLOCK, flock(one, LOCK_EX | LOCK_NB)), "an exclusive lock beside a shared one");
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = 10;
  range.l_len = 5;
  check(fcntl(one, F_SETLK, &range) == 0, "no range lock");
  struct flock asked = range;
  check(fcntl(other, F_GETLK, &asked) == 0 && asked.l_type == F_UNLCK, "a process is in its own way");
  range.l_type = F_UNLCK;
  check(fcntl(one, F_SETLK, &range) == 0, "no unlock");
  range.l_type = F_WRLCK;
  check(fcntl(one, F_OFD_SETLK, &range) == 0, "no lock of an open file");
  range.l_start = 14;
  check(fcntl(other, F_OFD_SETLK, &range) == -1 && (errno == EAGAIN || errno == EACCES), "two locks on one byte");
  range.l_start = 15;
  check(fcntl(other, F_OFD_SETLK, &range) == 0, "a lock beside the other");
  check.done();
}

void file_streams() {
  Checks check("file_streams");
  const Directory directory;
  const std::string a = directory / "a";
  std::FILE* file = std::fopen(a.c_str(), "w");
  check(file != nullptr && std::fprintf(file, "line %d\nline %d\n", 1, 2) == 14, "no fprintf");
  check(std::fflush(file) == 0 && size_of(a) == 14, "no fflush");
  check(fsync(fileno(file)) == 0 && std::fclose(file) == 0, "no fclose");
  file = std::fopen(a.c_str(), "r+");
  char line[16];
  check(file != nullptr && std::fgets(line, sizeof line, file) != nullptr && std::strcmp(line, "line 1\n") == 0,
        "fgets");
  check(std::fseek(file, 0, SEEK_END) == 0 && std::ftell(file) == 14 && std::fputs("end", file) >= 0, "fseek");
  check(std::fclose(file) == 0 && content(a) == "line 1\nline 2\nend", "wrong bytes");
  file = std::fopen(a.c_str(), "a");
  check(file != nullptr && std::fputc('!', file) == '!' && std::fclose(file) == 0 && size_of(a) == 18, "append");
  errno = 0;
  check(std::fopen((directory / "none").c_str(), "r") == nullptr && errno == ENOENT, "a stream of nothing");
  {
    std::ofstream out(directory / "b");
    out << "number " << 42 << std::string(10'000, '.') << '\n';
  }
  {
    std::ifstream in(directory / "b");
    std::string word;
    int number = 0;
    check(static_cast<bool>(in >> word >> number) && word == "number" && number == 42, "ifstream");
    in.seekg(0, std::ios::end);
    check(in.tellg() == 10'010, "wrong end");
  }
  std::fstream both(directory / "b", std::ios::in | std::ios::out | std::ios::app);
  both << "more";
  both.close();
  check(size_of(directory / "b") == 10'014, "app");
  std::FILE* const temporary = std::tmpfile();
  check(temporary != nullptr && std::fputs("t", temporary) >= 0 && std::fclose(temporary) == 0, "tmpfile");
  check(std::remove(a.c_str()) == 0 && size_of(a) == -1, "remove");
  check.done();
}

void file_devices() {
  Checks check("file_devices");
  Opened null("/dev/null", O_RDWR);
  char bytes[64] = {};
  check(write(null, "x", 1) == 1 && read(null, bytes, 1) == 0, "/dev/null");
  Opened zero("/dev/zero", O_RDONLY);
  bytes[0] = 'x';
  check(read(zero, bytes, 2) == 2 && bytes[0] == 0, "/dev/zero");
  Opened random("/dev/urandom", O_RDONLY);
  check(read(random, bytes, sizeof bytes) == sizeof bytes, "/dev/urandom");
  struct stat status;
  check(fstat(null, &status) == 0 && S_ISCHR(status.st_mode), "/dev/null is no device");
  check(stat("/usr/lib/x86_64-linux-gnu", &status) == 0 && S_ISDIR(status.st_mode),
        "the system's libraries are hidden");
  check.done();
}

}  // namespace programs
