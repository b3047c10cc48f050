/* Calls that Swift cannot make: variadic ones (syscall(2)), and those whose structures hold C unions or bit fields. */
#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int bw_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int bw_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int bw_peer_credentials(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
    *pid = credentials.pid;
    *uid = credentials.uid;
    *gid = credentials.gid;
    return 0;
}

int bw_open(const char *path, int flags, uint32_t mode) { return open(path, flags | O_CLOEXEC, (mode_t)mode); }

int bw_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

#ifdef __GLIBC__
void bw_heap_map_blocks_from(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }

void bw_heap_trim(void) { malloc_trim(0); }
#else
void bw_heap_map_blocks_from(int bytes) { (void)bytes; }

void bw_heap_trim(void) {}
#endif

void bw_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

const char *bw_errno_name(int error) { return strerrorname_np(error); }

int bw_netlink_ignore_sender(int fd, uint32_t portid) {
    /* BPF loads words in network order; nlmsg_pid is in host order at offset 12 of struct nlmsghdr. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(portid), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int bw_syscall_wait(long number) {
    switch (number) {
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
        return BW_WAIT_READ;
#ifdef SYS_poll /* not on arm64 */
    case SYS_poll:
#endif
    case SYS_ppoll:
        return BW_WAIT_POLL;
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
        return BW_WAIT_SELECT;
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
    case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
#endif
        return BW_WAIT_EPOLL;
    }
    return BW_WAIT_OTHER;
}

int bw_syscall_sleeps(long number) {
    switch (number) {
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
        return 1;
    }
    return 0;
}
