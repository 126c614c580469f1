#pragma once
// Synchronisation objects that are none: destroyed, or never initialised. POSIX leaves what *_destroy makes of an object's
// bytes open; here it fills them with what no initialiser makes, so that the next use knows. Only the first use in a run,
// or the first after a *_destroy, looks.

#include <cstddef>
#include <pthread.h>

namespace foreseed::sync {

void mark_destroyed(void* object, std::size_t size);
/// Ends the run if `object` was destroyed. `what` is such as "a condition variable".
void check_not_destroyed(const void* object, const char* what);
/// The same, and if its bytes are those of no mutex that was ever initialised.
void check_mutex(const pthread_mutex_t& mutex);

}  // namespace foreseed::sync
