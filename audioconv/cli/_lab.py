"""audioconv lab: what convolution buys, as experiments that run and one page about them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from audioconv.cli.messages import say, tell
from audioconv.cli.outputs import Force, check_output


def lab(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="comparison, sparse, sharing, pooling, prior, dilated, fast; all if none is named.",
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A look in a minute: fewer data, steps and seeds.")] = False,
    report: Annotated[Path, typer.Option(metavar="HTML", help="The page to write.")] = Path("lab.html"),
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="Threads; all cores by default.")] = None,
    force: Force = False,
) -> None:
    """Show what convolution buys, on one page.

    Experiments on images and words: networks of equal budget with and without convolution and pooling, sparse
    interactions, parameter sharing, invariance, convolution as a dense layer, dilation, and fast algorithms. About five
    minutes on two cores.

    \b
    audioconv lab --quick
    audioconv lab sparse pooling --report convolution.html
    """
    import time

    from rich.console import Console

    from audioconv import lab as experiments

    check_output(report, force)
    console, start = Console(stderr=True), time.monotonic()
    with console.status("reading") as status:
        announce = (lambda text: status.update(f"{text} ...")) if console.is_terminal else _once()
        settings = experiments.Settings(quick=quick, threads=threads, announce=announce)
        try:
            found = experiments.run(report, cast("list[experiments.Experiment]", names or []), settings)
        except KeyboardInterrupt:
            say(f"{report} holds what was finished")
            raise
    if "comparison" in found:
        _print_accuracy(found["comparison"])
    tell(f"{report}: {time.monotonic() - start:.0f} s")


def _once() -> Callable[[str], None]:
    """A function that says what is done, and of what is counted ("training networks, 8 of 40") only the beginning."""
    announced = set[str]()

    def announce(text: str) -> None:
        if text.split(",")[0] not in announced:
            say(text)
            announced.add(text.split(",")[0])

    return announce


def _print_accuracy(rows: Sequence[Any]) -> None:
    """The main table of the comparison: accuracy with all data at an equal number of parameters."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from audioconv.lab.comparison import ALL, BUDGETS, spread

    tasks = list(dict.fromkeys(row.task.name for row in rows))
    title = f"accuracy (%) with about {BUDGETS['parameters'][0]:,} parameters and all training data"
    table = Table("network", *tasks, box=SIMPLE_HEAD, title=title)
    for name in dict.fromkeys(row.network.name for row in rows):
        own = {row.task.name: row for row in rows if row.network.name == name}
        table.add_row(name, *(spread(own[task].accuracy[ALL]) for task in tasks))
    Console().print(table)
