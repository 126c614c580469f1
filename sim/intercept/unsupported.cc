// Functions on threads, time, randomness, processes and the network that cannot be simulated yet. Called from simulated
// code they end the run and say which; called from anywhere else they jump to the real function, arguments untouched.

#include <string>

#include "intercept/real.h"
#include "kernel/world.h"

using namespace foreseed;

/// Called by every stub below with all argument registers saved: the real function, or no return.
extern "C" __attribute__((visibility("hidden"), used)) void* foreseed_unsupported(const char* name, void** real) {
  if (simulated_code()) {
    const Entry entry;
    World::get().fail(FindingKind::unsupported, std::string(name) + " cannot be simulated yet");
  }
  if (*real == nullptr) *real = next_definition(name);
  return *real;
}

// A stub saves the integer and vector argument registers, asks, restores them and jumps.
#define UNSUPPORTED(name)                                                                                      \
  asm(".section .rodata.str1.1,\"aMS\",@progbits,1\n"                                                          \
      ".Lname_" #name ": .asciz \"" #name "\"\n"                                                               \
      ".local foreseed_real_" #name "\n.comm foreseed_real_" #name ",8,8\n"                                    \
      ".text\n.globl " #name "\n.type " #name ",@function\n" #name ":\n"                                       \
      ".cfi_startproc\n"                                                                                       \
      "push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbp,0\nmov %rsp,%rbp\n.cfi_def_cfa_register rbp\n" \
      "push %rdi\npush %rsi\npush %rdx\npush %rcx\npush %r8\npush %r9\npush %rax\nsub $136,%rsp\nand $-16,%rsp\n" \
      "movups %xmm0,(%rsp)\nmovups %xmm1,16(%rsp)\nmovups %xmm2,32(%rsp)\nmovups %xmm3,48(%rsp)\n"             \
      "lea .Lname_" #name "(%rip),%rdi\nlea foreseed_real_" #name "(%rip),%rsi\n"                              \
      "call foreseed_unsupported\nmov %rax,%r11\n"                                                             \
      "movups (%rsp),%xmm0\nmovups 16(%rsp),%xmm1\nmovups 32(%rsp),%xmm2\nmovups 48(%rsp),%xmm3\n"             \
      "lea -56(%rbp),%rsp\npop %rax\npop %r9\npop %r8\npop %rcx\npop %rdx\npop %rsi\npop %rdi\npop %rbp\n"     \
      ".cfi_def_cfa rsp,8\njmp *%r11\n.cfi_endproc\n.size " #name ",.-" #name "\n");

// threads
UNSUPPORTED(pthread_cancel)
UNSUPPORTED(pthread_kill)
UNSUPPORTED(pthread_sigqueue)
UNSUPPORTED(pthread_mutex_consistent)
UNSUPPORTED(pthread_mutex_setprioceiling)
UNSUPPORTED(sem_open)
UNSUPPORTED(sem_close)
UNSUPPORTED(sem_unlink)
// processes and signals
UNSUPPORTED(fork)
UNSUPPORTED(vfork)
UNSUPPORTED(clone)
UNSUPPORTED(system)
UNSUPPORTED(popen)
UNSUPPORTED(posix_spawn)
UNSUPPORTED(posix_spawnp)
UNSUPPORTED(forkpty)
UNSUPPORTED(daemon)
UNSUPPORTED(execve)
UNSUPPORTED(execv)
UNSUPPORTED(execvp)
UNSUPPORTED(execl)
UNSUPPORTED(execlp)
UNSUPPORTED(execle)
UNSUPPORTED(execvpe)
UNSUPPORTED(execveat)
UNSUPPORTED(fexecve)
UNSUPPORTED(wait)
UNSUPPORTED(waitpid)
UNSUPPORTED(wait3)
UNSUPPORTED(wait4)
UNSUPPORTED(waitid)
UNSUPPORTED(kill)
UNSUPPORTED(killpg)
UNSUPPORTED(tgkill)
UNSUPPORTED(sigqueue)
UNSUPPORTED(pidfd_send_signal)
UNSUPPORTED(raise)
UNSUPPORTED(gsignal)
UNSUPPORTED(pause)
UNSUPPORTED(sigpause)
UNSUPPORTED(sighold)
UNSUPPORTED(sigrelse)
UNSUPPORTED(sigignore)
UNSUPPORTED(sigset)
UNSUPPORTED(sigblock)
UNSUPPORTED(sigsetmask)
UNSUPPORTED(sigwait)
UNSUPPORTED(sigwaitinfo)
UNSUPPORTED(sigtimedwait)
UNSUPPORTED(sigsuspend)
// the process's generators, by tables of the program's
UNSUPPORTED(initstate)
UNSUPPORTED(setstate)
// time
UNSUPPORTED(alarm)
UNSUPPORTED(ualarm)
UNSUPPORTED(setitimer)
UNSUPPORTED(getitimer)
UNSUPPORTED(timer_create)
UNSUPPORTED(timer_settime)
UNSUPPORTED(adjtime)
UNSUPPORTED(adjtimex)
UNSUPPORTED(clock_adjtime)
UNSUPPORTED(ntp_adjtime)
UNSUPPORTED(ntp_gettime)
UNSUPPORTED(ntp_gettimex)
// files
UNSUPPORTED(umask)
UNSUPPORTED(chdir)
UNSUPPORTED(fchdir)
UNSUPPORTED(chroot)
UNSUPPORTED(symlink)
UNSUPPORTED(symlinkat)
UNSUPPORTED(mknod)
UNSUPPORTED(mkfifo)
UNSUPPORTED(copy_file_range)
UNSUPPORTED(preadv2)
UNSUPPORTED(pwritev2)
UNSUPPORTED(lockf)
UNSUPPORTED(scandir)
UNSUPPORTED(ftw)
UNSUPPORTED(nftw)
UNSUPPORTED(fts_open)
UNSUPPORTED(tempnam)
UNSUPPORTED(tmpnam)
// descriptors that wait, and the network beyond TCP
UNSUPPORTED(signalfd)
UNSUPPORTED(inotify_init1)
UNSUPPORTED(inotify_init)
UNSUPPORTED(memfd_create)
UNSUPPORTED(fanotify_init)
UNSUPPORTED(sendmmsg)
UNSUPPORTED(recvmmsg)
UNSUPPORTED(sockatmark)
UNSUPPORTED(splice)
UNSUPPORTED(tee)
UNSUPPORTED(vmsplice)
UNSUPPORTED(gethostbyname)
UNSUPPORTED(gethostbyname_r)
UNSUPPORTED(gethostbyname2)
UNSUPPORTED(gethostbyname2_r)
UNSUPPORTED(gethostent)
UNSUPPORTED(rcmd)
UNSUPPORTED(rcmd_af)
UNSUPPORTED(rexec)
UNSUPPORTED(rexec_af)
UNSUPPORTED(gethostbyaddr)
UNSUPPORTED(gethostbyaddr_r)
UNSUPPORTED(getnetbyname)
UNSUPPORTED(getnetbyaddr)
UNSUPPORTED(getaddrinfo_a)
UNSUPPORTED(res_query)
UNSUPPORTED(res_search)
UNSUPPORTED(res_querydomain)
UNSUPPORTED(res_send)
UNSUPPORTED(res_nquery)
UNSUPPORTED(res_nsearch)
UNSUPPORTED(res_nquerydomain)
UNSUPPORTED(res_nsend)
UNSUPPORTED(if_nametoindex)
UNSUPPORTED(if_indextoname)
UNSUPPORTED(if_nameindex)
UNSUPPORTED(mq_open)
UNSUPPORTED(msgget)
UNSUPPORTED(semget)
UNSUPPORTED(semop)
UNSUPPORTED(semtimedop)
UNSUPPORTED(shmget)
UNSUPPORTED(shm_open)
UNSUPPORTED(aio_read)
UNSUPPORTED(lio_listio)
UNSUPPORTED(aio_write)
UNSUPPORTED(aio_fsync)
UNSUPPORTED(aio_read64)
UNSUPPORTED(aio_write64)
UNSUPPORTED(aio_fsync64)
UNSUPPORTED(lio_listio64)
UNSUPPORTED(getcontext)
UNSUPPORTED(makecontext)
UNSUPPORTED(swapcontext)
UNSUPPORTED(setcontext)
