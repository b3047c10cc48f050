"""Asks a DNSBL on this host: dnsbl.py PORT ZONE ADDRESS ... prints {"ADDRESS": "its TXT", or null when unlisted}."""

import ipaddress
import json
import socket
import struct
import sys

TXT = 16


def ask(port, zone, address):
    parsed = ipaddress.ip_address(address)
    labels = str(parsed).split(".") if parsed.version == 4 else list(parsed.exploded.replace(":", ""))
    name = ".".join(labels[::-1]) + "." + zone
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(5)
        asked.connect(("127.0.0.1", port))
        asked.send(struct.pack(">6H", 1, 0, 1, 0, 0, 0) + question + struct.pack(">2H", TXT, 1))
        answer = asked.recv(4096)
    if answer[3] & 15 == 3:  # NXDOMAIN
        return None
    # Behind header and question: a pointer to the name, type, class, TTL, length, then the text with its own length.
    start = 12 + len(question) + 4 + 12
    return answer[start + 1:start + 1 + answer[start]].decode()


print(json.dumps({address: ask(int(sys.argv[1]), sys.argv[2], address) for address in sys.argv[3:]}))
