"""Networks of equal budget: what sharing weights and pooling buys, in accuracy, parameters, work, memory and time."""

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audioconv import parallel
from audioconv._typing import Array
from audioconv.lab import data, networks, pictures, training
from audioconv.lab.settings import Settings
from audioconv.lab.timing import medians_s

if TYPE_CHECKING:
    from audioconv.report import Report

SHARES = (0.01, 0.05, 0.1, 0.5, 1.0)
BUDGETS: dict[networks.Budget, tuple[int, str]] = {
    "parameters": (12_000, "parameters"),
    "multiply_adds": (100_000, "multiply-adds"),
}
STEPS, QUICK_STEPS = 250, 60
LEAST_STEPS = 10
FIRST_SEED = 0.5  # of the time, in which all networks are trained on all shares once
LIMIT_S, QUICK_LIMIT_S = 450, 35
BUDGET_TOLERANCE = 0.1  # a budget missed by more is said to be
ALL = len(SHARES) - 1
ORDER = (ALL, *range(ALL))  # of the shares


class Cell(NamedTuple):
    """One training: which row of the table, which share of the data, which seed."""

    row: int
    share: int
    seed: int


class Row(NamedTuple):
    """A network on a task, with its times and its accuracies (shares, seeds); NaN where it was not trained."""

    task: data.Task
    budget: networks.Budget
    network: networks.Network
    step_s: float
    predict_s: float
    accuracy: Array


class Measured(NamedTuple):
    """Rows of the comparison, the steps of each training, and whether it was interrupted."""

    rows: list[Row]
    steps: int
    interrupted: bool


def measure(tasks: Sequence[data.Task], settings: Settings, limit_s: float, steps: int) -> Measured:
    """Train all networks on all shares of all tasks with all seeds, as far as the time goes.

    Trainings are shortened, all alike, until those of one seed fit. Seeds come one after the other, so that what is
    left out at the end is the last seed of some networks; the least and the whole data come before what lies between.
    Interrupted, it gives what was finished.
    """
    start = time.monotonic()
    plans = [
        (task, budget, networks.within(budget, amount, kind, pooled, task.shape, len(task.classes)))
        for task in tasks
        for budget, (amount, _) in BUDGETS.items()
        for kind in networks.KINDS
        for pooled in (False, True)
    ]
    settings.announce("timing steps of training and predictions")
    times = _times([(task, network) for task, _, network in plans])
    threads = parallel.thread_count(settings.threads)
    step_s = len(SHARES) * sum(each for each, _ in times) / threads
    left_s = limit_s - (time.monotonic() - start)
    steps = min(steps, max(LEAST_STEPS, int(FIRST_SEED * left_s / step_s)))
    found = np.full((len(plans), len(SHARES), len(settings.seeds)), np.nan)
    cells = [Cell(r, s, seed) for seed in settings.seeds for s in ORDER for r in range(len(plans))]

    def fill(cell: Cell) -> None:
        if time.monotonic() - start < limit_s:
            task, _, network = plans[cell.row]
            found[cell.row, cell.share, cell.seed] = trained(task, network, SHARES[cell.share], cell.seed, steps)

    interrupted = False
    try:
        batch = 4 * threads
        for first in range(0, len(cells), batch):
            settings.announce(f"training networks, {first} of {len(cells)}")
            parallel.run(fill, cells[first : first + batch], settings.threads)
    except KeyboardInterrupt:
        interrupted = True
    rows = [Row(*plan, *each, cells) for plan, each, cells in zip(plans, times, found, strict=True)]
    return Measured(rows, steps, interrupted)


def trained(task: data.Task, network: networks.Network, share: float, seed: int, steps: int) -> float:
    """Accuracy on the test examples after a training on a share of the others."""
    chosen, classes = task.share(share, seed), len(task.classes)
    rng = np.random.default_rng([seed, 0x11])
    built = networks.build(network.kind, network.pooled, network.widths, task.shape, classes, rng)
    training.train(built, task.train_x[chosen], task.train_y[chosen], classes, steps, seed)
    return training.accuracy(built, task.test_x, task.test_y)


def _times(plans: Sequence[tuple[data.Task, networks.Network]]) -> list[tuple[float, float]]:
    """Seconds of a training step of a batch and of one prediction, of each (task, network), on one thread."""
    found = []
    for task, network in plans:
        classes = len(task.classes)
        rng = np.random.default_rng(0)
        built = networks.build(network.kind, network.pooled, network.widths, task.shape, classes, rng)
        x, y = task.train_x[: training.BATCH], task.train_y[: training.BATCH]
        step, infer = training.stepper(built, x, y, classes), built.inference()
        times = medians_s({"step": step, "predict": partial(infer, x[:1], threads=1)}, 5)
        found.append((times["step"], times["predict"]))
    return found


