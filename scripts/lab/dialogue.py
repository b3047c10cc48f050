"""Carries out dialogues of cast.py in the client's namespaces: dialogue.py OPTIONS-AS-JSON.

Writes one JSON object per client: what was heard and said, byte for byte and with times, and who
ended it. A client goes on with its steps whatever it is answered, as long as there are answers:
judging is for verdict.py.
"""

import json
import re
import select
import signal
import socket
import ssl
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True

import network  # noqa: E402

REPLY_SECONDS = 40  # with the tarpit two errors are answered after 8 + 16 s
CONNECT_SECONDS = 20
LINE_LIMIT = 1 << 20  # bytes heard of one server; none says so much
COMPLETE_REPLY = re.compile(rb"(?m)^[2-5][0-9][0-9](?: .*)?\r\n")


class Ended(Exception):
    """The server has ended the connection, or nothing came in time; the text says which."""


class Dialogue:
    def __init__(self, start, source, steps):
        self.start, self.source, self.steps = start, source, steps
        self.heard = b""
        self.awaited = 0  # replies
        self.events = []  # [seconds, "<" or ">" or "tls" ..., text]
        self.port, self.end = None, None
        self.connection = None

    def run(self):
        try:
            self.connect()
            for step in self.steps:
                self.take(step)
            self.end = "closed"  # by ourselves, unless a step has said otherwise
        except Ended as ended:
            self.end = str(ended)
        except (OSError, ValueError) as error:
            self.end = f"error: {error}"
        finally:
            self.note("end", self.end)
            if self.connection is not None:
                self.connection.close()
        return self

    def note(self, kind, text):
        self.events.append([round(time.monotonic() - self.start, 4), kind, text])

    def connect(self):
        family = socket.AF_INET6 if network.family(self.source) == 6 else socket.AF_INET
        self.connection = socket.socket(family)
        self.connection.settimeout(CONNECT_SECONDS)
        self.connection.bind((self.source, 0))
        self.port = self.connection.getsockname()[1]
        self.connection.connect((network.server_address(self.source), 25))

    def take(self, step):
        if isinstance(step, str):
            step = [step] if step else []
            self.send("".join(line + "\r\n" for line in step))
            self.await_replies(max(len(step), 1))
            return
        if step and step[0] in STEPS:
            STEPS[step[0]](self, *step[1:])
        else:
            self.send("".join(line + "\r\n" for line in step))
            self.await_replies(len(step))

    def send(self, text):
        if not text:
            return
        self.note(">", text)
        try:
            self.connection.settimeout(REPLY_SECONDS)
            self.connection.sendall(text.encode("latin-1"))
        except TimeoutError:
            raise Ended("timeout") from None
        except OSError:
            self.drain()

    def slowly(self, line):
        for letter in line + "\r\n":
            self.send(letter)
            self.hear(0.03)
        self.await_replies(1)

    def pause(self, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.hear(left)

    def await_replies(self, count):
        self.awaited += count
        deadline = time.monotonic() + REPLY_SECONDS
        while len(COMPLETE_REPLY.findall(self.heard)) < self.awaited:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Ended("timeout")
            self.hear(left)

    def hear(self, seconds):
        """Takes what comes within the time, or nothing."""
        pending = getattr(self.connection, "pending", lambda: 0)()
        if not pending and not select.select([self.connection], [], [], seconds)[0]:
            return
        self.connection.settimeout(max(seconds, 0.01))
        try:
            data = self.connection.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            return
        except (ConnectionResetError, BrokenPipeError):
            raise Ended("server-rst") from None
        except ssl.SSLError:
            raise Ended("server-fin") from None
        if not data:
            raise Ended("server-fin")
        self.heard += data
        self.note("<", data.decode("latin-1"))
        if len(self.heard) > LINE_LIMIT:
            raise Ended("too much said")

    def drain(self):
        """After a failed write: what the server has said before it went."""
        deadline = time.monotonic() + REPLY_SECONDS
        while time.monotonic() < deadline:
            self.hear(1)
        raise Ended("timeout")

    def tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.connection.settimeout(REPLY_SECONDS)
        try:
            self.connection = context.wrap_socket(self.connection)
        except ConnectionResetError:
            raise Ended("server-rst") from None
        except TimeoutError:
            raise Ended("timeout") from None
        except OSError as error:
            raise Ended(f"server-fin ({error.__class__.__name__} in the handshake)") from None
        self.note("tls", self.connection.version())

    def half_close(self):
        self.note("half-close", "")
        self.connection.shutdown(socket.SHUT_WR)

    def leave_with_fin(self):
        raise Ended("left")

    def leave_with_rst(self):
        # SO_LINGER of 0 s: close() sends RST.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Ended("left")


STEPS = {"raw": Dialogue.send, "slowly": Dialogue.slowly, "pause": Dialogue.pause, "tls": Dialogue.tls,
         "half-close": Dialogue.half_close, "fin": Dialogue.leave_with_fin, "rst": Dialogue.leave_with_rst}


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends this without a word
    chosen = json.loads(sys.stdin.read())
    records, lock = [], threading.Lock()

    def one(client):
        time.sleep(max(0, chosen["start"] + client["start"] - time.monotonic()))
        dialogue = Dialogue(chosen["start"], client["source"], client["steps"]).run()
        with lock:
            records.append({"name": client["name"], "source": client["source"], "port": dialogue.port,
                            "heard": dialogue.heard.decode("latin-1"), "end": dialogue.end,
                            "events": dialogue.events})

    threading.stack_size(256 * 1024)
    threads = [threading.Thread(target=one, args=(client,)) for client in chosen["clients"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(chosen["out"], "w") as file:
        for record in sorted(records, key=lambda record: record["name"]):
            file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
