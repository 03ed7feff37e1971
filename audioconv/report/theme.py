"""What all pictures have in common: size, letters, and colours that the colour-blind tell apart."""

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 6.0  # inches
DPI = 200
FONT_SIZE = 10  # points
# Okabe and Ito's: told apart by the colour-blind
BLUE, RED, GREEN, ORANGE, GREY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#6B6B6B"


def subplots(
    rows: int, columns: int, height: float, width: float = WIDTH, dpi: float = DPI, *,
    sharex: bool = False, sharey: bool = False,
) -> "tuple[Figure, Any]":  # fmt: skip
    """A figure and its panels, shape (rows, columns), all of one look; height and width in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained", facecolor="white")
    panels: Any = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    for panel in panels.flat:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=FONT_SIZE)
    return figure, panels


def label(panel: "Axes", x: str | None = None, y: str | None = None, title: str | None = None) -> None:
    """Label the axes and the panel."""
    if x:
        panel.set_xlabel(x, fontsize=FONT_SIZE)
    if y:
        panel.set_ylabel(y, fontsize=FONT_SIZE)
    if title:
        panel.set_title(title, fontsize=FONT_SIZE + 1, loc="left", parse_math=False)  # a file may be called $^$


def wrapped(title: str, inches: float, lines: int = 3) -> str:
    """A title in lines that are no wider; of one that needs more than `lines`, the middle is left out."""
    title = " ".join(title.splitlines())
    length = len(title)
    while True:
        short = (
            title if length >= len(title) else f"{title[: -(-length // 2)]} \u2026 {title[len(title) - length // 2 :]}"
        )
        rows = _rows(short, inches)
        if len(rows) <= lines or length <= 2:
            return "\n".join(rows)
        length = min(length, len(title)) * 9 // 10


def _rows(text: str, inches: float) -> list[str]:
    """The text cut where it becomes too wide: after a space or another sign that parts words, if there is one."""
    rows, wide = list[str](), _Wide(inches)
    while text and wide(text):
        low, high = 1, len(text)  # low fits, or must
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if wide(text[:middle]) else (middle, high)
        cut = max((text.rfind(sign, low // 2, low) + 1 for sign in " _-,.;"), default=0) or low
        rows.append(text[:cut])
        text = text[cut:]
    return [*rows, text] if text or not rows else rows


class _Wide:
    """Whether a text is wider than `inches`, in the letters of titles."""

    def __init__(self, inches: float) -> None:
        from matplotlib.font_manager import FontProperties

        self._points, self._font = 72 * inches, FontProperties(size=FONT_SIZE + 1)

    def __call__(self, text: str) -> bool:
        from matplotlib.textpath import text_to_path

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # that the font has not
            width: float = text_to_path.get_text_width_height_descent(text, self._font, ismath=False)[0]
            return width > self._points
