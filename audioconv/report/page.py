"""A report as one HTML file that needs nothing else: pictures are inside it."""

import base64
import io as memory
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from audioconv._typing import Path
from audioconv.errors import ShapeError
from audioconv.io import atomic_write
from audioconv.report.sound_card import SoundCard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root { color-scheme: light dark; --line: #8885; }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 44rem; margin: 0 auto; padding: 1rem;
       background: Canvas; color: CanvasText; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 .5rem; padding-top: 1rem;
     border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 2rem 0 .25rem; }
p { margin: .75rem 0; }
figure { margin: 1.25rem 0; }
figure img { display: block; width: 100%; height: auto; border-radius: .4rem; }
@media (max-width: 44rem) { figure img { width: calc(100% + 1.5rem); margin: 0 -.75rem; border-radius: 0; } }
@media (prefers-color-scheme: dark) { figure img { background: white; padding: .6rem; box-sizing: border-box; } }
figcaption { font-size: .9rem; opacity: .8; margin-top: .4rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
summary { cursor: pointer; margin: 1rem 0; }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0; }
.tile { flex: 1 1 max(8rem, calc(100% / var(--columns) - .75rem)); box-sizing: border-box;
        border: 1px solid var(--line);
        border-radius: .4rem; padding: .6rem .75rem; font-size: .85rem;
        line-height: 1.35; }
.tile strong { display: block; font-size: 1.6rem; line-height: 1.25; font-weight: 600; }
.tile span { opacity: .75; }
ul.marked { list-style: none; padding: 0; }
ul.marked li { margin: .55rem 0; padding-left: .75rem; border-left: .3rem solid var(--mark, var(--line)); }
ul.marked b { font-size: .75rem; letter-spacing: .04em; text-transform: uppercase; margin-right: .4rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(15.5rem, 1fr)); gap: 1.25rem 1rem;
         margin: 1rem 0; }
