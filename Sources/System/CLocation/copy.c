/* A file's copy that nobody can change, for libraries that map what they read. */
#define _GNU_SOURCE
#include "CLocation.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

int bw_sealed_copy(int fd, size_t size) {
    int copy = memfd_create("location database", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0) return -1;
    off_t offset = 0;
    while ((size_t)offset < size) {
        ssize_t sent = sendfile(copy, fd, &offset, size - (size_t)offset);
        if (sent < 0 && errno == EINTR) continue;
        if (sent == 0) errno = ENODATA; /* It was cut meanwhile. */
        if (sent <= 0) goto failed;
    }
    if (fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0) return copy;
failed:;
    int error = errno;
    close(copy);
    errno = error;
    return -1;
}
