"""Clients of the control socket that mean no good: hostile_clients.py SOCKET KIND.

Says "there" when the worst is done, and holds its connections for a minute, unless it is ended.
"""

import os
import socket
import sys
import time


def connected(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)  # waits while the daemon's queue of new clients is full
    client.settimeout(2)
    return client


def send(client, data):
    """As much as the daemon takes before it hangs up, or waits for us to read."""
    try:
        client.sendall(data)
    except (BrokenPipeError, ConnectionResetError, TimeoutError):
        pass


def hostile_bytes(path):
    samples = [
        b"\0" * 4096, b"\n" * 4096, b"\xff\xfe\xc0\x80\n" * 100, os.urandom(20000), b"ban", b"ban net=\n",
        b'ban net="192.0.2.1\n', b"ban net=192.0.2.1 for=-1s\n", b"ban net=192.0.2.1 for=99999999999999999999d\n",
        b"list " * 10000 + b"\n", b"events limit=-99999999999999999999\n", b"samples since=forever\n",
        b"unban " + b"net=192.0.2.1 " * 3000 + b"\n", b"=\n==\n\"\n\\\n", b"ping\r\n", b"ping\nping\nping\n" * 200,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"why net=%s\n" % (b"9" * 60000),
    ]
    clients = []
    for sample in samples:
        client = connected(path)
        send(client, sample)
        client.close()
        client = connected(path)  # and once more, staying
        send(client, sample)
        clients.append(client)
    return clients


def endless_line(path):
    client = connected(path)
    send(client, b"x" * 1_000_000)
    return [client]


def idle_clients(path):
    return [connected(path) for _ in range(100)]


def list_unread(path):
    """Asks for all bans, many times over, and reads nothing."""
    clients = []
    for _ in range(4):
        client = connected(path)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        send(client, b"list\n" * 50)
        clients.append(client)
    return clients


def follow_unread(path):
    """Subscribes to all decisions to come and reads nothing."""
    client = connected(path)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    send(client, b"events follow=yes limit=10000\n")
    return [client]


def main(path, kind):
    clients = globals()[kind](path)
    print("there", len(clients), flush=True)
    time.sleep(60)


main(*sys.argv[1:])
