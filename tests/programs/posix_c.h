/* The programs in C. Each returns NULL, or what was wrong. */
#ifndef FORESEED_TESTS_PROGRAMS_POSIX_C_H
#define FORESEED_TESTS_PROGRAMS_POSIX_C_H

#ifdef __cplusplus
extern "C" {
#endif

const char* posix_c_create_join(void);
const char* posix_c_attributes(void);
const char* posix_c_detached(void);
const char* posix_c_exit(void);
const char* posix_c_identity(void);
const char* posix_c_names(void);
const char* posix_c_mutex_normal(void);
const char* posix_c_mutex_recursive(void);
const char* posix_c_mutex_errorcheck(void);
const char* posix_c_mutex_timed(void);
const char* posix_c_mutex_clocklock(void);
const char* posix_c_condition(void);
const char* posix_c_condition_monotonic(void);
const char* posix_c_condition_clockwait(void);
const char* posix_c_condition_static(void);
const char* posix_c_rwlock(void);
const char* posix_c_rwlock_timed(void);
const char* posix_c_barrier(void);
const char* posix_c_spin(void);
const char* posix_c_once(void);
const char* posix_c_keys(void);
const char* posix_c_key_rounds(void);
const char* posix_c_semaphore(void);
const char* posix_c_semaphore_timed(void);
const char* posix_c_semaphore_queue(void);
const char* posix_c_clocks(void);
const char* posix_c_sleeps(void);
const char* posix_c_yield(void);
const char* posix_c_errno(void);
const char* posix_c_c11_threads(void);
const char* posix_c_scheduling(void);
const char* posix_c_system_calls(void);
const char* posix_c_inline_calls(void);
const char* posix_c_sleep_an_hour(void);

#ifdef __cplusplus
}
#endif

#endif
