"""The server's software in a directory tree of its own, so that the host's packages stay as they are.

MTAs conflict with each other, and a host may well have one: each kind has a tree, which is built with
mmdebstrap from whatever sources and apt configuration the host uses, and is kept: an instance of
the lab binds its /usr read-only and copies the rest (about 10 MB).
"""

import fcntl
import glob
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time

import namespaces
from errors import LabError

# With every MTA.
PACKAGES = ["rbldnsd", "unbound", "rsyslog", "netbase", "iproute2", "procps", "nftables", "openssl"]
PASSWORD = "harbour"

# Changing anything above or below builds a new tree; so does another Debian release.
USER = [
    'chroot "$1" useradd --uid 1000 --create-home --shell /bin/sh bob',
    # The rounds are few, so that a wave of logins measures the mail server and not the hash.
    f'echo "bob:{PASSWORD}" | chroot "$1" chpasswd --crypt-method SHA256 --sha-rounds 1000',
]
CLEAN = ['rm -rf "$1"/var/cache/* "$1"/var/lib/apt/lists/*']


def cache_directory():
    return os.environ.get("BREAKWATER_LAB_DIR", "/var/cache/breakwater-lab")


def of_server(tell, module):
    """The path of the tree of an MTA, one of mta.KINDS."""
    return ready(tell, module.PACKAGES + PACKAGES, USER + module.HOOKS + CLEAN)


def ready(tell, packages, hooks, early=()):
    """The path of the tree; builds it (a minute or two) if this recipe has none yet.

    `hooks` run when the packages are there, `early` ones before they are configured.
    """
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME")
    if not codename:
        raise LabError("/etc/os-release has no VERSION_CODENAME; the lab needs Debian 12 or newer")
    recipe = repr((codename, platform.machine(), packages, hooks, *early))
    path = os.path.join(cache_directory(), f"{codename}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}")
    if not os.path.isdir(path):
        os.makedirs(cache_directory(), exist_ok=True)
        with open(os.path.join(cache_directory(), "lock"), "w") as lock:
            # Two labs started together wait for one build.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.isdir(path):
                _build(codename, path, packages, hooks, early, tell)
    return path


def _build(codename, path, packages, hooks, early, tell):
    if shutil.which("mmdebstrap") is None:
        raise LabError("mmdebstrap is missing; remedy: apt-get install mmdebstrap")
    for leftover in glob.glob(os.path.join(cache_directory(), "building-*")):
        remove(leftover)
    work = tempfile.mkdtemp(prefix="building-", dir=cache_directory())
    os.chmod(work, 0o755)  # apt downloads as a user of its own, who has to get in
    try:
        tell(f"building {path} (once; a minute or two)")
        configuration = os.path.join(work, "apt.conf")
        with open(configuration, "w") as file:
            file.write(_apt_configuration())
        log = os.path.join(cache_directory(), "build.log")
        command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
                   f"--include={','.join(packages)}", f"--aptopt={configuration}",
                   '--aptopt=APT::Install-Recommends "false"',
                   "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
                   *[f"--essential-hook={hook}" for hook in early],
                   *[f"--customize-hook={hook}" for hook in hooks],
                   codename, os.path.join(work, "tree"), *_host_sources()]
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
        with open(log, "wb") as output:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.STDOUT, env=environment,
                                    preexec_fn=namespaces.end_with_parent).returncode
        if status != 0:
            with open(log, errors="replace") as output:
                last = "".join(output.readlines()[-5:])
            raise LabError(f"mmdebstrap failed; does apt-get update work on this host? log: {log}\n{last}")
        os.chmod(os.path.join(work, "tree"), 0o755)
        os.rename(os.path.join(work, "tree"), path)
    finally:
        remove(work)


def _host_sources():
    """The host's source files that lead to Debian, as they are; third parties' are left out."""
    listing = subprocess.run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(SOURCESENTRY)",
                              "Created-By: Packages"], capture_output=True, text=True).stdout
    debian = {line.split(" ", 1)[1].rsplit(":", 1)[0] for line in listing.splitlines()
              if line.startswith("Debian ")}
    present = [path for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*.list")),
                                 *sorted(glob.glob("/etc/apt/sources.list.d/*.sources"))]
               if os.path.exists(path)]
    # Without downloaded lists, or with a mirror that calls itself otherwise, every file counts.
    chosen = [path for path in present if path in debian] or present
    if not chosen:
        raise LabError("this host has no apt sources; the lab's packages come from them")
    return chosen


def _apt_configuration():
    """Proxies, certificates, timeouts: what the host's apt needs to reach its archives."""
    dump = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True)
    lines = [line for line in dump.stdout.splitlines() if not line.startswith("Acquire::IndexTargets")]
    # mmdebstrap lets apt look for its files below the new tree; passwords stay where the host has them.
    lines += ['Dir::Etc::netrc "/etc/apt/auth.conf";', 'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";']
    return "\n".join(lines) + "\n"


def copy(tree, destination):
    """A private copy of everything but /usr, which is left as an empty directory to bind on."""
    os.makedirs(os.path.join(destination, "usr"))
    skipped = {"usr", "proc", "sys", "dev", "boot"}
    entries = [os.path.join(tree, entry) for entry in os.listdir(tree) if entry not in skipped]
    subprocess.run(["cp", "-a", "--", *entries, destination], check=True,
                   preexec_fn=namespaces.end_with_parent)
    for directory in ("proc", "sys", "dev"):
        os.mkdir(os.path.join(destination, directory))


def remove(path):
    """Never beyond a mount point, whatever went wrong before."""
    for _ in range(3):
        done = subprocess.run(["rm", "-rf", "--one-file-system", "--", path], capture_output=True, text=True)
        if done.returncode == 0:
            return
        time.sleep(0.3)  # somebody who is just ending was still writing there
    raise LabError(f"{path} cannot be removed: {done.stderr.strip()}")
