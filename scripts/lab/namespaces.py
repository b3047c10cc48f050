"""Linux namespaces and mounts, as far as the lab needs them.

Python 3.11 has neither os.unshare nor os.setns nor mount, so libc is called through ctypes.
"""

import ctypes
import errno
import os
import signal

from errors import LabError

# <linux/sched.h>
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# <linux/mount.h>
MS_RDONLY = 1
MS_NOSUID = 2
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_SLAVE = 1 << 19

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags):
    _checked(_libc.unshare(flags), "unshare")


def mount(source, target, kind=None, flags=0):
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), None), f"mount {source} on {target}")


def bind(source, target, read_only=False):
    mount(source, target, flags=MS_BIND)
    if read_only:
        mount(source, target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)


def mount_points():
    """Every mount point this process can see, in the order they were mounted."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        fields = [line.split(" ")[4] for line in lines]
    return [field.encode().decode("unicode_escape") for field in fields]


def keep_mounts_inside():
    """After unshare(CLONE_NEWNS): what is mounted from here on does not show outside."""
    try:
        mount(None, "/", flags=MS_REC | MS_SLAVE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # In a chroot "/" need not be a mount point; then each one below it is asked by itself.
        for point in mount_points():
            mount(None, point, flags=MS_SLAVE)


def enter(pid):
    """Moves this process into the namespaces of `pid`; only its children see the pid namespace.

    The file system becomes that of `pid`, which for a lab is the host's with the lab's /proc.
    """
    try:
        namespaces = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
                      for kind in ("net", "uts", "ipc", "pid", "mnt")]
        top = os.open(f"/proc/{pid}/root", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise LabError(f"process {pid} of the lab is gone; remedy: lab down, then lab up") from None
    for descriptor in namespaces:
        _checked(_libc.setns(descriptor, 0), "setns")
    # setns to a mount namespace takes that namespace's root; a lab in a chroot has another one.
    os.fchdir(top)
    os.chroot(".")
    for descriptor in [*namespaces, top]:
        os.close(descriptor)


def enter_network(descriptor):
    """Moves this thread into a network namespace and nothing else."""
    _checked(_libc.setns(descriptor, CLONE_NEWNET), "setns")


def end_with_parent():
    """In a new process, before its program starts: ends it when the one that started it is gone."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def run_inside(pid, argv, root=None, shown=()):
    """Runs `argv` in the namespaces of `pid` and returns its exit status (128 + N after signal N).

    With another root, the directories in `shown` are in it, too, under their usual paths. Signals
    sent to this process go on to the command, and the command does not outlive it.
    """
    directory = os.getcwd()
    enter(pid)
    if shown:
        unshare(CLONE_NEWNS)
        keep_mounts_inside()
    for path in shown:
        target = root + os.path.abspath(path)
        try:
            os.makedirs(target, exist_ok=True)
            mount(path, target, flags=MS_BIND | MS_REC)
        except OSError as error:
            raise LabError(f"{path} cannot be shown in {root}: {error.strerror}; "
                           "it has to be a directory outside of /usr") from None
    if root is not None:
        os.chroot(root)
    try:
        os.chdir(directory)
    except OSError:
        os.chdir("/")
    passed_on = [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT]
    if os.isatty(0):
        # A terminal sends Ctrl-C to the command as well: once is enough.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        passed_on.append(signal.SIGINT)
    # Blocked until the command's pid is known, so that an early signal is not lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)
    child = os.fork()
    if child == 0:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
        try:
            os.execvp(argv[0], argv)
        except OSError as error:
            os.write(2, f"lab: {argv[0]}: {error.strerror}\n".encode())
            os._exit(127)
    for number in passed_on:
        signal.signal(number, lambda received, _frame: _send(child, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
