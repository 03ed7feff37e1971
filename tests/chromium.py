"""A browser for tests: headless Chromium, driven through the pipes of its DevTools protocol."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from queue import Empty, Queue

# As root there is no sandbox, and what is served from a folder of the machine itself needs none. The rest keeps it from
# asking anybody for anything.
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
         "--remote-debugging-pipe"]  # fmt: skip
COMMANDS = "chromium", "chromium-browser", "google-chrome"
ANSWER_S = 30


def command():
    """The path of Chromium, or None."""
    return next(filter(None, map(shutil.which, COMMANDS)), None)


def microphone(wav):
    """Flags for a microphone that hears a WAV file once, from when it is opened."""
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={wav}%noloop",
    ]


class Page:
    """A page of a browser."""

    def __init__(self, reading, writing):
        self._writing, self._answers, self._number, self._session = writing, Queue(), 0, {}
        self.errors = []  # uncaught in the page
        self.logged = []  # what the browser and the page's scripts call an error: refused by a policy, not found ...
        threading.Thread(target=self._read, args=(reading,), daemon=True).start()
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]}
        self.call("Runtime.enable"), self.call("Log.enable")

    def _read(self, reading):
        rest = b""
        while piece := os.read(reading, 1 << 16):
            *messages, rest = (rest + piece).split(b"\0")
            for message in map(json.loads, messages):
                method, about = message.get("method"), message.get("params", {})
                if method == "Runtime.exceptionThrown":
                    self.errors.append(about["exceptionDetails"])
                elif method == "Log.entryAdded" and about["entry"]["level"] == "error":
                    self.logged.append(about["entry"]["text"])
                elif method == "Runtime.consoleAPICalled" and about["type"] == "error":
                    self.logged.append(about["args"])
                elif "id" in message:
                    self._answers.put(message)

    def call(self, method, **params):
        """A call of the protocol; gives its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        try:
            answer = self._answers.get(timeout=ANSWER_S)
        except Empty:
            raise TimeoutError(f"Chromium does not answer {method}") from None
        assert answer["id"] == self._number, answer
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def open(self, url):
        """Go to an address, and wait until it is there."""
        self.call("Page.navigate", url=url)
        assert self.wait("document.readyState === 'complete'", ANSWER_S), f"{url} does not load"

    def run(self, code):
        """The value of a script in the page, as if a user had asked for it."""
        given = self.call("Runtime.evaluate", expression=code, returnByValue=True, userGesture=True, awaitPromise=True)
        assert "exceptionDetails" not in given, given["exceptionDetails"]
        return given["result"].get("value")

    def wait(self, code, seconds):
        """Wait until a script gives something true, which is returned; or what it gives after so many seconds."""
        end = time.monotonic() + seconds
        while not (value := self.run(code)) and time.monotonic() < end:
            time.sleep(0.1)
        return value


@contextmanager
def page(folder, flags=()):
    """A page of a new browser, whose profile is in `folder`."""
    theirs, writing = (_high(end) for end in os.pipe())
    reading, theirs_too = (_high(end) for end in os.pipe())

    def as_chromium_wants():
        os.dup2(theirs, 3)
        os.dup2(theirs_too, 4)

    process = subprocess.Popen(
        [command(), *FLAGS, f"--user-data-dir={folder}", *flags], pass_fds=(3, 4), preexec_fn=as_chromium_wants,
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        os.close(theirs), os.close(theirs_too)
        yield Page(reading, writing)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        os.close(writing)


def _high(end):
    """The same end of a pipe under a number that is not 3 or 4."""
    import fcntl  # not on Windows

    moved = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(end)
    return moved
