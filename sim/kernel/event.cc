#include "kernel/event.h"

#include <array>

namespace foreseed {

namespace {
constexpr std::array<std::string_view, static_cast<std::size_t>(Op::count_)> op_table = {
    "task_start", "task_exit", "thread_create", "thread_join", "thread_detach",
    "mutex_lock", "mutex_trylock", "mutex_timedlock", "mutex_unlock",
    "cond_wait", "cond_timedwait", "cond_signal", "cond_broadcast",
    "rwlock_rdlock", "rwlock_wrlock", "rwlock_tryrdlock", "rwlock_trywrlock", "rwlock_timedrdlock",
    "rwlock_timedwrlock", "rwlock_unlock",
    "sem_post", "sem_wait", "sem_trywait", "sem_timedwait",
    "barrier_wait", "once", "guard_acquire", "guard_release", "spin_lock", "spin_trylock", "spin_unlock",
    "futex_wait", "futex_wake",
    "atomic_load", "atomic_store", "atomic_exchange", "atomic_rmw", "atomic_cas", "atomic_fence",
    "yield", "sleep", "plain_access",
    "sock_socket", "sock_bind", "sock_listen", "sock_accept", "sock_connect", "sock_send", "sock_recv", "poll",
    "sock_shutdown", "close", "sock_deliver", "resolve",
    "entropy", "note", "check", "fail",
    "read", "write", "pipe", "eventfd", "timerfd", "timerfd_settime", "epoll_create", "epoll_ctl", "epoll_wait",
    "socketpair", "host", "fault", "file_open", "file_sync", "file_datasync", "file_seek", "file_truncate", "file_stat",
    "file_mkdir", "file_unlink", "file_rename", "file_list", "file_lock", "file_crash", "point"};
static_assert(!op_table.back().empty(), "a name for every operation");
}  // namespace

std::string_view to_string(Op op) {
  const auto index = static_cast<std::size_t>(op);
  return index < op_table.size() ? op_table[index] : "?";
}

}  // namespace foreseed
