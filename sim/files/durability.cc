// What is on the disk: changes of data and of names become durable, or are decided over by a power failure.

#include <algorithm>

#include "files/mapped.h"

namespace foreseed::files {

namespace {

void put(std::string& content, std::uint64_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  content.replace(offset, bytes.size(), bytes);
}

bool survives() { return World::get().choose(static_cast<std::uint32_t>(Op::file_crash), ChoiceKind::fault, 2) == 0; }

/// A write reaches the disk by sectors, each wholly or not at all.
void survive_in_part(std::string& durable, const DataChange& change) {
  if (change.truncation) {
    if (survives()) durable.resize(change.offset);
    return;
  }
  const std::string_view bytes = change.bytes;
  for (std::size_t done = 0; done < bytes.size();) {
    const std::uint64_t at = change.offset + done;
    const std::size_t n = std::min<std::size_t>(bytes.size() - done, sector_size - at % sector_size);
    if (survives()) put(durable, at, bytes.substr(done, n));
    done += n;
  }
}

void apply_to_disk(const NameChange& change) {
  if (change.from.directory != nullptr) change.from.directory->durable_names.erase(change.from.name);
  if (change.to.directory != nullptr) change.to.directory->durable_names[change.to.name] = change.inode;
}

/// Whether what the change starts from is on the disk.
bool has_sense(const NameChange& change) {
  if (change.from.directory == nullptr) return true;
  const Inode::Names& names = change.from.directory->durable_names;
  const auto it = names.find(change.from.name);
  return it != names.end() && it->second == change.inode;
}

}  // namespace

void Inode::write(std::uint64_t offset, std::string_view bytes) {
  put(data, offset, bytes);
  data_changes.push_back({offset, std::string(bytes), false});
  if (mapped) show_in_mappings(*this, offset, bytes.size());
}

void Inode::truncate(std::uint64_t size) {
  const std::uint64_t before = data.size();
  data.resize(size);
  if (mapped) show_in_mappings(*this, std::min(before, size), std::max(before, size) - std::min(before, size));
  data_changes.push_back({size, {}, true});
}

void Inode::make_data_durable() {
  for (const DataChange& change : data_changes) {
    if (change.truncation) {
      durable_data.resize(change.offset);
    } else {
      put(durable_data, change.offset, change.bytes);
    }
  }
  data_changes.clear();
}

void Tree::make_names_durable(Inode& directory) {
  // With a rename between two directories goes what happened before in the other.
  std::vector<const Inode*> directories{&directory};
  const auto touches = [&](const Name& name) {
    return std::find(directories.begin(), directories.end(), name.directory) != directories.end();
  };
  std::vector<bool> chosen(name_changes_.size());
  for (std::size_t i = name_changes_.size(); i-- != 0;) {
    const NameChange& change = name_changes_[i];
    chosen[i] = touches(change.from) || touches(change.to);
    if (!chosen[i]) continue;
    for (const Name* const name : {&change.from, &change.to}) {
      if (name->directory != nullptr && !touches(*name)) directories.push_back(name->directory);
    }
  }
  std::vector<NameChange> left;
  for (std::size_t i = 0; i < name_changes_.size(); ++i) {
    if (chosen[i]) {
      apply_to_disk(name_changes_[i]);
    } else {
      left.push_back(std::move(name_changes_[i]));
    }
  }
  name_changes_ = std::move(left);
}

void Tree::make_all_durable() {
  for (const NameChange& change : name_changes_) apply_to_disk(change);
  name_changes_.clear();
  for (const auto& inode : inodes_) {
    if (inode->mapped) take_over_stores(*inode);
    inode->make_data_durable();
  }
}

void Tree::crash() {
  for (const auto& inode : inodes_) {
    if (inode->mapped) take_over_stores(*inode);
  }
  for (const NameChange& change : name_changes_) {
    if (survives() && has_sense(change)) apply_to_disk(change);
  }
  name_changes_.clear();
  for (const auto& inode : inodes_) {
    inode->links = inode->opens = 0;
    inode->range_locks.clear_all();
    inode->flock.clear_all();
    World::get().wake_all(inode->lock_waiters);
  }
  used_ = 0;
  ++epoch;
  first_new_task_ = World::get().task_count();
  survivor_ = World::get().current().id;
  root_->links = 1;
  put_back_from_disk(*root_);
  for (const auto& inode : inodes_) {
    if (inode->links != 0) continue;
    inode->names.clear();
    inode->data = {};
    inode->data_changes.clear();
  }
}

void Tree::put_back_from_disk(Inode& directory) {
  directory.names = directory.durable_names;
  for (const auto& [name, inode] : directory.names) {
    if (++inode->links > 1) continue;
    if (inode->is_directory()) {
      inode->parent = &directory;
      put_back_from_disk(*inode);
      continue;
    }
    for (const DataChange& change : inode->data_changes) survive_in_part(inode->durable_data, change);
    inode->data_changes.clear();
    inode->data = inode->durable_data;
    count(static_cast<std::int64_t>(inode->data.size()));
  }
}

}  // namespace foreseed::files
