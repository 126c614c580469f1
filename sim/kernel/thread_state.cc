#include "kernel/thread_state.h"

#include <cerrno>
#include <cstring>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <string_view>
#include <utility>
#include <vector>

#include "kernel/boundary.h"
#include "kernel/layout.h"
#include "kernel/modules.h"
#include "kernel/world.h"

namespace foreseed {

/// Thread-local storage lent by a parked OS thread.
struct TlsBlock {
  std::uintptr_t thread_pointer = 0;
  pid_t process = 0;  ///< in a forked child the parked threads of the parent are gone
};

namespace {

/// A module's initial image, at a fixed offset from the thread pointer.
struct TlsImage {
  std::ptrdiff_t offset;
  const void* image;
  std::size_t image_size;
  std::size_t size;
};

std::vector<TlsImage> images;
pid_t this_process = 0;
std::uint64_t* libstdcxx_block = nullptr;
bool others_found = false;
std::size_t lent = 0;  ///< blocks, in process `lent_in`
pid_t lent_in = 0;

int visit(dl_phdr_info* info, std::size_t, void*) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_TLS || header.p_memsz == 0 || info->dlpi_tls_data == nullptr) continue;
    const std::string_view name = module_file(info->dlpi_name);
    if (name.starts_with("libstdc++.")) libstdcxx_block = static_cast<std::uint64_t*>(info->dlpi_tls_data);
    if (is_host_module(name)) continue;
    const auto* data = static_cast<const std::byte*>(info->dlpi_tls_data);
    images.push_back({data - reinterpret_cast<const std::byte*>(thread_pointer()),
                      reinterpret_cast<const void*>(info->dlpi_addr + header.p_vaddr), header.p_filesz,
                      header.p_memsz});
    others_found |= !name.starts_with("libstdc++.");
  }
  return 0;
}

long system_call(long number, const void* first, const void* second, const void* third, long fourth) {
  long result;
  register long r10 asm("r10") = fourth;
  asm volatile("syscall" : "=a"(result) : "0"(number), "D"(first), "S"(second), "d"(third), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

/// Once its thread pointer is told, tasks run under it while this thread may still be on its way to sleep: so nothing here
/// may look at the thread pointer, as simulated_code() does in all that foreseed stands before, nor take a signal.
void* park(void* argument) {
  static constexpr std::uint64_t all_signals = ~std::uint64_t{0};
  system_call(SYS_rt_sigprocmask, nullptr, &all_signals, nullptr, sizeof all_signals);  // SIG_BLOCK is 0
  __atomic_store_n(static_cast<std::uintptr_t*>(argument), thread_pointer(), __ATOMIC_RELEASE);
  for (;;) system_call(SYS_pause, nullptr, nullptr, nullptr, 0);
}

/// Tasks ask for blocks in their order, so each finds its thread-local variables at one address in every process.
TlsBlock* new_block() {
  if (std::exchange(lent_in, this_process) != this_process) lent = 0;
  void* const wanted = reinterpret_cast<void*>(tls_base + lent++ * tls_block_size);
  void* const got = mmap(wanted, tls_block_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  FORESEED_ASSERT(got == wanted);
  auto* const block = new TlsBlock;
  block->process = this_process;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, got, tls_block_size);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  FORESEED_ASSERT(pthread_create(&thread, &attributes, park, &block->thread_pointer) == 0);
  pthread_attr_destroy(&attributes);
  while (__atomic_load_n(&block->thread_pointer, __ATOMIC_ACQUIRE) == 0) sched_yield();
  return block;
}

}  // namespace

constinit ThreadStates ThreadStates::instance_;

std::string ThreadStates::prepare() {
  host_pointer_ = thread_pointer();
  this_process = getpid();
  errno_ = &errno;
  images.clear();
  libstdcxx_block = nullptr;
  others_found = false;
  dl_iterate_phdr(visit, nullptr);
  libstdcxx_ = libstdcxx_block;
  swaps_ = others_found;
  if (libstdcxx_ == nullptr) return "libstdc++.so is not loaded: link the program under test dynamically";
  if (swaps_ && (getauxval(AT_HWCAP2) & 2) == 0) {
    return "this processor or kernel has no wrfsbase instruction, which a program with thread_local data needs";
  }
  return {};
}

std::size_t ThreadStates::lenders() const { return lent_in == this_process ? lent : 0; }

void ThreadStates::lend(ThreadState& state) {
  if (state.block == nullptr || state.block->process != this_process) state.block = new_block();
  state.thread_pointer = state.block->thread_pointer;
  for (const TlsImage& image : images) {
    auto* const data = reinterpret_cast<std::byte*>(state.thread_pointer + image.offset);
    std::memcpy(data, image.image, image.image_size);
    std::memset(data + image.image_size, 0, image.size - image.image_size);
  }
  *reinterpret_cast<int*>(state.thread_pointer +
                          (reinterpret_cast<std::uintptr_t>(errno_) - host_pointer_)) = 0;
}

}  // namespace foreseed
