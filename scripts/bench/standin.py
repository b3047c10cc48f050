"""Stands in for the mail server where none is needed: a couriertcpd that listens on port 25, and some slots.

breakwaterd finds the listener, its children and their connections as it does with Courier, and so
does for each rejection what it does on a mail host. The connections in the log lines do not exist,
though: each shed ends with "gone". What shedding costs, and how fast it is, only `bench shed` tells.
"""

import os
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True

PORT = 25
SLOTS = 20


class StandIn:
    def __init__(self, directory):
        self.directory = directory

    def __enter__(self):
        names = {}
        for name, program in (("couriertcpd", sys.executable), ("courieresmtpd", "/bin/sleep")):
            names[name] = os.path.join(self.directory, name)
            # The kernel names a process after the path it was started by, here that of the link.
            os.symlink(program, names[name])
        self.process = subprocess.Popen(
            [names["couriertcpd"], os.path.abspath(__file__), names["courieresmtpd"]],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise OSError("the stand-in for couriertcpd did not start")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def listen(slot_program):
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    clients, slots = [], []
    for number in range(SLOTS):
        clients.append(socket.create_connection(("127.0.0.1", PORT), source_address=(f"127.0.1.{number + 1}", 0)))
        connection, peer = listener.accept()
        environment = {"TCPLOCALIP": "::ffff:127.0.0.1", "TCPLOCALPORT": str(PORT),
                       "TCPREMOTEIP": peer[0], "TCPREMOTEPORT": str(peer[1])}
        slots.append(subprocess.Popen(["courieresmtpd", "infinity"], executable=slot_program, stdin=connection,
                                      stdout=connection, env=environment))
        connection.close()

    def end(*_):
        for slot in slots:
            slot.kill()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    listen(sys.argv[1])
