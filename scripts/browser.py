"""A headless Chromium, asked over its debugging pipe: no port, no driver, no package beyond Debian's chromium."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = ["--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--disable-dev-shm-usage", "--force-color-profile=srgb", "--font-render-hinting=none"]


class BrowserError(Exception):
    pass


class Browser:
    """`with Browser() as browser`: one tab; `events` keeps what it reported since the last page was opened."""

    def __init__(self, seconds=60):
        self.seconds = seconds
        self.events = []
        self.number = 0
        self.buffer = b""
        self.session = None

    def __enter__(self):
        program = shutil.which("chromium")
        if program is None:
            raise BrowserError("chromium is not installed")
        self.home = tempfile.TemporaryDirectory(prefix="breakwater-browser-")
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        self.input, self.output = ours_in, ours_out

        def pipes():
            # It reads commands from 3 and answers on 4.
            command, answer = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(command, 3)
            os.dup2(answer, 4)

        flags = FLAGS + ["--user-data-dir=" + self.home.name] + (["--no-sandbox"] if os.geteuid() == 0 else [])
        self.process = subprocess.Popen([program, *flags, "about:blank"], preexec_fn=pipes, close_fds=True,
                                        pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime", "DOM"):
            self.ask(domain + ".enable")
        return self

    def __exit__(self, *_):
        self.session = None
        try:
            self.ask("Browser.close")
            self.process.wait(10)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.input)
        os.close(self.output)
        self.home.cleanup()

    def message(self, deadline):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            ready = select.select([self.input], [], [], left)[0] if left > 0 else []
            data = os.read(self.input, 1 << 20) if ready else b""
            if not data:
                raise BrowserError("chromium has ended" if ready else "chromium does not answer")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(line)

    def ask(self, method, **parameters):
        self.number += 1
        question = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            question["sessionId"] = self.session
        os.write(self.output, json.dumps(question).encode() + b"\0")
        deadline = time.monotonic() + self.seconds
        while True:
            answer = self.message(deadline)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error'].get('message')}")
                return answer["result"]
            self.events.append(answer)

    def open(self, url, settle=0.2):
        """Loads a page and waits until it is there, and a little for what it might ask for then."""
        self.events = []
        self.ask("Page.navigate", url=url)
        deadline = time.monotonic() + self.seconds
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message(deadline))
        time.sleep(settle)
        self.evaluate("1")

    def evaluate(self, expression):
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def size(self, width, height, scale=1):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                 mobile=width < 600)

    def dark(self, is_dark):
        self.ask("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}])

    def key(self, key, code, text=None):
        known = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **known, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **known)
