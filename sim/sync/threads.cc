// Threads: create, join, detach, sleep, and thread-specific data.
//
// No scheduling point stands before a create, an exit and a plain join: whether another task goes on before or after one
// of them makes no difference that anyone could see.

#include <cerrno>

#include "kernel/clear.h"
#include "sync/spurious.h"
#include "sync/sync.h"
#include "sync/wait_graph.h"

namespace foreseed::sync {

namespace {

constexpr pthread_t first_handle = 0x7465'0000'0000;
constexpr pthread_t handle_step = 64;

// Keys made inside a run are numbered from here; below are those of the process, made before.
constexpr pthread_key_t first_run_key = 1024;
constexpr std::size_t destructor_rounds = 4;

struct Key {
  void (*destructor)(void*) = nullptr;
  bool live = false;
};
std::vector<Key> run_keys;
std::vector<Key> process_keys;

/// Where the value of a key stands in Task::specific: keys of the process at even places, of the run at odd ones.
std::size_t place_of(pthread_key_t key) {
  return key < first_run_key ? std::size_t{key} * 2 : std::size_t{key - first_run_key} * 2 + 1;
}

const Key* key_at(std::size_t place) {
  const std::vector<Key>& keys = place % 2 == 0 ? process_keys : run_keys;
  return place / 2 < keys.size() && keys[place / 2].live ? &keys[place / 2] : nullptr;
}

void run_key_destructors(Task& task) {
  for (std::size_t round = 0; round < destructor_rounds; ++round) {
    bool any = false;
    for (std::size_t place = 0; place < task.specific.size(); ++place) {
      void* const value = task.specific[place];
      const Key* const key = key_at(place);
      if (value == nullptr || key == nullptr || key->destructor == nullptr) continue;
      any = true;
      task.specific[place] = nullptr;
      void (*const destructor)(void*) = key->destructor;
      const Callback simulated;
      destructor(value);
    }
    if (!any) return;
  }
}

}  // namespace

pthread_t handle_of(const Task& task) { return first_handle + (task.id + 1) * handle_step; }

Task* task_of(pthread_t handle) {
  World& world = World::get();
  const pthread_t offset = handle - first_handle;
  if (handle < first_handle || offset % handle_step != 0) return nullptr;
  const pthread_t index = offset / handle_step;
  return index >= 1 && index <= world.task_count() ? &world.task(static_cast<std::uint32_t>(index - 1)) : nullptr;
}

pthread_t thread_create(void* (*entry)(void*), void* argument, bool detached) {
  World& world = World::get();
  world.accessed(&run_keys, Touch::Kind::write);  // who comes first gets the lower number
  Task& task = world.spawn(entry, argument);
  task.detached = detached;
  world.event(Op::thread_create, 0, static_cast<std::int32_t>(task.id));
  return handle_of(task);
}

int thread_join(pthread_t thread, void** result, std::uint64_t deadline_ns, bool dont_wait) {
  World& world = World::get();
  Task* const other = task_of(thread);
  if (dont_wait || deadline_ns != never) {
    world.point(Op::thread_join, other);
    world.accessed(other, Touch::Kind::read, false);
  }
  Task& self = world.current();
  int status = 0;
  if (__builtin_expect(other == nullptr || other->joined, 0)) {
    status = ESRCH;
  } else if (__builtin_expect(other == &self, 0)) {
    status = EDEADLK;
  } else if (__builtin_expect(other->detached, 0)) {
    status = EINVAL;
  } else if (!other->finished && dont_wait) {
    status = EBUSY;
  } else if (!other->finished) {
    const Waiter waiter(other->joiners, self);
    while (status == 0 && !other->finished) {
      if (!world.wait(Op::thread_join, other->id, deadline_ns)) status = ETIMEDOUT;
    }
  }
  if (__builtin_expect(status == 0, 1)) {
    other->joined = true;
    self.clock.join(other->clock);
    world.ordered(self, *other);
    if (__builtin_expect(result != nullptr, 0)) *result = other->result;
  }
  world.event(Op::thread_join, 0, status != 0 ? -status : static_cast<std::int32_t>(other->id));
  return status;
}

int thread_detach(pthread_t thread) {
  World& world = World::get();
  Task* const other = task_of(thread);
  const int status = other == nullptr || other->joined ? ESRCH : other->detached ? EINVAL : 0;
  if (status == 0) other->detached = true;
  world.event(Op::thread_detach, 0, status);
  return status;
}

void yield() {
  World& world = World::get();
  if (world.search_mode() || !world.current().spins_in_one_step()) world.idle_point(Op::yield);
  world.event(Op::yield, 0, 0, false);
}

void sleep_until(std::uint64_t time_ns) {
  World& world = World::get();
  if (time_ns <= world.now()) {
    world.point(Op::sleep);
  } else {
    world.wait_or_time_out(Op::sleep, 0, time_ns, [] { return false; });
  }
  world.event(Op::sleep, 0, 0);
}

std::uint64_t deadline_of(clockid_t clock, const timespec& time) {
  if (time.tv_sec < 0) return 0;
  const auto seconds = static_cast<std::uint64_t>(time.tv_sec);
  if (seconds > 9'000'000'000ull) return never - 1;
  const std::uint64_t since = seconds * 1'000'000'000ull + static_cast<std::uint64_t>(time.tv_nsec);
  World& world = World::get();
  if (clock == CLOCK_REALTIME) return world.deadline_at_wall(since);
  return since < monotonic_epoch_ns ? 0 : world.deadline_at(since - monotonic_epoch_ns);
}

int key_create(pthread_key_t* key, void (*destructor)(void*)) {
  if (!run_active) {
    // Made natively; only remembered, so that values set inside a run are destroyed there.
    if (*key >= process_keys.size()) process_keys.resize(*key + 1);
    process_keys[*key] = {destructor, true};
    return 0;
  }
  if (run_keys.size() >= 1024) return EAGAIN;
  *key = first_run_key + static_cast<pthread_key_t>(run_keys.size());
  run_keys.push_back({destructor, true});
  return 0;
}

int key_delete(pthread_key_t key) {
  if (key < first_run_key) {
    if (key < process_keys.size() && !run_active) process_keys[key].live = false;
    return 0;
  }
  if (key - first_run_key >= run_keys.size() || !run_keys[key - first_run_key].live) return EINVAL;
  run_keys[key - first_run_key].live = false;
  return 0;
}

int key_set(pthread_key_t key, const void* value) {
  const bool known = key < first_run_key ||
                     (key - first_run_key < run_keys.size() && run_keys[key - first_run_key].live);
  if (!known) return EINVAL;
  std::vector<void*>& values = World::get().current().specific;
  const std::size_t place = place_of(key);
  if (place >= values.size()) values.resize(place + 1, nullptr);
  values[place] = const_cast<void*>(value);
  return 0;
}

void* key_get(pthread_key_t key) {
  const std::vector<void*>& values = World::get().current().specific;
  const std::size_t place = place_of(key);
  return place < values.size() ? values[place] : nullptr;
}

void install(World& world) {
  world.task_exit = run_key_destructors;
  world.explain_deadlock = explain_deadlock;
  world.gate_open = [](const void* gate, const Task& task) {
    const SyncObject& object = *static_cast<const SyncObject*>(gate);
    return object.kind == ObjectKind::semaphore ? object.count > 0 : object.owner == nullptr || object.owner == &task;
  };
  RunHooks hooks;
  hooks.drop_clocks = [] { ObjectTable::get().drop_clocks(); };
  hooks.begin = [] {
    ObjectTable::get().begin_run();
    clear_rare(run_keys);
    spurious_begin_run();
  };
  world.add_hooks(hooks);
}

}  // namespace foreseed::sync
