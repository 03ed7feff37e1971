"""Run the command line inside the tests."""

from typing import NamedTuple

from typer.testing import CliRunner

from audioconv.cli import app

COMPILING = "audioconv: compiling kernels"  # comes once a process where the cache is cold, in whichever test is first


class Result(NamedTuple):
    """What a command left: its exit code and what it printed, but for the notice that kernels are compiled."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self):
        return self.stdout + self.stderr


def run(*args):
    """Run `audioconv args...` and return its Result; a traceback is always a failure."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    lines = [line for line in result.stderr.splitlines(keepends=True) if not line.startswith(COMPILING)]
    return Result(result.exit_code, result.stdout, "".join(lines))


def refused(*args):
    """Run a command that must fail: exit code 2, nothing on stdout, one line on stderr, which is returned."""
    result = run(*args)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("audioconv: error: "), result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith("\n")
    return result.stderr
