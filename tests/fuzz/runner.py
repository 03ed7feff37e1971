"""Runs cases in a process within limits, and judges what came of them."""

import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile

from tests.fuzz.cases import Case, case

PATIENCE_S = 120  # of one case
CASES_A_PROCESS = 1500
MOST_GROWTH = 400 << 20  # bytes of memory in the cases of one process
WARM_UP = (
    "info {it}",
    "filter {it} out.wav --gain -3",
    "features {it} out.npy",
    "spectrogram {it} out.png --size 200x200",
)


class Worker:
    """The process; begun anew when it is gone. Use it in `with`."""

    def __init__(self, folder):
        self._folder, self._process, self._done = Path(folder), None, 0
        self.first_rss = self.last_rss = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def stop(self):
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def run(self, case, patience_s=PATIENCE_S, limit=False):
        """What came of a case: (verdict, text). Verdicts are "result", "reported", "refused", or name a defect."""
        if self._process is None or self._done >= CASES_A_PROCESS:
            self._begin()
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            for name, data in case.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
            reply = self._ask({
                "folder": str(folder), "args": [os.fsencode(arg).hex() for arg in case.args], "given": list(case.files),
                "limit": limit,
            }, patience_s)  # fmt: skip
        finally:
            shutil.rmtree(folder)
        if isinstance(reply, tuple):
            self.stop()
            return reply
        self._done += 1
        self.last_rss = reply["rss"]
        return judged(reply, case)

    def _begin(self):
        self.stop()
        self._done = 0
        environment = os.environ | {"AUDIOCONV_THREADS": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", self._folder / "log"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        sound = io.BytesIO()
        soundfile.write(sound, [0.1, -0.1] * 1000, 16000, format="WAV")
        for command in WARM_UP:  # what is imported takes memory that is not that of a case
            last = command is WARM_UP[-1]
            warm = Case(command.format(it="a.wav").split(), {"a.wav": sound.getvalue()})
            verdict, text = self.run(warm, 600, limit=last)
            assert verdict == "result", text
        self.first_rss = self.last_rss

    def _ask(self, request, patience_s):
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        if not select.select([self._process.stdout], [], [], patience_s)[0]:
            self._process.send_signal(signal.SIGABRT)  # faulthandler says where it is
            self._process.wait(60)
            return "hang", self._last_words()
        line = self._process.stdout.readline()
        if not line:
            return "crash", f"ended with {self._process.wait()}\n{self._last_words()}"
        return json.loads(line)

    def _last_words(self):
        return (self._folder / "log.err").read_text("utf-8", "replace")[-4000:]


def judged(reply, case):
    """The verdict of what a process replied, and why."""
    lines, code = reply["err"].splitlines(), reply["code"]
    lines = [line for line in lines if not line.startswith(("Note: ", "[src/libmpg123/"))]  # it talks to itself
    strange = [line for line in lines if not line.startswith("audioconv: ")]
    errors = [line for line in lines if line.startswith("audioconv: error: ")]
    shown = f"{reply['err'][-3000:]}\n{reply['out'][-500:]}"
    if reply.get("traceback"):
        return "traceback", reply["traceback"]
    if reply["invalid"]:
        return "bad output", f"exit {code}: {reply['invalid']}\n{shown}"
    if strange:
        return "strange words", f"exit {code}\n{shown}"
    if any(not line.isprintable() or len(line) > 3000 for line in lines):
        return "unprintable words", ascii(reply["err"][-3000:])
    if code == 0 and not errors:
        return "result", shown
    if code == 1 and case.args[0] in ("data", "filter", "features") and not errors:
        return "reported", shown
    if code == 2 and len(errors) == 1 and lines[-1] == errors[0]:
        return "refused", errors[0]
    return f"exit {code}", shown


GOOD = ("result", "reported", "refused")


def campaign(seeds, numbers, folder):
    """Run cases; give (number, case, verdict, text) of each."""
    with Worker(folder) as worker:
        for number in numbers:
            this = case(number, seeds)
            verdict, text = worker.run(this)
            if verdict in GOOD and worker.last_rss - worker.first_rss > MOST_GROWTH:
                verdict, text = "growth", f"{worker.first_rss >> 20} to {worker.last_rss >> 20} MiB"
                worker.stop()
            yield number, this, verdict, text


def save(case, verdict, text, folder):
    """Keep a case, so that it can be run again."""
    for name, data in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    about = {"args": case.args, "verdict": verdict, "text": text[-3000:]}
    (folder / "case.json").write_text(json.dumps(about, indent=1))