def show(report: "Report", settings: Settings) -> list[Row]:
    """Run the comparison and add its tables and pictures to a report."""
    steps, limit_s = (QUICK_STEPS, QUICK_LIMIT_S) if settings.quick else (STEPS, LIMIT_S)
    tasks, missing = data.all_tasks(settings)
    rows, steps, interrupted = measure(tasks, settings, settings.limit_s or limit_s, steps)
    report.heading("Networks of equal budget")
    report.text(
        f"Five kinds of network, each with and without pooling, all with two hidden layers, ReLU, and a dense layer at "
        f"the end; trained for {steps} steps of {training.BATCH} examples with the same optimiser and the same rates, "
        f"whatever the share of the data. Seeds: {len(settings.seeds)}. Their widths are as large as "
        f"{BUDGETS['parameters'][0]:,} parameters or {BUDGETS['multiply_adds'][0]:,} multiply-adds for one example "
        "allow. Locally connected layers have windows as convolutions have, but weights of their own at each place; "
        f"tiled ones {networks.TILES} x {networks.TILES} sets of weights in rotation. Pooling takes maxima of 2 x 2 "
        "after each hidden layer; a dense layer has no places, so there its input is averaged over 2 x 2.\n\n"
        "Memory is that of the parameters and of the outputs of all layers in float32. Times are medians on one "
        "thread: a step of training for a batch, and the prediction of one example."
    )
    if missing:
        report.text(f"Not here, and so left out: {', '.join(missing)}.")
    if interrupted:
        report.text("It was interrupted: what is shown as not finished was not trained.")
    for task in tasks:
        _show_task(report, task, [row for row in rows if row.task is task])
    if interrupted:
        raise KeyboardInterrupt  # now that the finished rows are reported
    return [row for row in rows if row.budget == "parameters"]


def _show_task(report: "Report", task: data.Task, rows: list[Row]) -> None:
    report.subheading(task.name)
    report.text(
        f"{len(task.train_y):,} examples to train on, {len(task.test_y):,} to test, {len(task.classes)} classes."
    )
    for budget, (amount, name) in BUDGETS.items():
        own = [row for row in rows if row.budget == budget]
        limit = BUDGET_TOLERANCE * amount
        missed = [row.network.name for row in own if abs(getattr(row.network, budget) - amount) > limit]
        more = f" No width of these comes within {BUDGET_TOLERANCE:.0%} of it: {', '.join(missed)}." if missed else ""
        report.text(f"About {amount:,} {name} each.{more}")
        report.table(COSTS, [costs_of(row) for row in own])
        shares = [f"{share:.0%}" for share in SHARES]
        report.table(["accuracy (%) with", *shares], [[row.network.name, *map(spread, row.accuracy)] for row in own])
        if any(np.isfinite(row.accuracy).any() for row in own):
            caption = (
                f"Accuracy on {task.name} against the share of the training data; mean of the seeds, {name} equal."
            )
            report.figure(pictures.accuracy_by_share(own, SHARES), caption)
    if any(np.isfinite(row.accuracy[ALL]).any() for row in rows):
        report.figure(
            pictures.accuracy_by_cost(rows),
            f"What the accuracy on all of {task.name} costs. Filled: with pooling. Small: equal parameters; large: "
            "equal multiply-adds. Left and high is good.",
        )


COSTS = ("network", "widths", "parameters", "multiply-adds", "memory (kB)", "step (ms)", "predict (µs)")


def costs_of(row: Row) -> tuple[str, ...]:
    """A row of the table of costs."""
    network = row.network
    counts = (f"{network.parameters:,}", f"{network.multiply_adds:,}", f"{network.memory_bytes / 1e3:,.0f}")
    widths = " x ".join(map(str, network.widths))
    return (network.name, widths, *counts, f"{1e3 * row.step_s:.2f}", f"{1e6 * row.predict_s:.0f}")


def spread(accuracies: Array) -> str:
    """Mean and half the range of some seeds, in percent; of those that were finished."""
    done = 100 * accuracies[np.isfinite(accuracies)]
    if not len(done):
        return "not finished"
    half = f" ± {np.ptp(done) / 2:.1f}" if len(done) > 1 else ""
    some = f" ({len(done)} of {len(accuracies)} seeds)" if len(done) < len(accuracies) else ""
    return f"{done.mean():.1f}{half}{some}"
