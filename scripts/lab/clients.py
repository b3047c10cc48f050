"""The other end of held.py, which runs the clients."""

import contextlib
import json
import os
import subprocess
import sys
import threading

import namespaces

HERE = os.path.dirname(os.path.abspath(__file__))


class Clients:
    """held.py, started in the client's namespaces of a lab; its answers come to a thread."""

    def __init__(self, name):
        self.changed = threading.Condition()
        self.answers, self.sources = {}, {}
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "lab"), "exec", "--name", name, "--in", "client", "--",
             sys.executable, os.path.join(HERE, "held.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=namespaces.end_with_parent)

    def __enter__(self):
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_error):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.terminate()
        self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            with self.changed:
                self.answers[answer["key"]].update(answer)
                self.changed.notify_all()

    def send(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def order(self, do, source, **more):
        """The key of a new client."""
        key = f"{do} {len(self.answers)} of {source}"
        with self.changed:
            self.answers[key], self.sources[key] = {}, source
        self.send({"do": do, "key": key, "source": source, **more})
        return key

    def known(self, key):
        with self.changed:
            return dict(self.answers[key])

    def wait(self, key, words, seconds):
        """What is known when one of the words is among it, or the time is over."""
        with self.changed:
            self.changed.wait_for(lambda: any(word in self.answers[key] for word in words), seconds)
            return dict(self.answers[key])

    def greeting(self, source):
        """Seconds till the greeting; None without one."""
        return self.wait(self.order("greet", source), ("greeted", "ended"), 30).get("greeted")
