#pragma once
// The names and inodes of one host, in memory, and what of them is on its disk.
//
// Every inode has two contents: the volatile one, which calls see, and the durable one, which a power failure leaves.
// What lies between them is kept as a list of changes:
//   - of data, in the inode: made durable by fsync or fdatasync of the file;
//   - of names, in the tree: made durable by fsync of the directory. As POSIX has it, fsync of a file does not make the
//     file's own name durable, whatever some file systems do. A rename is one change: both its names or neither; making
//     it durable makes durable what changed in either directory before.
// crash() decides for each change by a choice of kind `fault` whether it survives (0) or not; for data, in each sector
// of 512 bytes apart. So what was not made durable may be lost, torn, or there without what came before it. A change of
// names that is without sense once earlier ones are lost, such as a rename of a name that never came to be, is lost
// with them. Sizes and modes have no life of their own: a file ends where its last surviving change does, and modes
// survive.
//
// Files, directories and a few devices; no symbolic links. Results are 0 or negative errno values. Inodes live until
// the end of the run. Simulator code only.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "files/locks.h"
#include "kernel/world.h"

namespace foreseed::files {

inline constexpr std::size_t sector_size = 512;
inline constexpr std::uint64_t default_capacity = std::uint64_t{1} << 30;
inline constexpr std::size_t name_max = 255;

/// One change of a file's data.
struct DataChange {
  std::uint64_t offset;  ///< of the bytes; for a truncation the new size
  std::string bytes;
  bool truncation;
};

struct Inode {
  enum class Kind : std::uint8_t { file, directory, null_device, zero_device, full_device, random_device, socket };
  using Names = std::map<std::string, Inode*, std::less<>>;

  Inode(Kind of_kind, std::uint64_t its_number, std::uint32_t its_mode)
      : kind(of_kind), number(its_number), mode(its_mode) {}
  bool is_directory() const { return kind == Kind::directory; }
  bool is_device() const { return kind > Kind::directory && kind != Kind::socket; }

  // durability.cc
  void write(std::uint64_t offset, std::string_view bytes);
  void truncate(std::uint64_t size);
  void make_data_durable();

  const Kind kind;
  const std::uint64_t number;
  std::uint32_t mode;  ///< permission bits: kept, never asked
  std::uint32_t links = 0;
  std::uint32_t opens = 0;
  std::uint64_t modified_ns = 0;
  std::uint64_t lifetime = 0;  ///< a hint that is kept: fcntl(2), F_SET_RW_HINT
  bool mapped = false;  ///< shared, at least once (mapped.h)

  std::string (*made_at_use)() = nullptr;  ///< of a file that nobody has written: its data
  std::string data;
  std::string durable_data;
  std::vector<DataChange> data_changes;  ///< between the two, oldest first

  Names names;
  Names durable_names;
  Inode* parent = nullptr;  ///< of a directory

  VectorClock written;  ///< what its writers had done
  RangeLocks range_locks;
  RangeLocks flock;
  WaitList lock_waiters;
};

/// A name in a directory.
struct Name {
  Inode* directory = nullptr;  ///< null: no name
  std::string name;
};

/// One change of names: `inode` loses the name `from`, if any, and gets the name `to`, if any.
struct NameChange {
  Name from;
  Name to;
  Inode* inode;
};

/// Where a path leads. `name` is empty for a path that ends in a root, "." or "..".
struct Place {
  Name at;
  Inode* inode = nullptr;        ///< null: no such name
  bool wants_directory = false;  ///< the path ends in a slash
};

class Tree {
 public:
  explicit Tree(std::uint32_t host);

  Inode& root() { return *root_; }
  /// ENOENT, ENOTDIR, ENAMETOOLONG: of the way; that the last name is missing is for the caller to judge.
  long find(Inode& from, std::string_view path, Place& place);

  long make(const Place& place, Inode::Kind kind, std::uint32_t mode, Inode*& made);
  long link(Inode& inode, const Place& place);
  long remove(const Place& place, bool directory);
  long rename(const Place& from, const Place& to, bool replace);

  // durability.cc
  void make_names_durable(Inode& directory);
  /// sync(2)
  void make_all_durable();
  /// The power fails: see above. Open files of before are of no use afterwards (EIO).
  void crash();

  /// Bytes that can still be put into files.
  std::uint64_t room() const {
    const std::uint64_t most = std::min(capacity, limit);
    return used_ < most ? most - used_ : 0;
  }
  std::uint64_t used() const { return used_; }
  void count(std::int64_t bytes) { used_ += static_cast<std::uint64_t>(bytes); }
  /// To be called when the inode was found by a name.
  void make_data(Inode& inode);
  /// To be called when `links` or `opens` has become smaller.
  void let_go(Inode& inode);

  /// The error that strikes this operation, as a negative errno value; 0 if none does. See fail_next().
  long failure(Op op);

  const std::uint32_t host;
  std::uint64_t capacity = default_capacity;
  std::uint32_t epoch = 0;  ///< crashes so far
  /// Whether a task of this host was there before the last crash, and did not itself call for it: all its calls on
  /// names fail with EIO, as those on its open files do.
  bool is_of_the_past(const Task& task) const {
    return task.host == host && task.id < first_new_task_ && task.id != survivor_;
  }

  struct PlannedFailure {
    Op op;  ///< Op::count_: any
    int error;
    std::uint32_t after;
  };
  std::vector<PlannedFailure> planned;
  std::uint64_t limit = ~std::uint64_t{0};  ///< the same as capacity, set by a fault
  std::uint32_t failing = 0;  ///< of calls, in millionths: those that fail with EIO

 private:
  Inode& new_inode(Inode::Kind kind, std::uint32_t mode);
  void apply(NameChange change);
  void put_back_from_disk(Inode& directory);

  std::vector<std::unique_ptr<Inode>> inodes_;
  std::vector<NameChange> name_changes_;  ///< not durable yet, oldest first
  Inode* root_ = nullptr;
  std::uint64_t used_ = 0;
  std::uint32_t first_new_task_ = 0;
  std::uint32_t survivor_ = 0;
};

/// The tree of a host, made at its first use in a run.
Tree& tree_of(std::uint32_t host);
/// Numbers the runs of the process, for what may outlive one.
std::uint32_t run_number();

/// The power of a host fails.
void crash(std::uint32_t host);
/// Bytes of file data that the host's disk holds: beyond it ENOSPC.
void set_capacity(std::uint32_t host, std::uint64_t bytes);
/// After `after` more operations `op` (Op::count_: any of read, write, file_sync, file_open, file_truncate and those on
/// names) the next one fails with `error`.
void fail_next(std::uint32_t host, Op op, int error, std::uint32_t after);

void install(World& world);

}  // namespace foreseed::files
