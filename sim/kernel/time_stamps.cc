#include "kernel/time_stamps.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <x86intrin.h>

#include <cstdint>
#include <ctime>

#include "kernel/boundary.h"
#include "kernel/world.h"

namespace foreseed {

namespace {

constexpr std::uint64_t ticks_per_ns = 3;
constexpr std::uint64_t ticks_per_read = 64;  // loops that wait for the counter end
std::uint64_t reads = 0;

std::uint64_t real_counter() {
  prctl(PR_SET_TSC, PR_TSC_ENABLE);
  const std::uint64_t value = __rdtsc();
  prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
  return value;
}

std::uint64_t counter() {
  if (active_thread == 0) return real_counter();
  const World& world = World::get();
  return (monotonic_epoch_ns + world.local_ns(world.current().host)) * ticks_per_ns + ++reads * ticks_per_read;
}

}  // namespace

void trap_time_stamps() { prctl(PR_SET_TSC, PR_TSC_SIGSEGV); }
void release_time_stamps() { prctl(PR_SET_TSC, PR_TSC_ENABLE); }
void restart_time_stamps() { reads = 0; }

bool read_time_stamp(ucontext_t* context) {
  greg_t* const registers = context->uc_mcontext.gregs;
  if (registers[REG_RIP] < 0) return false;  // a jump to nowhere
  const auto* const code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  const bool rdtsc = code[0] == 0x0f && code[1] == 0x31;
  const bool rdtscp = code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9;
  if (!rdtsc && !rdtscp) return false;
  const std::uint64_t value = counter();
  registers[REG_RAX] = static_cast<greg_t>(value & 0xffff'ffff);
  registers[REG_RDX] = static_cast<greg_t>(value >> 32);
  if (rdtscp) registers[REG_RCX] = 0;
  registers[REG_RIP] += rdtscp ? 3 : 2;
  return true;
}

RealClock::time_point RealClock::now() noexcept {
  timespec time;
  // Not by way of the vDSO, which reads the counter, nor of our own syscall().
  long result;
  asm volatile("syscall" : "=a"(result) : "0"(SYS_clock_gettime), "D"(CLOCK_MONOTONIC), "S"(&time) : "rcx", "r11", "memory");
  return time_point(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace foreseed
