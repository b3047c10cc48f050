"""What the other fixtures share: an SMTP client on a socket with a chosen source address."""

import base64
import socket

TIMEOUT = 60


class Client:
    def __init__(self, source, timeout=TIMEOUT):
        version6 = ":" in source
        self.socket = socket.socket(socket.AF_INET6 if version6 else socket.AF_INET)
        self.socket.settimeout(timeout)
        self.socket.bind((source, 0))
        self.port = self.socket.getsockname()[1]
        self.socket.connect(("2001:db8:25::25" if version6 else "203.0.113.25", 25))
        self.lines = self.socket.makefile("rb")

    def send(self, raw):
        self.socket.sendall(raw + b"\r\n")

    def reply(self):
        """The last line of the server's next reply; an empty string at its end."""
        while True:
            line = self.lines.readline().decode("ascii", "replace").strip()
            if line[3:4] != "-":
                return line

    def ask(self, raw):
        self.send(raw)
        return self.reply()

    def log_in(self):
        return self.ask(b"AUTH PLAIN " + base64.b64encode(b"\0bob\0harbour"))

    def deliver(self):
        """The replies to a whole message."""
        replies = [self.ask(b"MAIL FROM:<a@sender.example>"), self.ask(b"RCPT TO:<bob@mail.example>")]
        if replies[-1].startswith("250"):
            replies.append(self.ask(b"DATA"))
            replies.append(self.ask(b"Subject: lab\r\n\r\nHello bob.\r\n."))
        return replies

    def end(self):
        """How the server ends the connection: nothing more is said by the client."""
        try:
            while self.lines.readline():
                pass
            return "fin"
        except ConnectionResetError:
            return "rst"
        except TimeoutError:
            return "open"

    def close(self):
        self.socket.close()
