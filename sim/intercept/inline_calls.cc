// System calls that code makes itself, not through libc: OpenMP's runtime waits so. During a series of runs the kernel sends
// them back as SIGSYS (syscall user dispatch, Linux 5.11), and those of simulated code are made by our syscall() instead,
// within the handler, on the task's own stack: a task may well wait there while others run. All of libc may call the kernel.

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <link.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "intercept/install.h"
#include "intercept/real.h"
#include "kernel/modules.h"
#include "kernel/world.h"

using namespace foreseed;

namespace {

#ifndef PR_SET_SYSCALL_USER_DISPATCH
constexpr int PR_SET_SYSCALL_USER_DISPATCH = 59;
constexpr unsigned long PR_SYS_DISPATCH_OFF = 0;
constexpr unsigned long PR_SYS_DISPATCH_ON = 1;
#endif
constexpr int sent_back = 2;  // SYS_USER_DISPATCH

struct Range {
  std::uintptr_t first = 0;
  std::size_t size = 0;
};
Range libc;
Range loader;
struct sigaction previous;
bool active = false;

int find_ranges(dl_phdr_info* info, std::size_t, void*) {
  const std::string_view name = module_file(info->dlpi_name);
  Range* const range = name.starts_with("libc.") ? &libc : name.starts_with("ld-linux-") ? &loader : nullptr;
  if (range == nullptr) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) *range = {info->dlpi_addr + header.p_vaddr, header.p_memsz};
  }
  return 0;
}

void on_call(int, siginfo_t* info, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (info->si_code != sent_back) return;
  const int before = errno;
  const auto caller = reinterpret_cast<std::uintptr_t>(info->si_call_addr);
  const bool simulated = simulated_code() && caller - loader.first >= loader.size;
  const auto call = simulated ? &syscall : REAL(syscall);
  const long result = call(info->si_syscall, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX], registers[REG_R10],
                           registers[REG_R8], registers[REG_R9]);
  registers[REG_RAX] = result == -1 ? -errno : result;
  errno = before;
}

void begin_series() {
  if (libc.size == 0) dl_iterate_phdr(find_ranges, nullptr);
  REAL(syscall)(SYS_getpid);  // looked up now, not in the handler
  struct sigaction action {};
  action.sa_sigaction = on_call;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  active = sigaction(SIGSYS, &action, &previous) == 0 &&
           prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, libc.first, libc.size, nullptr) == 0;
}

void end_series() {
  if (active) prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0L, 0L, 0L);
  sigaction(SIGSYS, &previous, nullptr);
  active = false;
}

}  // namespace

void foreseed::install_inline_calls(World& world) {
  RunHooks hooks;
  hooks.series_begin = begin_series;
  hooks.series_end = end_series;
  world.add_hooks(hooks);
}
