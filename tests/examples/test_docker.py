"""The steps of examples/docker/Dockerfile, without Docker: in a folder, and for a user without a name."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from audioconv.kernels._jit import JIT_ENABLED, kernel_folder
from tests.kernels.test_cache import SEEING
from tests.serve.test_service import described

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "examples" / "docker" / "Dockerfile"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the steps are those of Linux"),
    pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled with NUMBA_DISABLE_JIT=1"),
]


def instructions():
    """(instruction, what follows it) of each line that is no comment."""
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]


class Image:
    """A folder in the place of /, and in it an environment in the place of the Python of the image.

    What pip would download is found in the environment of the tests; all else is as the file says.
    """

    def __init__(self, folder):
        self.folder, self.user, self.entry, self.command = folder, None, [], []
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        own = next((folder / "venv" / "lib").glob("python*/site-packages"))
        (own / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
        dropped = "PYTHONPATH", "AUDIOCONV_CACHE", "NUMBA_CPU_NAME", "HOME", "XDG_CACHE_HOME"
        self.environment = {name: value for name, value in os.environ.items() if name not in dropped}
        scripts = folder / "venv" / "bin"
        (scripts / "pip").write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -m pip --python "{scripts}/python" "$@" --no-deps\n'
        )
        (scripts / "pip").chmod(0o755)
        self.environment["PATH"] = f"{scripts}:{os.environ['PATH']}"

    def inside(self, text):
        """With the paths of the image as those of the folder."""
        for path in ("/src", "/opt"):
            text = text.replace(path, f"{self.folder}{path}")
        return text

    def build(self):
        for name, rest in instructions():
            getattr(self, f"do_{name.lower()}")(rest)

    def do_from(self, rest):
        assert rest.startswith("python:3.")

    def do_expose(self, rest):
        assert rest == "10400"

    def do_copy(self, rest):
        *sources, target = rest.split()
        for source in sources:
            place = Path(self.inside(target)) / (Path(source).name if target.endswith("/") else "")
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, place)

    def do_env(self, rest):
        name, value = self.inside(rest).split("=")
        self.environment[name] = value
        if name == "AUDIOCONV_CACHE" and kernel_folder().is_dir():  # so that a minute of compiling is spent but once
            whole = shutil.ignore_patterns("*.part")  # others may be written by other tests
            shutil.copytree(kernel_folder(), Path(value) / "kernels" / kernel_folder().name, ignore=whole)
            subprocess.run(["chmod", "-R", "u=rwX,go=rX", value], check=True)

    def do_run(self, rest):
        done = subprocess.run(["sh", "-c", self.inside(rest)], env=self.environment | {"HOME": str(self.folder)},
                              cwd=self.folder, capture_output=True, text=True, timeout=600)  # fmt: skip
        if "No matching distribution found for hatchling" in done.stderr:
            pytest.skip("pip cannot get hatchling, which builds the package")
        assert done.returncode == 0, done.stdout + done.stderr

    def do_user(self, rest):
        self.user = rest.split(":")

    def do_entrypoint(self, rest):
        self.entry = json.loads(rest)

    def do_cmd(self, rest):
        self.command = json.loads(rest)


def as_user(user, group):
    """The beginning of a command of another user, if this one may become one."""
    start = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", *SEEING]
    possible = shutil.which("setpriv") and not subprocess.run([*start, "true"], capture_output=True).returncode
    return start if possible else []


def test_the_image_serves_words_as_a_user_without_a_name(tmp_path):
    image = Image(tmp_path)
    image.build()
    assert {"FROM", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD"} <= {name for name, _ in instructions()}
    assert not [path for path in (tmp_path / "opt").rglob("*") if path.stat().st_mode & 0o022]
    command = [word.replace("0.0.0.0:10400", "127.0.0.1:0") for word in (*image.entry, *image.command)]
    with subprocess.Popen(
        [*as_user(*image.user), *command], env=image.environment | {"HOME": "/"}, cwd="/", text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            said = []
            for line in iter(process.stderr.readline, ""):
                said.append(line)
                if "listening on" in line:
                    break
            assert said, process.stdout.read()
            port = int(said[-1].split("tcp://127.0.0.1:")[1].split()[0])
            words = asyncio.run(described(port))
            process.send_signal(signal.SIGTERM)  # docker stop
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert "yes" in words
    assert (process.returncode, out) == (0, "1 client, 0 words told\n")
    assert len(said) == 1, said  # nothing is compiled, and no warning
    assert err == ""