@media (min-width: 76rem) { .cards { margin: 1rem -14rem; } }
.card { font-size: .85rem; line-height: 1.4; min-width: 0; }
.card h4 { font-size: .95rem; margin: 0 0 .35rem; }
.card audio { display: block; width: 100%; height: 2.2rem; margin: .35rem 0; }
.card p { margin: .2rem 0; }
.picture { position: relative; height: 7.5rem; background: white; border: 1px solid var(--line); }
.picture img { width: 100%; height: 100%; display: block; }
.picture i { position: absolute; top: 0; bottom: 0; border-left: 2px dashed #000b; }
.picture small { position: absolute; background: #fffb; color: black; padding: 0 .2rem; font-size: .65rem;
                 line-height: 1.2; }
td.number, th.number { text-align: right; }
"""


class Report:
    """A page of headings, text, tables and figures, in the order in which they are added; `save` writes it.

    Parameters
    ----------
    title : str

    Notes
    -----
    All text is escaped: what it says is what is shown.

    Examples
    --------
    >>> report = Report("A day of recordings")
    >>> report.heading("Levels")
    >>> report.table(["file", "peak"], [["a.wav", 0.5]])
    >>> report.save("report.html")  # doctest: +SKIP
    """

    def __init__(self, title: str) -> None:
        self._title = str(title)
        self._parts: list[str] = []

    def __repr__(self) -> str:
        return f"Report({self._title!r}, {len(self._parts)} parts)"

    def _repr_html_(self) -> str:
        """For a notebook: the page in a frame of its own, so that its style stays its own."""
        return f'<iframe srcdoc="{escape(self.html())}" style="width:100%;height:36rem;border:0"></iframe>'

    def heading(self, text: str) -> None:
        """Begin a section.

        Parameters
        ----------
        text : str
            Its title.
        """
        self._parts.append(f"<h2>{escape(str(text))}</h2>")

    def subheading(self, text: str) -> None:
        """Begin a part of a section.

        Parameters
        ----------
        text : str
            Its title.
        """
        self._parts.append(f"<h3>{escape(str(text))}</h3>")

    def text(self, text: str) -> None:
        """Add a paragraph; empty lines part it into several.

        Parameters
        ----------
        text : str
        """
        for paragraph in str(text).split("\n\n"):
            self._parts.append(f"<p>{escape(paragraph.strip())}</p>")

    def table(self, columns: Sequence[object], rows: Iterable[Iterable[object]], *, folded: str | None = None) -> None:
        """Add a table.

        Parameters
        ----------
        columns : sequence of str
            Names; with none of them given, there is no head line.
        rows : sequence of sequences
            A cell for each column; int and float cells stand at the right.
        folded : str, optional
            Show only this text until it is clicked; for long tables.
        """
        cells = [list(row) for row in rows]
        for row in cells:
            if len(row) != len(columns):
                raise ShapeError(f"a row must have a cell for each of {len(columns)} columns, not {len(row)}: {row}")
        head = "".join(f"<th{_side([row[i] for row in cells])}>{escape(str(c))}</th>" for i, c in enumerate(columns))
        lines = [f"<thead><tr>{head}</tr></thead>"] if any(columns) else []
        for row in cells:
            lines.append(f"<tr>{''.join(f'<td{_side([cell])}>{escape(str(cell))}</td>' for cell in row)}</tr>")
        table = f'<div class="wide"><table>{"".join(lines)}</table></div>'
        if folded is not None:
            table = f"<details><summary>{escape(str(folded))}</summary>{table}</details>"
        self._parts.append(table)

    def tiles(self, figures: Iterable[tuple[str, str, str]]) -> None:
        """Add the few figures that matter, large and beside each other.

        Parameters
        ----------
        figures : iterable of (value, what it is, how far it is known)
        """
        tiles = [
            f'<div class="tile"><strong>{escape(value)}</strong>{escape(what)}<br><span>{escape(known)}</span></div>'
            for value, what, known in figures
        ]
        columns = 3 if len(tiles) == 6 else min(5, len(tiles))
        self._parts.append(f'<div class="tiles" style="--columns:{columns}">{"".join(tiles)}</div>')

    def marked_list(self, items: Iterable[tuple[str, str, str]]) -> None:
        """Add a list whose items each have a coloured mark.

        Parameters
        ----------
        items : iterable of (colour, mark, text)
            The colour as CSS has it, such as "#D55E00".
        """
        lines = [
            f'<li style="--mark:{escape(colour)}"><b>{escape(mark)}</b>{escape(text)}</li>'
            for colour, mark, text in items
        ]
        self._parts.append(f'<ul class="marked">{"".join(lines)}</ul>')

    def cards(self, cards: Iterable[SoundCard]) -> None:
        """Add sounds to play, each with its picture, in a grid.

        Parameters
        ----------
        cards : iterable of SoundCard
        """
        self._parts.append(f'<div class="cards">{"".join(card.html() for card in cards)}</div>')

    def figure(self, figure: "Figure", caption: str) -> None:
        """Add a matplotlib Figure, as it is now.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
        caption : str
            What there is to see; also read out where pictures cannot be seen.
        """
        data = memory.BytesIO()
        figure.savefig(data, format="png", metadata={"Software": None})  # the same picture gives the same bytes
        source = base64.b64encode(data.getvalue()).decode("ascii")
        self._parts.append(
            f'<figure><img alt="{escape(str(caption))}" src="data:image/png;base64,{source}">'
            f"<figcaption>{escape(str(caption))}</figcaption></figure>"
        )

    def html(self) -> str:
        """Return the whole page.

        Returns
        -------
        html : str
        """
        return "\n".join(
            [
                '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{escape(self._title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
                f"<h1>{escape(self._title)}</h1>",
                *self._parts,
                "</body>\n</html>\n",
            ]
        )

    def save(self, path: Path) -> None:
        """Write the page, whole or not at all (atomic write).

        Parameters
        ----------
        path : str or path

        Raises
        ------
        AudioconvError, OSError
            If it cannot be written.
        """
        with atomic_write(path) as part:
            part.write_text(self.html(), encoding="utf-8")


def _side(cells: list[object]) -> str:
    """Numbers stand at the right."""
    return ' class="number"' if cells and all(isinstance(cell, (int, float)) for cell in cells) else ""
