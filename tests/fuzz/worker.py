"""A process that runs one command after the other, within limits, and says what came of each.

Started as `python -m tests.fuzz.worker LOG`; reads lines of JSON from stdin, and writes one for each to the stdout that
it had. What commands print goes to the files LOG.out and LOG.err; after a crash the stack is found in the latter.
"""

import contextlib
import faulthandler
import json
import os
import resource
import sys
import traceback
from pathlib import Path

MORE_MEMORY = 3 << 30  # bytes of address space that a case may take beyond what the process had before
MOST_WRITTEN = 200 << 20  # bytes of a file


def main():
    log, replies, commands = sys.argv[1], os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(0), "r")
    for number, suffix in ((1, "out"), (2, "err")):
        file = os.open(f"{log}.{suffix}", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1, errors="backslashreplace", closefd=False) for n in (1, 2))
    faulthandler.enable()
    from typer.main import get_command

    from audioconv.cli import app
    from audioconv.io.atomic import without_sync

    with without_sync():  # which takes longer than all else
        _serve(get_command(app), commands, replies)


def _serve(app, commands, replies):
    for line in commands:
        case = json.loads(line)
        os.chdir(case["folder"])
        for number in (1, 2):
            os.lseek(number, 0, os.SEEK_SET)
            os.ftruncate(number, 0)
        reply = _run(app, [os.fsdecode(bytes.fromhex(arg)) for arg in case["args"]])
        sys.stdout.flush()
        sys.stderr.flush()
        if case.get("limit"):
            _limit()
        reply |= {name: _printed(number) for name, number in (("out", 1), ("err", 2))}
        reply |= {"invalid": _invalid(Path(case["folder"]), set(case["given"])), "rss": _rss()}
        os.chdir("/")
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _run(app, args):
    try:
        app(args, prog_name="audioconv")
    except SystemExit as ended:
        return {"code": ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1}
    except BaseException:
        return {"code": None, "traceback": traceback.format_exc()}
    return {"code": 0}


def _printed(number):
    size = os.lseek(number, 0, os.SEEK_END)
    os.lseek(number, 0, os.SEEK_SET)
    return os.read(number, min(size, 1 << 20)).decode("utf-8", "backslashreplace")


def _limit():
    """From now on the process may have so much more memory, and files so large."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE_MEMORY, -1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, -1))


def _rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _invalid(folder, given):
    """What is wrong with the files that a command left."""
    import warnings

    found = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or name in given:
            continue
        if path.suffix in (".part", ".claim") or (not path.stat().st_size and path.suffix != ".txt"):
            found.append(f"{name} is half a file")
            continue
        try:
            with warnings.catch_warnings(action="error"):
                _CHECKS.get(path.suffix, lambda _: None)(path)
        except Exception as error:
            found.append(f"{name} is not valid: {error!r}")
    return found


def _sound(path):
    import audioconv as ac

    ac.read(path)  # refuses what is cut short, empty, or not finite


def _array(path):
    import numpy as np

    array = np.load(path, allow_pickle=False)
    if not np.isfinite(array).all():
        raise ValueError("it holds what is not finite")


def _picture(path):
    data = path.read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[-8:-4] != b"IEND":
        raise ValueError("it is not a whole PNG")


def _model(path):
    from audioconv.io import model_file

    model_file.load(path)


_CHECKS = {".wav": _sound, ".flac": _sound, ".npy": _array, ".png": _picture, ".safetensors": _model}


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
