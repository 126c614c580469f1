// Ordinary multi-threaded programs, of the standard library and POSIX alone.
//
// Each is right under every legal interleaving, ends, is free of races, joins
// its threads (but for those it is there to detach), leaves nothing on the
// heap, and prints nothing. When a result is wrong it throws
// std::runtime_error, with its name and what was wrong.
#ifndef FORESEED_TESTS_PROGRAMS_PROGRAMS_H
#define FORESEED_TESTS_PROGRAMS_PROGRAMS_H

#include <vector>

namespace programs {

struct Program {
  const char* name;
  void (*run)();
  // Sleeps for longer than anyone waits.
  bool virtual_only = false;
  // Initialises function-local statics: only the first run in a process does
  // all there is to do.
  bool first_run_differs = false;
  // Starts detached threads: they may reach their end, and free what was theirs,
  // after the return.
  bool detaches = false;
  // The program is right, but libstdc++ 12 is not: it may hang, or race.
  bool library_defect = false;
  // The program is right, but the real ThreadSanitizer (of g++ 12) can't judge
  // it: it does not know fences, pthread_mutex_clocklock(), what libstdc++.so
  // does at a thread's exit, or the last round of key destructors, and hangs
  // when a function called by pthread_once() throws.
  bool beyond_tsan = false;
};

const std::vector<Program>& all();

// threads.cc: std::thread, std::jthread, stop_token
void thread_spawn_join();
void thread_identity();
void thread_hardware_concurrency();
void thread_move();
void thread_arguments();
void thread_nested();
void thread_many_in_turn();
void thread_not_joinable();
void thread_detach();
void jthread_joins_itself();
void jthread_stop_token();
void stop_source_race();
void stop_callback_registered_in_race();
void stop_callback_destroyed_while_running();
void stop_callback_destroys_itself();

// mutexes.cc: mutexes and locks
void mutex_counter();
void mutex_held_across_sleep();
void mutex_try_lock();
void mutex_unique_lock_errors();
void timed_mutex_times_out();
void timed_mutex_holder_sleeps();
void recursive_mutex_depth();
void recursive_timed_mutex_depth();
void shared_mutex_excludes();
void shared_mutex_try_lock();
void shared_timed_mutex_times_out();
void scoped_lock_of_two();
void lock_of_three();
void mutex_hand_over_hand();

// condition_variables.cc: condition variables
void condition_bounded_queue();
void condition_ping_pong();
void condition_wait_for_times_out();
void condition_wait_for_notified();
void condition_notify_all();
void condition_notify_one_each();
void condition_notify_all_at_thread_exit();
void condition_any_lock_types();
void condition_any_stop_token();
void condition_any_stop_token_timed();

// semaphores.cc: semaphores, latch, barrier, call_once
void binary_semaphore_ping_pong();
void counting_semaphore_ring();
void counting_semaphore_release_many();
void semaphore_try_acquire_for();
void semaphore_two_acquirers();
void latch_start_and_finish();
void latch_arrive_and_wait();
void barrier_of_two();
void barrier_of_three();
void barrier_arrive_and_drop();
void call_once_by_several();
void call_once_first_throws();
void call_once_nested();

// futures.cc: futures
void promise_value();
void promise_reference_and_void();
void promise_exception();
void promise_broken();
void promise_set_by_two();
void promise_at_thread_exit();
void future_wait_for();
void shared_future_by_several();
void packaged_task_on_thread();
void async_launch();
void async_deferred();
void async_exception();
void async_tree();

// atomics.cc: atomics
void atomic_operations();
void atomic_concurrent_1();
void atomic_concurrent_2();
void atomic_concurrent_4();
void atomic_concurrent_8();
void atomic_other_types();
void atomic_double_sum();
void atomic_flag_handover();
void atomic_ref_counter();
void atomic_message_passing();
void atomic_seq_cst_litmus();
void atomic_relaxed_litmus();
void atomic_fences();
void atomic_fences_plain_data();
void atomic_wait_int();
void atomic_wait_small();
void atomic_wait_wide();
void atomic_notify_all();
void atomic_shared_ptr();

// thread_locals.cc: thread_local and static variables
void thread_local_trivial();
void thread_local_addresses();
void thread_local_constructed_and_destroyed();
void thread_local_counted();
void thread_local_destructor_locks();
void static_local();
void static_local_sleeps();
void static_local_throws();

// exceptions.cc: exceptions and errno
void exceptions_in_catch_blocks();
void exceptions_nested();
void exceptions_uncaught_count();
void exceptions_shared_pointer();
void exceptions_release_locks();
void errno_per_thread();

// clocks.cc: clocks, sleep, random_device
void sleep_for_at_least();
void sleep_until_both_clocks();
void clocks_agree();
void sleep_sort();
void yield_many();
void random_device_draws();
void one_year_sleep();
void four_weeks_of_timers();

// structures.cc: built of the primitives
void shared_ptr_across_threads();
void weak_ptr_expires();
void treiber_stack();
void spin_lock_with_yield();
void spin_lock_holder_sleeps();
void spsc_ring();
void readers_writers();
void dining_philosophers();
void thread_pool();
void pipeline();
void peterson_lock();
void double_checked_locking();

// descriptors.cc: descriptors
void pipe_hand_over();
void pipe_without_waiting();
void eventfd_counts();
void timerfd_ticks();
void epoll_levels_and_edges();
void epoll_shared_by_two();
void epoll_within_epoll();
void socketpair_both_ways();
void tcp_connects_without_waiting();
void tcp_resets_and_refusals();
void udp_request_and_answer();
void udp_unheard();
void select_waits_for_either();
void descriptors_are_duplicated();

// files.cc
void file_write_read_back();
void file_sizes_change();
void file_errors();
void file_rename_and_unlink();
void file_directories();
void file_append_by_two();
void file_handed_over();
void file_locks();
void file_streams();
void file_devices();

// posix.cc: in C
void posix_create_join();
void posix_attributes();
void posix_detached();
void posix_exit();
void posix_identity();
void posix_names();
void posix_mutex_normal();
void posix_mutex_recursive();
void posix_mutex_errorcheck();
void posix_mutex_timed();
void posix_mutex_clocklock();
void posix_condition();
void posix_condition_monotonic();
void posix_condition_clockwait();
void posix_condition_static();
void posix_rwlock();
void posix_rwlock_timed();
void posix_barrier();
void posix_spin();
void posix_once();
void posix_keys();
void posix_key_rounds();
void posix_semaphore();
void posix_semaphore_timed();
void posix_semaphore_queue();
void posix_clocks();
void posix_sleeps();
void posix_yield();
void posix_errno();
void posix_c11_threads();
void posix_scheduling();
void posix_system_calls();
void posix_inline_calls();
void posix_sleep_an_hour();

}  // namespace programs

#endif
