"""The lab's own network: one cable between the server and the client, and nothing beyond.

The client answers for every address of its ranges without having any configured ("AnyIP": a local
route for a whole prefix), and may bind to each of them. All addresses are reserved for
documentation (RFC 5737, RFC 3849) or for benchmarks (RFC 2544).
"""

import ipaddress
import os
import subprocess

from errors import LabError

SERVER4, CLIENT4 = "203.0.113.25", "203.0.113.1"
SERVER6, CLIENT6 = "2001:db8:25::25", "2001:db8:25::1"

SOURCES4 = "198.18.0.0/15"
SOURCES6 = "2001:db8:66::/47"

# Zone -> what is in it; served by rbldnsd.
LISTED = {
    "zen.bl.example": ["198.18.0.0/17", "2001:db8:66::/49"],
    "cbl.bl.example": ["198.18.100.0/24"],
}
UNLISTED = ["198.18.128.0/17", "198.19.0.0/16", "2001:db8:67::/48"]

SERVER = f"""
link set lo up
link set eth0 up
addr add {SERVER4}/24 dev eth0
route add {SOURCES4} via {CLIENT4}
"""
SERVER_IPV6 = f"""
addr add {SERVER6}/64 dev eth0 nodad
route add {SOURCES6} via {CLIENT6}
"""
CLIENT = f"""
link set lo up
link set eth0 up
addr add {CLIENT4}/24 dev eth0
route add local {SOURCES4} dev lo
"""
CLIENT_IPV6 = f"""
addr add {CLIENT6}/64 dev eth0 nodad
route add local {SOURCES6} dev lo
"""


def has_ipv6():
    return os.path.isdir("/proc/sys/net/ipv6")


def connect(server_pid, client_pid):
    """A veth pair with one end in each namespace; run outside of both."""
    _ip(f"link add eth0 netns {server_pid} type veth peer name eth0 netns {client_pid}\n")


def configure_server():
    _setting("net/ipv4/tcp_max_syn_backlog", 4096)
    _ip(SERVER + (SERVER_IPV6 if has_ipv6() else ""))


def configure_client():
    _setting("net/ipv4/ip_nonlocal_bind", 1)
    if has_ipv6():
        _setting("net/ipv6/ip_nonlocal_bind", 1)
    _ip(CLIENT + (CLIENT_IPV6 if has_ipv6() else ""))


def _ip(batch):
    done = subprocess.run(["ip", "-batch", "-"], input=batch, text=True, capture_output=True)
    if done.returncode != 0:
        raise LabError(f"ip: {done.stderr.strip()}; does this kernel have veth and network namespaces?")


def _setting(name, value):
    with open(f"/proc/sys/{name}", "w") as file:
        file.write(str(value))


def family(address):
    """4 or 6."""
    return ipaddress.ip_address(address).version


def server_address(source):
    """Where a client with this source address finds the server."""
    return SERVER4 if family(source) == 4 else SERVER6
