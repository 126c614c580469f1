#pragma once
// What an execution did, step by step: the vocabulary of traces and fingerprints.
//
// An event is recorded when its operation has taken effect. The fingerprint of an execution is a rolling hash over
// (task, operation, result) and virtual time; addresses and object numbers stay out of it, because stack slots and heap
// blocks are shared differently by different compilers.

#include <foreseed/export.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace foreseed {

/// Operations, in the order of `op_table` in event.cc. The numbers are part of fingerprints: append only.
enum class Op : std::uint16_t {
  task_start, task_exit, thread_create, thread_join, thread_detach,
  mutex_lock, mutex_trylock, mutex_timedlock, mutex_unlock,
  cond_wait, cond_timedwait, cond_signal, cond_broadcast,
  rwlock_rdlock, rwlock_wrlock, rwlock_tryrdlock, rwlock_trywrlock, rwlock_timedrdlock, rwlock_timedwrlock,
  rwlock_unlock,
  sem_post, sem_wait, sem_trywait, sem_timedwait,
  barrier_wait, once, guard_acquire, guard_release, spin_lock, spin_trylock, spin_unlock,
  futex_wait, futex_wake,
  atomic_load, atomic_store, atomic_exchange, atomic_rmw, atomic_cas, atomic_fence,
  yield, sleep,
  plain_access,  ///< a racing or spinning plain access: never a choice of its own
  sock_socket, sock_bind, sock_listen, sock_accept, sock_connect, sock_send, sock_recv, poll, sock_shutdown,
  close, sock_deliver, resolve,
  entropy, note, check, fail,
  read, write, pipe, eventfd, timerfd, timerfd_settime, epoll_create, epoll_ctl, epoll_wait, socketpair,
  host, fault,  ///< what befalls a host, a link
  file_open, file_sync, file_datasync, file_seek, file_truncate, file_stat, file_mkdir, file_unlink, file_rename,
  file_list, file_lock, file_crash,
  point,  ///< FORESEED_POINT
  count_  ///< not an operation
};

/// The stable name used in traces, such as "mutex_lock".
FORESEED_API std::string_view to_string(Op op);

/// One step. `stack` indexes Recording::stacks, 0 = none was taken.
struct Event {
  std::uint64_t time_ns = 0;   ///< virtual time since the start of the execution
  std::uint32_t step = 0;      ///< 1, 2, .. in the order in which the steps took effect
  std::uint16_t task = 0;      ///< 0 is the scenario's body
  Op op = Op::note;
  std::uint32_t object = 0;    ///< numbered by first use from 1; 0 = none
  std::int32_t result = 0;     ///< what the operation returned, where that is no address (else 0)
  std::uint32_t stack = 0;
  std::uint32_t text = 0;      ///< indexes Recording::texts, 0 = none

  friend bool operator==(const Event&, const Event&) = default;
};

/// A call stack, innermost first: absolute return addresses of this process.
using Stack = std::vector<std::uintptr_t>;

/// A task begins to wait, after `step` events. The wait ends with the task's next event, or next wait.
struct Wait {
  std::uint64_t time_ns = 0;
  std::uint32_t step = 0;
  std::uint16_t task = 0;
  Op op = Op::note;
  std::uint32_t object = 0;  ///< as in Event; for thread_join, the other task's number
  std::uint32_t stack = 0;

  friend bool operator==(const Wait&, const Wait&) = default;
};

/// What one task did in step `from` happens before what another did in step `to`, and the other learned it there.
struct Order {
  std::uint32_t from = 0;
  std::uint32_t to = 0;

  friend bool operator==(const Order&, const Order&) = default;
};

/// A message from one host to another.
struct Message {
  static constexpr std::uint16_t no_task = 0xffff;
  enum Mark : std::uint8_t { duplicate = 1, late = 2, corrupt = 4 };

  std::uint64_t sent_ns = 0;
  std::uint32_t sent_step = 0;             ///< the step that sends it; if no task did, the one after it
  std::uint16_t task = no_task;            ///< who sent it; no_task: the host itself, as a refusal
  std::uint16_t from_host = 0;
  std::uint16_t to_host = 0;
  std::uint8_t marks = 0;                  ///< of Mark
  std::string what;                        ///< "syn", "data", "fin", "datagram", ..
  std::uint32_t bytes = 0;
  std::uint32_t losses = 0;                ///< how often it was lost on the way; what TCP lost it sends again
  bool arrived = false;
  std::uint64_t arrived_ns = 0;
  std::uint32_t arrived_step = 0;          ///< events before that
  std::uint32_t object = 0;                ///< the socket that it came to

  friend bool operator==(const Message&, const Message&) = default;
};

/// What a recorded execution leaves behind for people: its events, and what they refer to. Entry 0 of `stacks` and
/// `texts` is empty. Plain executions leave none of it, only a fingerprint.
struct Recording {
  std::vector<Event> events;
  std::vector<Wait> waits;
  std::vector<Order> orders;         ///< by `to`
  std::vector<Message> messages;     ///< in the order of sending
  std::vector<std::uint32_t> choice_steps;  ///< for each choice, the first step that it had a part in
  std::vector<std::string> hosts;
  std::vector<std::uint16_t> task_hosts;    ///< of each task, an index into `hosts`
  std::vector<Stack> stacks;
  std::vector<std::string> texts;
  std::vector<std::string> tasks;    ///< name of each task, "main" for task 0 unless it was named
  std::vector<std::string> objects;  ///< name of each object, e.g. "mutex#3"; entry 0 is empty
  bool truncated = false;            ///< the limit on events was reached; later events are missing
};

}  // namespace foreseed
