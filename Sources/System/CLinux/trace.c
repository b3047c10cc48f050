/* Ending another process's sleep with ptrace(2): seize, interrupt, change the result of the system call, let go. */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

/* include/linux/errno.h: what a sleep returns inside the kernel when it is interrupted and is to go on afterwards. */
#define ERESTART_RESTARTBLOCK 516

int bw_trace_interrupt(int pid) {
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) return -1;
    /* It has ended since: bw_trace_stopped reports that. */
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    return 0;
}

int bw_trace_stopped(int pid, int *signal) {
    int status = 0;
    pid_t found = waitpid(pid, &status, __WALL | WNOHANG);
    if (found == 0) return BW_TRACE_NOT_YET;
    if (found < 0) return errno == EINTR ? BW_TRACE_NOT_YET : BW_TRACE_ENDED;
    if (!WIFSTOPPED(status)) return BW_TRACE_ENDED;
    if (status >> 16 == PTRACE_EVENT_STOP) {
        *signal = 0;
        /* Our interrupt; any other signal here means that somebody has stopped the process. */
        return WSTOPSIG(status) == SIGTRAP ? BW_TRACE_STOPPED : BW_TRACE_OTHERWISE;
    }
    *signal = WSTOPSIG(status);
    return BW_TRACE_OTHERWISE;
}

#if defined(__x86_64__)

int bw_trace_can_end_sleep(void) { return 1; }

int bw_trace_end_sleep(int pid) {
    struct user_regs_struct registers;
    struct iovec vector = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, pid, 1 /* NT_PRSTATUS */, &vector) != 0) return -1;
    /* A 32-bit process has a smaller set, and other numbers. */
    if (vector.iov_len != sizeof registers) return 0;
    if (!bw_syscall_sleeps((long)registers.orig_rax) || (long)registers.rax != -ERESTART_RESTARTBLOCK) return 0;
    /* The call has returned 0, slept its fill; and it is no call to be restarted any more (entry/common.c). */
    registers.rax = 0;
    registers.orig_rax = (unsigned long)-1;
    return ptrace(PTRACE_SETREGSET, pid, 1 /* NT_PRSTATUS */, &vector) == 0 ? 1 : -1;
}

#else

int bw_trace_can_end_sleep(void) { return 0; }

int bw_trace_end_sleep(int pid) {
    (void)pid;
    errno = ENOSYS;
    return -1;
}

#endif

int bw_trace_release(int pid, int signal) {
    return (int)ptrace(PTRACE_DETACH, pid, NULL, (void *)(ptrdiff_t)signal);
}
