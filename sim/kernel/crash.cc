#include "kernel/crash.h"

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <sys/mman.h>
#include <ucontext.h>

#include "kernel/boundary.h"
#include "kernel/stacks.h"
#include "kernel/time_stamps.h"
#include "kernel/world.h"

// Runs in place of the instruction that crashed, as if a signal had come there: above the stack pointer lie where that was,
// and its stack pointer.
asm(R"(
  .text
  .globl foreseed_interrupted
  .hidden foreseed_interrupted
  .type foreseed_interrupted, @function
foreseed_interrupted:
  .cfi_startproc
  .cfi_signal_frame
  .cfi_escape 0x0f, 3, 0x77, 8, 0x06    # DW_CFA_def_cfa_expression: what is at rsp + 8
  .cfi_escape 0x10, 16, 2, 0x77, 0      # DW_CFA_expression: rip is at rsp
  nop
  call foreseed_crashed
  .cfi_endproc
  .size foreseed_interrupted, . - foreseed_interrupted
)");
extern "C" void foreseed_interrupted();
extern "C" [[noreturn]] FORESEED_HIDDEN void foreseed_crashed();

namespace foreseed {

namespace {

constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
struct sigaction previous[5];
stack_t previous_stack;
alignas(16) std::byte handler_stack[64 * 1024];
// Where a task lands whose own stack is used up.
alignas(16) std::byte overflow_stack[256 * 1024];

FindingKind crash_kind = FindingKind::crash;
const char* crash_text = nullptr;

/// Makes the interrupted code go on in foreseed_interrupted(), with the stack below `sp`.
void go_on_as_crashed(ucontext_t* context, std::uintptr_t sp) {
  active_thread = 0;
  auto& registers = context->uc_mcontext.gregs;
  auto* const landing = reinterpret_cast<greg_t*>(sp & ~std::uintptr_t{15}) - 2;
  landing[0] = registers[REG_RIP];
  landing[1] = registers[REG_RSP];
  registers[REG_RSP] = reinterpret_cast<greg_t>(landing);
  registers[REG_RIP] = reinterpret_cast<greg_t>(&foreseed_interrupted);
}

// --- hangs: a timer looks whether steps are made -----------------------------------------------------------------

constexpr int ticks_per_limit = 16;
double watched_seconds = 0;
timer_t timer;
std::uint64_t seen_run = 0;
std::uint32_t seen_step = 0;
int ticks_without_step = 0;

void on_tick(int, siginfo_t*, void* context) {
  const World& world = World::get();
  if (!run_active || world.epoch_base() != seen_run || world.step() != seen_step) {
    seen_run = world.epoch_base();
    seen_step = world.step();
    ticks_without_step = 0;
    if (heartbeat != nullptr) __atomic_add_fetch(heartbeat, 1, __ATOMIC_RELAXED);
    return;
  }
  if (++ticks_without_step < ticks_per_limit) return;
  if (ticks_without_step > 2 * ticks_per_limit) std::_Exit(hang_status);
  if (active_thread == 0) return;  // the simulator's own code: it will be the program's at one of the next ticks
  ticks_without_step = 0;
  crash_kind = FindingKind::hang;
  crash_text = "hang: no step within the limit of real time";
  auto* const interrupted = static_cast<ucontext_t*>(context);
  go_on_as_crashed(interrupted, static_cast<std::uintptr_t>(interrupted->uc_mcontext.gregs[REG_RSP]) - 256);
}

int tick_signal() { return SIGRTMAX - 2; }

void set_timer(double seconds) {
  const auto tick_ns = static_cast<std::int64_t>(seconds * 1e9 / ticks_per_limit);
  itimerspec interval{};
  interval.it_interval.tv_sec = interval.it_value.tv_sec = tick_ns / 1'000'000'000;
  interval.it_interval.tv_nsec = interval.it_value.tv_nsec = tick_ns % 1'000'000'000;
  timer_settime(timer, 0, &interval, nullptr);
}

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
  // A forbidden instruction faults without an address.
  if (signal == SIGSEGV && series_active && info->si_code == SI_KERNEL) {
    if (read_time_stamp(static_cast<ucontext_t*>(raw_context))) return;
  }
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
  crash_kind = FindingKind::crash;
  crash_text = describe(signal, address, overflow);
  go_on_as_crashed(context, overflow ? reinterpret_cast<std::uintptr_t>(overflow_stack + sizeof overflow_stack) : sp - 256);
}

}  // namespace

unsigned long* heartbeat = nullptr;

void watch_for_hang(double seconds) {
  ticks_without_step = 0;
  if (__builtin_expect(seconds == watched_seconds, 1)) return;
  if (watched_seconds == 0) {
    struct sigaction action {};
    action.sa_sigaction = on_tick;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(tick_signal(), &action, nullptr);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = tick_signal();
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return;
  }
  watched_seconds = seconds;
  if (seconds == 0) timer_delete(timer);
  else set_timer(seconds);
}

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
  watch_for_hang(0);
  for (std::size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &previous[i], nullptr);
  sigaltstack(&previous_stack, nullptr);
}

}  // namespace foreseed

void foreseed_crashed() { foreseed::World::get().fail(foreseed::crash_kind, foreseed::crash_text); }
