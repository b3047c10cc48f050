"""Hears, from outside the guard, when elements come into its sets: nf_tables' notifications.

A process of its own takes the time as soon as it has a datagram and keeps the bytes; they are read
only after the measurement. The kernel sends a notification when its transaction is in force.
"""

import mmap
import os
import pickle
import select
import signal
import socket
import struct
import time

import space
from bencherror import BenchError

# <linux/netlink.h>, <linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_tables.h>
AF_NETLINK, NETLINK_NETFILTER, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 16, 12, 270, 1
NFNLGRP_NFTABLES = 7
NFNL_SUBSYS_NFTABLES = 10
NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END = 16, 17
NFT_MSG_NEWSETELEM = 12
NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET, NFTA_SET_ELEM_LIST_ELEMENTS = 1, 2, 3
NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY, NFTA_DATA_VALUE, NFTA_SET_ELEM_FLAGS = 1, 1, 1, 3
NFT_SET_ELEM_INTERVAL_END = 1
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE = 1, 4, 0x400
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF
SO_RCVBUFFORCE = 33  # <asm-generic/socket.h>
NEW_ELEMENT = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM

QUEUE = 256 << 20  # bytes of notifications that may wait; beyond it the kernel drops, and we say so
DATAGRAM = 1 << 17
TABLE = "breakwater"  # where the Writer puts its elements
TICK_SECONDS = 1.0
QUIET_SECONDS = 25  # more than twice the time after which crowdsec's bouncer asks again
COUNTS = struct.Struct("=?Q")  # shared with the measuring process: whether it waits; elements so far


class Listener:
    """Between `start` and `stop` every element that came into any set is noted with its time (monotonic, ns)."""

    def start(self):
        asking, self.ask = os.pipe()
        self.counts = mmap.mmap(-1, COUNTS.size)
        self.pid, self.pipe = space.side_process(lambda pipe: _listen(pipe, asking, self.ask, self.counts))
        os.close(asking)
        if self.pipe.read(1) != b"!":
            raise BenchError("the netlink listener did not start")

    def wait(self, count, seconds):
        """Until so many have come, or for so long, or when no more come; whether it was for so long.

        The counting takes CPU from who adds the elements.
        """
        begin = changed = time.monotonic()
        COUNTS.pack_into(self.counts, 0, True, 0)
        last = 0
        while last < count:
            if time.monotonic() > begin + seconds:
                return True
            time.sleep(0.1)
            now = COUNTS.unpack_from(self.counts)[1]
            if now != last:
                last, changed = now, time.monotonic()
            elif now > 0 and time.monotonic() > changed + QUIET_SECONDS:
                break
        return False

    def stop(self):
        """{(set, address): time of its first notification}, in the order they came."""
        os.close(self.ask)
        answer = pickle.load(self.pipe)
        os.waitpid(self.pid, 0)
        if answer["lost"]:
            raise BenchError("the kernel dropped notifications; remedy: fewer sources at once")
        return read(answer["datagrams"])

    def abandon(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _listen(pipe, asking, ask, counts):
    os.close(ask)  # so that closing the other copy ends the pipe
    heard = socket.socket(AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    heard.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE)
    heard.bind((0, 0))
    heard.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
    heard.setblocking(False)
    pipe.write(b"!")
    pipe.flush()
    # The end of the pipe wakes it, too: the other side has closed it.
    waiting = select.epoll()
    waiting.register(heard, select.EPOLLIN)
    waiting.register(asking, select.EPOLLHUP)
    datagrams, lost, now = [], False, time.monotonic_ns
    counted, first, next_count = 0, {}, 0.0
    is_over = False
    while not is_over:
        for descriptor, _ in waiting.poll(TICK_SECONDS):
            if descriptor == asking:
                is_over = True
        while True:
            try:
                data = heard.recv(DATAGRAM)
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS
                lost = True
                continue
            datagrams.append((now(), data))
        if COUNTS.unpack_from(counts)[0] and time.monotonic() >= next_count:
            first.update(read(datagrams[counted:]))
            counted, next_count = len(datagrams), time.monotonic() + TICK_SECONDS
            COUNTS.pack_into(counts, 0, True, len(first))
    pickle.dump({"datagrams": datagrams, "lost": lost}, pipe)


def read(datagrams):
    first = {}
    for at, data in datagrams:
        position, end = 0, len(data)
        while end - position >= 16:
            length, kind = struct.unpack_from("=IH", data, position)
            if length < 16:
                break
            if kind == NEW_ELEMENT:
                for key in _keys(data, position + 20, position + length):
                    first.setdefault(key, at)
            position += length + 3 & ~3
    return first


def _attributes(data, position, end):
    while end - position >= 4:
        length, kind = struct.unpack_from("=HH", data, position)
        if length < 4:
            return
        yield kind & NLA_TYPE_MASK, position + 4, min(position + length, end)
        position += length + 3 & ~3


def _keys(data, position, end):
    name = None
    for kind, begin, stop in _attributes(data, position, end):
        if kind == NFTA_SET_ELEM_LIST_SET:
            name = data[begin:stop].rstrip(b"\0").decode()
        elif kind == NFTA_SET_ELEM_LIST_ELEMENTS:
            for _, inner, inner_end in _attributes(data, begin, stop):
                key, flags = None, 0
                for what, value, value_end in _attributes(data, inner, inner_end):
                    if what == NFTA_SET_ELEM_KEY:
                        key = data[value + 4:value_end]
                    elif what == NFTA_SET_ELEM_FLAGS:
                        flags = struct.unpack_from("!I", data, value)[0]
                if key is not None and not flags & NFT_SET_ELEM_INTERVAL_END:
                    yield name, socket.inet_ntop(socket.AF_INET if len(key) == 4 else socket.AF_INET6, key)


class Writer:
    """Puts single elements into a set of the table: what the listener itself takes is measured with it."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.bind((0, 0))

    def add(self, address):
        """Returns when the transaction is in force; its beginning on the monotonic clock, ns."""
        key = _attribute(NFTA_SET_ELEM_KEY | NLA_F_NESTED, _attribute(NFTA_DATA_VALUE, socket.inet_aton(address)))
        elements = _attribute(NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, _attribute(NFTA_LIST_ELEM | NLA_F_NESTED, key))
        names = (_attribute(NFTA_SET_ELEM_LIST_TABLE, TABLE.encode() + b"\0")
                 + _attribute(NFTA_SET_ELEM_LIST_SET, self.name.encode() + b"\0"))
        batch = (_message(NFNL_MSG_BATCH_BEGIN, struct.pack("!BBH", 0, 0, NFNL_SUBSYS_NFTABLES), 0)
                 + _message(NEW_ELEMENT, struct.pack("!BBH", 1, 0, 0) + names + elements, NLM_F_CREATE | NLM_F_ACK)
                 + _message(NFNL_MSG_BATCH_END, struct.pack("!BBH", 0, 0, NFNL_SUBSYS_NFTABLES), 0))
        begin = time.monotonic_ns()
        self.socket.send(batch)
        answer = self.socket.recv(4096)
        code = struct.unpack_from("=i", answer, 16)[0]
        if code:
            raise BenchError(f"nf_tables refused an element: {os.strerror(-code)}")
        return begin


def _attribute(kind, payload):
    data = struct.pack("=HH", 4 + len(payload), kind) + payload
    return data + bytes(-len(data) % 4)


def _message(kind, payload, flags):
    return struct.pack("=IHHII", 16 + len(payload), kind, NLM_F_REQUEST | flags, 0, 0) + payload
