"""Run the command line inside the tests."""

import re
from typing import NamedTuple

import typer
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


def examples_of(text):
    """The command lines of a help text or a page, without what is said beside them."""
    lines = re.findall(r"^ +(?:cat \S+ \| )?(audioconv [^\n]*)", text, re.MULTILINE)
    return [re.split(r"  +| > ", line)[0] for line in lines]


def parsed(arguments):
    """Take a command line apart, but run nothing; raises typer's error for what is wrong with it."""
    group = typer.main.get_command(app)
    context = group.make_context("audioconv", list(arguments))
    while hasattr(group, "resolve_command"):
        name, group, rest = group.resolve_command(context, context._protected_args + context.args)
        context = group.make_context(name, rest, parent=context)
    return context


def parsed_command(words):
    """A command by its words, such as ["data", "check"]."""
    command = typer.main.get_command(app)
    context = typer.Context(command)
    for word in words:
        command = command.get_command(context, word)
    return command
