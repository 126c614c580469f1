#include "kernel/crash.h"

#include <csignal>
#include <cstdint>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>

#include "kernel/boundary.h"
#include "kernel/stacks.h"
#include "kernel/world.h"

namespace foreseed {

namespace {

constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
struct sigaction previous[5];
stack_t previous_stack;
alignas(16) std::byte handler_stack[64 * 1024];
// Where a task lands whose own stack is used up.
alignas(16) std::byte overflow_stack[256 * 1024];

const char* crash_text = nullptr;

/// Runs in place of the instruction that crashed, on the task's stack (or the overflow stack).
[[noreturn]] void crashed() { World::get().fail(FindingKind::crash, crash_text); }

const char* describe(int signal, std::uintptr_t address, bool overflow) {
  if (overflow) return "crash: stack overflow (a simulated thread has 1 MiB of stack)";
  switch (signal) {
    case SIGSEGV: return address < 4096 ? "crash: segmentation fault at a null pointer" : "crash: segmentation fault";
    case SIGBUS: return "crash: bus error";
    case SIGFPE: return "crash: arithmetic error (division by zero)";
    case SIGILL: return "crash: illegal instruction";
    default: return "crash: abort() was called";
  }
}

void on_signal(int signal, siginfo_t* info, void* raw_context) {
  if (signal == SIGSEGV && series_active) {
    for (const RunHooks& hooks : World::get().hooks()) {
      if (hooks.fault != nullptr && hooks.fault(info->si_addr)) return;
    }
  }
  auto* const context = static_cast<ucontext_t*>(raw_context);
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const auto sp = static_cast<std::uintptr_t>(context->uc_mcontext.gregs[REG_RSP]);
  const bool overflow = signal == SIGSEGV && run_active && (in_stack_guard(address) || in_stack_guard(sp));
  if (active_thread == 0 && !overflow) {
    // The host itself, or a second OS thread: its usual fate.
    for (std::size_t i = 0; i < std::size(signals); ++i) {
      if (signals[i] == signal) sigaction(signal, &previous[i], nullptr);
    }
    return;
  }
  active_thread = 0;
  crash_text = describe(signal, address, overflow);
  std::uintptr_t landing = sp - 256;
  if (overflow) landing = reinterpret_cast<std::uintptr_t>(overflow_stack + sizeof overflow_stack);
  // As if the crashing instruction had called crashed().
  landing = (landing & ~std::uintptr_t{15}) - 8;
  *reinterpret_cast<std::uintptr_t*>(landing) = static_cast<std::uintptr_t>(context->uc_mcontext.gregs[REG_RIP]);
  context->uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(landing);
  context->uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(&crashed);
}

}  // namespace

void catch_crashes() {
  stack_t stack{};
  stack.ss_sp = handler_stack;
  stack.ss_size = sizeof handler_stack;
  sigaltstack(&stack, &previous_stack);
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &action, &previous[i]);
}

void release_crashes() {
  for (std::size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &previous[i], nullptr);
  sigaltstack(&previous_stack, nullptr);
}

}  // namespace foreseed
