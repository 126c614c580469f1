// malloc and its family, operator new and delete.
//
// Who asks decides where memory comes from:
//   simulated code                      the run's heap
//   libc and the loader on behalf of     libc's heap: what they keep for themselves (stdio buffers, time zones, libraries)
//   simulated code                       outlives runs
//   the program, outside a series       the same heap as runs, below them, so that it can be put back after each run;
//                                       so too for libraries that are loaded between runs
//   the simulator and its libraries     libc's heap
// free() decides by address.

#include <link.h>
#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "intercept/loading.h"
#include "intercept/real.h"
#include "kernel/modules.h"
#include "memory/heap.h"

extern "C" {
void* __libc_malloc(std::size_t);
void __libc_free(void*);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

using namespace foreseed;

namespace {

struct CodeRange {
  std::uintptr_t first;
  std::uintptr_t last;
};
constexpr int host_ranges_max = 32;
CodeRange host_ranges[host_ranges_max];
int host_range_count = 0;
CodeRange libc_range;
CodeRange loader_range;
int classified = 0;  ///< 0: not yet, 1: under way, 2: done

int visit(dl_phdr_info* info, std::size_t, void*) {
  const std::string_view name = module_file(info->dlpi_name);
  if (!is_host_module(name)) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    const std::uintptr_t first = info->dlpi_addr + header.p_vaddr;
    const CodeRange range{first, first + header.p_memsz};
    if (name.starts_with("libc.")) libc_range = range;
    if (name.starts_with("ld-linux-")) loader_range = range;
    if (host_range_count < host_ranges_max) host_ranges[host_range_count++] = range;
  }
  return 0;
}

bool in(const CodeRange& range, const void* caller) {
  return reinterpret_cast<std::uintptr_t>(caller) - range.first < range.last - range.first;
}

bool in_libc(const void* caller) { return in(libc_range, caller) || in(loader_range, caller); }

/// Whether an allocation outside runs is the host's. Before the first one is classified, everything is.
bool is_host_caller(const void* caller) {
  if (classified != 2) {
    if (classified == 1) return true;
    classified = 1;
    dl_iterate_phdr(visit, nullptr);
    classified = 2;
  }
  for (int i = 0; i < host_range_count; ++i) {
    if (in(host_ranges[i], caller)) return true;
  }
  return false;
}

void* allocate(std::size_t size, std::size_t align, const void* caller) {
  if (simulated_code()) {
    if (__builtin_expect(!in_libc(caller), 1)) {
      const Entry entry;
      void* const pointer = memory::run_allocate(size, align);
      if (__builtin_expect(pointer == nullptr, 0)) errno = ENOMEM;
      return pointer;
    }
  } else if ((!series_active || loading_library) && !is_host_caller(caller)) {
    void* const pointer = series_active ? memory::late_allocate(size, align) : memory::native_allocate(size, align);
    if (pointer != nullptr) return pointer;
  }
  return align <= 16 ? __libc_malloc(size) : __libc_memalign(align, size);
}

void deallocate(void* pointer) {
  if (__builtin_expect(pointer == nullptr, 0)) return;
  if (!memory::is_heap_pointer(pointer)) return __libc_free(pointer);
  if (simulated_code() || run_active) {
    const Entry entry;
    return memory::run_free(pointer);
  }
  memory::native_free(pointer);
}

std::size_t size_of(void* pointer) {
  if (memory::is_heap_pointer(pointer)) return memory::usable_size(pointer);
  return REAL(malloc_usable_size)(pointer);
}

void* reallocate(void* pointer, std::size_t size, const void* caller) {
  if (pointer == nullptr) return allocate(size, 16, caller);
  if (!memory::is_heap_pointer(pointer) && (!simulated_code() || in_libc(caller))) {
    return __libc_realloc(pointer, size);
  }
  if (size == 0) {
    deallocate(pointer);
    return nullptr;
  }
  void* const larger = allocate(size, 16, caller);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, pointer, std::min(size, size_of(pointer)));
  deallocate(pointer);
  return larger;
}

void* new_or_throw(std::size_t size, std::size_t align, const void* caller) {
  void* const pointer = allocate(size, align, caller);
  if (__builtin_expect(pointer == nullptr, 0)) throw std::bad_alloc();
  return pointer;
}

}  // namespace

#define CALLER __builtin_return_address(0)

FORESEED_EXPORT void* malloc(std::size_t size) noexcept { return allocate(size, 16, CALLER); }
FORESEED_EXPORT void free(void* pointer) noexcept { deallocate(pointer); }
FORESEED_EXPORT void cfree(void* pointer) noexcept { deallocate(pointer); }

