/* What Swift cannot import of Linux: headers missing from its Glibc module, variadic and syscall-only calls,
 * constants that are macros of expressions. Nothing clever. */
#ifndef BREAKWATER_CLINUX_H
#define BREAKWATER_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/xattr.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

/* The raw system calls below return -1 and set errno. */

/* pidfd_open(2), Linux 5.3. */
int bw_pidfd_open(int pid);
/* pidfd_send_signal(2), Linux 5.1. */
int bw_pidfd_send_signal(int pidfd, int signal);

/* SO_PEERCRED, unix(7): who connected to the other end. */
int bw_peer_credentials(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid);

/* Opens with O_CLOEXEC added; open(2) is variadic. */
int bw_open(const char *path, int flags, uint32_t mode);
/* accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK, the peer's address not asked for. */
int bw_accept(int fd);

/* Names the calling thread; at most 15 bytes (pthread_setname_np is a GNU extension). */
void bw_name_thread(const char *name);

/* The symbolic name of an errno value ("ENOENT"), or NULL. */
const char *bw_errno_name(int error);

/* mallopt(3) with M_MMAP_THRESHOLD; malloc_trim(3) of everything. Nothing where the C library is not glibc. */
void bw_heap_map_blocks_from(int bytes);
void bw_heap_trim(void);

/* Drops every netlink message whose first header's nlmsg_pid is `portid`: a classic BPF filter on the socket. */
int bw_netlink_ignore_sender(int fd, uint32_t portid);

/* System call numbers under which a server sleeps on purpose: nanosleep, clock_nanosleep. */
int bw_syscall_sleeps(long number);

/* What a system call waits for, by its number, as far as it waits for descriptors to be readable. */
enum bw_wait {
    BW_WAIT_OTHER = 0,
    /* read(2), recv(2) and their kind: of the descriptor in argument 0. */
    BW_WAIT_READ = 1,
    /* poll(2), ppoll(2): of argument 1 many struct pollfd at argument 0. */
    BW_WAIT_POLL = 2,
    /* select(2), pselect(2): of the bits below argument 0 at argument 1. */
    BW_WAIT_SELECT = 3,
    /* epoll_wait(2) and its kind: of those in the set that is argument 0. */
    BW_WAIT_EPOLL = 4,
};
int bw_syscall_wait(long number);

/* Ending another process's sleep: trace.c. Between bw_trace_interrupt and the release (or its end) the process is this
 * thread's tracee: its pid cannot pass to another, and it goes on by itself, asleep as before, when this thread ends. */

/* PTRACE_SEIZE and PTRACE_INTERRUPT, ptrace(2). EPERM when somebody else traces it, or ptrace is forbidden here. */
int bw_trace_interrupt(int pid);
enum bw_trace_state {
    BW_TRACE_NOT_YET = 0,
    /* By bw_trace_interrupt. */
    BW_TRACE_STOPPED = 1,
    /* By somebody else's doing: release it, with `*signal`. */
    BW_TRACE_OTHERWISE = 2,
    /* It is no tracee any more. */
    BW_TRACE_ENDED = 3,
};
/* Whether it has stopped; does not wait. */
int bw_trace_stopped(int pid, int *signal);
/* Of a process stopped in a sleep: makes the sleep return at once. 1 done, 0 it was in none, -1 and errno. */
int bw_trace_end_sleep(int pid);
/* Whether bw_trace_end_sleep knows this machine's registers: x86-64 only. */
int bw_trace_can_end_sleep(void);
/* PTRACE_DETACH; `signal` is delivered to it unless 0. */
int bw_trace_release(int pid, int signal);

#endif
