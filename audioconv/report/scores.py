"""Scores of classifiers: confusion matrices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audioconv._typing import IntArray
from audioconv.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from rich.table import Table


def confusion_matrix(y_true: Sequence[object], y_pred: Sequence[object], labels: Sequence[object]) -> IntArray:
    """Count how often each label was predicted for each true label, as `sklearn.metrics.confusion_matrix`.

    Parameters
    ----------
    y_true, y_pred : sequences of labels, one a clip
    labels : sequence of labels
        The order of rows and columns.

    Returns
    -------
    counts : int array, shape (labels, labels)
        Row: the true label; column: the predicted one.

    Raises
    ------
    ShapeError
        If y_true and y_pred differ in length.
    ArgumentError
        If they hold a label that is not in `labels`.

    Examples
    --------
    >>> confusion_matrix(["yes", "no", "no"], ["yes", "no", "yes"], ["no", "yes"]).tolist()
    [[1, 1], [0, 1]]
    """
    if len(y_true) != len(y_pred):
        raise ShapeError(f"y_true and y_pred must have one label a clip each, not {len(y_true)} and {len(y_pred)}")
    index = {str(label): i for i, label in enumerate(labels)}
    missing = sorted({str(label) for label in (*y_true, *y_pred)} - set(index))
    if missing:
        raise ArgumentError(f"labels must hold every label; missing: {', '.join(missing)}")
    counts = np.zeros((len(index), len(index)), np.int64)
    for true, predicted in zip(y_true, y_pred, strict=True):
        counts[index[str(true)], index[str(predicted)]] += 1
    return counts


def confusion_table(counts: IntArray, labels: Sequence[object]) -> "Table":
    """Make a table of the counts for a terminal, with the recall of each label.

    Parameters
    ----------
    counts : int array, shape (labels, labels)
        As `confusion_matrix` gives them.
    labels : sequence of labels

    Returns
    -------
    table : rich.table.Table

    Examples
    --------
    >>> table = confusion_table(np.array([[9, 1], [0, 10]]), ["no", "yes"])
    >>> [column.header for column in table.columns]
    ['', 'no', 'yes', 'recall']
    """
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title="rows: what it was; columns: what the model said", title_style="", box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
    table.add_column("")
    for label in labels:
        table.add_column(escape(str(label)), justify="right")
    table.add_column("recall", justify="right")
    for i, row in enumerate(counts):
        cells = [f"[bold]{count}[/]" if i == j else str(count or "·") for j, count in enumerate(row)]
        table.add_row(escape(str(labels[i])), *cells, f"{row[i] / row.sum():.1%}" if row.sum() else "-")
    return table