FORESEED_EXPORT void* calloc(std::size_t count, std::size_t size) noexcept {
  std::size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  void* const pointer = allocate(bytes, 16, CALLER);
  return pointer != nullptr ? std::memset(pointer, 0, bytes) : nullptr;
}

FORESEED_EXPORT void* realloc(void* pointer, std::size_t size) noexcept { return reallocate(pointer, size, CALLER); }

FORESEED_EXPORT void* reallocarray(void* pointer, std::size_t count, std::size_t size) noexcept {
  std::size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return reallocate(pointer, bytes, CALLER);
}

FORESEED_EXPORT void* memalign(std::size_t align, std::size_t size) noexcept { return allocate(size, align, CALLER); }
FORESEED_EXPORT void* aligned_alloc(std::size_t align, std::size_t size) noexcept {
  return allocate(size, align, CALLER);
}
FORESEED_EXPORT void* valloc(std::size_t size) noexcept { return allocate(size, 4096, CALLER); }
FORESEED_EXPORT int posix_memalign(void** out, std::size_t align, std::size_t size) noexcept {
  if (align < sizeof(void*) || (align & (align - 1)) != 0) return EINVAL;
  void* const pointer = allocate(size, align, CALLER);
  if (pointer == nullptr) return ENOMEM;
  *out = pointer;
  return 0;
}
FORESEED_EXPORT std::size_t malloc_usable_size(void* pointer) noexcept {
  return pointer == nullptr ? 0 : size_of(pointer);
}

// libc would allocate these from within itself; they are the program's.
FORESEED_EXPORT char* strndup(const char* text, std::size_t limit) noexcept {
  const std::size_t size = strnlen(text, limit);
  auto* const copy = static_cast<char*>(allocate(size + 1, 16, CALLER));
  if (copy == nullptr) return nullptr;
  copy[size] = '\0';
  return static_cast<char*>(std::memcpy(copy, text, size));
}
FORESEED_EXPORT char* strdup(const char* text) noexcept {
  const std::size_t size = std::strlen(text) + 1;
  auto* const copy = static_cast<char*>(allocate(size, 16, CALLER));
  return copy == nullptr ? nullptr : static_cast<char*>(std::memcpy(copy, text, size));
}

#define EXPORT_CXX __attribute__((visibility("default")))
using std::align_val_t;
using std::nothrow_t;
using std::size_t;

EXPORT_CXX void* operator new(size_t size) { return new_or_throw(size, 16, CALLER); }
EXPORT_CXX void* operator new[](size_t size) { return new_or_throw(size, 16, CALLER); }
EXPORT_CXX void* operator new(size_t size, const nothrow_t&) noexcept { return allocate(size, 16, CALLER); }
EXPORT_CXX void* operator new[](size_t size, const nothrow_t&) noexcept { return allocate(size, 16, CALLER); }
EXPORT_CXX void* operator new(size_t size, align_val_t a) { return new_or_throw(size, size_t(a), CALLER); }
EXPORT_CXX void* operator new[](size_t size, align_val_t a) { return new_or_throw(size, size_t(a), CALLER); }
EXPORT_CXX void* operator new(size_t size, align_val_t a, const nothrow_t&) noexcept {
  return allocate(size, size_t(a), CALLER);
}
EXPORT_CXX void* operator new[](size_t size, align_val_t a, const nothrow_t&) noexcept {
  return allocate(size, size_t(a), CALLER);
}
EXPORT_CXX void operator delete(void* p) noexcept { deallocate(p); }
EXPORT_CXX void operator delete[](void* p) noexcept { deallocate(p); }
EXPORT_CXX void operator delete(void* p, const nothrow_t&) noexcept { deallocate(p); }
EXPORT_CXX void operator delete[](void* p, const nothrow_t&) noexcept { deallocate(p); }
EXPORT_CXX void operator delete(void* p, size_t) noexcept { deallocate(p); }
EXPORT_CXX void operator delete[](void* p, size_t) noexcept { deallocate(p); }
EXPORT_CXX void operator delete(void* p, align_val_t) noexcept { deallocate(p); }
EXPORT_CXX void operator delete[](void* p, align_val_t) noexcept { deallocate(p); }
EXPORT_CXX void operator delete(void* p, size_t, align_val_t) noexcept { deallocate(p); }
EXPORT_CXX void operator delete[](void* p, size_t, align_val_t) noexcept { deallocate(p); }
EXPORT_CXX void operator delete(void* p, align_val_t, const nothrow_t&) noexcept { deallocate(p); }
EXPORT_CXX void operator delete[](void* p, align_val_t, const nothrow_t&) noexcept { deallocate(p); }
