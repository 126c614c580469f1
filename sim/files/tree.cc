#include "files/tree.h"

#include <algorithm>
#include <cerrno>

#include "files/directory_stream.h"
#include "files/mapped.h"
#include "kernel/clear.h"
#include "net/network.h"

namespace foreseed::files {

namespace {

std::vector<std::unique_ptr<Tree>> trees;
std::uint32_t runs = 0;

std::uint64_t wall_clock() { return wall_epoch_ns + World::get().now(); }

bool is_within(const Inode& inode, const Inode& directory) {
  for (const Inode* at = &inode;; at = at->parent) {
    if (at == &directory) return true;
    if (at->parent == at || at->parent == nullptr) return false;
  }
}

}  // namespace

Tree::Tree(std::uint32_t of_host) : host(of_host) {
  root_ = &new_inode(Inode::Kind::directory, 0755);
  root_->parent = root_;
  root_->links = 1;
  const auto add = [this](const char* path, Inode::Kind kind, std::uint32_t mode) {
    Place place;
    Inode* made = nullptr;
    FORESEED_ASSERT(find(*root_, path, place) == 0 && make(place, kind, mode, made) == 0);
    return made;
  };
  for (const char* const path : {"/dev", "/etc", "/home", "/tmp", "/var", "/var/lib", "/var/log", "/var/tmp"}) {
    add(path, Inode::Kind::directory, 0755);
  }
  add("/dev/null", Inode::Kind::null_device, 0666);
  add("/dev/zero", Inode::Kind::zero_device, 0666);
  add("/dev/full", Inode::Kind::full_device, 0666);
  add("/dev/random", Inode::Kind::random_device, 0666);
  add("/dev/urandom", Inode::Kind::random_device, 0666);
  add("/etc/hosts", Inode::Kind::file, 0644)->made_at_use = [] { return net::Network::get().hosts_file(); };
  add("/etc/resolv.conf", Inode::Kind::file, 0644);
  for (const auto& inode : inodes_) inode->durable_names = inode->names;
  name_changes_.clear();
}

Inode& Tree::new_inode(Inode::Kind kind, std::uint32_t mode) {
  inodes_.push_back(std::make_unique<Inode>(kind, inodes_.size() + 1, mode));
  inodes_.back()->modified_ns = wall_clock();
  return *inodes_.back();
}

long Tree::find(Inode& from, std::string_view path, Place& place) {
  if (path.empty()) return -ENOENT;
  Inode* at = path.front() == '/' ? root_ : &from;
  place = {};
  place.inode = at;
  std::size_t begin = 0;
  for (;;) {
    begin = path.find_first_not_of('/', begin);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    begin = end;
    if (place.inode == nullptr) return -ENOENT;
    if (!place.inode->is_directory()) return -ENOTDIR;
    if (name.size() > name_max) return -ENAMETOOLONG;
    Inode& directory = *place.inode;
    if (name == "." || name == "..") {
      place.at = {};
      place.inode = name == "." ? &directory : directory.parent;
      continue;
    }
    place.at = {&directory, std::string(name)};
    const auto it = directory.names.find(name);
    place.inode = it == directory.names.end() ? nullptr : it->second;
  }
  place.wants_directory = path.back() == '/';
  if (place.wants_directory && place.inode != nullptr && !place.inode->is_directory()) return -ENOTDIR;
  return 0;
}

/// What a change does to the names as calls see them, and that it is not durable yet.
void Tree::apply(NameChange change) {
  for (const Name* const name : {&change.from, &change.to}) {
    if (name->directory != nullptr) name->directory->modified_ns = wall_clock();
  }
  if (change.from.directory != nullptr) change.from.directory->names.erase(change.from.name);
  if (change.to.directory != nullptr) {
    Inode*& entry = change.to.directory->names[change.to.name];
    if (entry != nullptr) {
      --entry->links;
      let_go(*entry);
    }
    entry = change.inode;
    if (change.inode->is_directory()) change.inode->parent = change.to.directory;
  }
  change.inode->links += change.to.directory != nullptr;
  change.inode->links -= change.from.directory != nullptr;
  let_go(*change.inode);
  name_changes_.push_back(std::move(change));
}

void Tree::let_go(Inode& inode) {
  if (inode.links != 0 || inode.opens != 0) return;
  count(-static_cast<std::int64_t>(inode.data.size()));
  inode.data = {};
}

void Tree::make_data(Inode& inode) {
  count(-static_cast<std::int64_t>(inode.data.size()));
  inode.data = inode.durable_data = inode.made_at_use();
  count(static_cast<std::int64_t>(inode.data.size()));
}

long Tree::make(const Place& place, Inode::Kind kind, std::uint32_t mode, Inode*& made) {
  if (place.inode != nullptr) return -EEXIST;
  if (place.at.directory->links == 0) return -ENOENT;  // removed while open
  made = &new_inode(kind, mode);
  apply({{}, place.at, made});
  return 0;
}

long Tree::link(Inode& inode, const Place& place) {
  if (place.inode != nullptr) return -EEXIST;
  if (inode.is_directory()) return -EPERM;
  if (place.wants_directory || inode.links == 0 || place.at.directory->links == 0) return -ENOENT;
  apply({{}, place.at, &inode});
  return 0;
}

long Tree::remove(const Place& place, bool directory) {
  Inode* const inode = place.inode;
  if (inode == nullptr) return -ENOENT;
  if (!directory && inode->is_directory()) return -EISDIR;
  if (directory && !inode->is_directory()) return -ENOTDIR;
  if (place.at.directory == nullptr) return inode == root_ ? -EBUSY : -EINVAL;
  if (directory && !inode->names.empty()) return -ENOTEMPTY;
  apply({place.at, {}, inode});
  return 0;
}

long Tree::rename(const Place& from, const Place& to, bool replace) {
  Inode* const moved = from.inode;
  if (moved == nullptr) return -ENOENT;
  if (from.at.directory == nullptr || to.at.directory == nullptr) return -EBUSY;
  if (to.inode != nullptr && !replace) return -EEXIST;
  if (to.inode == moved) return 0;
  if (to.at.directory->links == 0) return -ENOENT;
  if (moved->is_directory() && is_within(*to.at.directory, *moved)) return -EINVAL;
  if (to.inode != nullptr) {
    if (moved->is_directory() && !to.inode->is_directory()) return -ENOTDIR;
    if (!moved->is_directory() && to.inode->is_directory()) return -EISDIR;
    if (!to.inode->names.empty()) return -ENOTEMPTY;
  } else if (to.wants_directory && !moved->is_directory()) {
    return -ENOTDIR;
  }
  apply({from.at, to.at, moved});
  return 0;
}

long Tree::failure(Op op) {
  for (std::size_t i = 0; i < planned.size(); ++i) {
    PlannedFailure& plan = planned[i];
    if (plan.op != Op::count_ && plan.op != op) continue;
    if (plan.after-- != 0) continue;
    const int error = plan.error;
    planned.erase(planned.begin() + static_cast<std::ptrdiff_t>(i));
    return -error;
  }
  if (failing == 0) return 0;
  constexpr std::uint32_t all = 1'000'000;
  const std::uint32_t k = World::get().choose(static_cast<std::uint32_t>(op), ChoiceKind::fault, all);
  return k >= all - failing ? -EIO : 0;
}

// --- hosts -------------------------------------------------------------------------------------------------------

Tree& tree_of(std::uint32_t host) {
  if (host >= trees.size()) trees.resize(host + 1);
  if (trees[host] == nullptr) trees[host] = std::make_unique<Tree>(host);
  return *trees[host];
}

std::uint32_t run_number() { return runs; }

void crash(std::uint32_t host) {
  World& world = World::get();
  world.point(Op::file_crash);
  tree_of(host).crash();
  world.event(Op::file_crash, 0, 0);
}

void install(World& world) {
  RunHooks hooks;
  hooks.begin = [] {
    clear_rare(trees);
    forget_streams();
    forget_mapped();
    ++runs;
  };
  hooks.drop_clocks = [] { trees.clear(); };
  hooks.host_crash = [](std::uint32_t host) {
    if (host < trees.size() && trees[host] != nullptr) trees[host]->crash();
  };
  world.add_hooks(hooks);
}

void set_capacity(std::uint32_t host, std::uint64_t bytes) { tree_of(host).capacity = bytes; }

void fail_next(std::uint32_t host, Op op, int error, std::uint32_t after) {
  tree_of(host).planned.push_back({op, error, after});
}

}  // namespace foreseed::files
