"""The files of an evaluation: a page for people, and its figures for programs."""

from pathlib import Path

from audioconv import _typing
from audioconv.detect.evaluation.results import Evaluation
from audioconv.errors import AudioFileError
from audioconv.io import atomic_write, display_path, writable_path
from audioconv.io.plain_text import json_text
from audioconv.report._evaluation_page import evaluation_page

PAGE, FIGURES = "report.html", "report.json"


def save_evaluation(
    evaluation: Evaluation, folder: _typing.Path, *, title: str | None = None, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write `report.html` and `report.json` into a folder, each whole or not at all.

    Parameters
    ----------
    evaluation : Evaluation
    folder : path
        Is made if it is not there; the one that holds it must be.
    title : str, optional
        Of the page.
    overwrite : bool
        Whether files of these names that are there are replaced.

    Returns
    -------
    page, figures : Path

    Raises
    ------
    AudioFileError
        If they cannot be written, or are there and are not to be replaced.

    Examples
    --------
    >>> save_evaluation(evaluation, "reports/words")  # doctest: +SKIP
    (PosixPath('reports/words/report.html'), PosixPath('reports/words/report.json'))
    """
    page, figures = check_evaluation_folder(folder, overwrite=overwrite)
    report = evaluation_page(evaluation) if title is None else evaluation_page(evaluation, title)
    text = json_text(evaluation.to_dict(), indent=1, ensure_ascii=False)
    page.parent.mkdir(exist_ok=True)
    with atomic_write(page) as page_part, atomic_write(figures) as figures_part:
        page_part.write_text(report.html(), encoding="utf-8")
        figures_part.write_text(text + "\n", encoding="utf-8")
    return page, figures


def check_evaluation_folder(folder: _typing.Path, *, overwrite: bool) -> tuple[Path, Path]:
    """The paths that `save_evaluation` writes, or an error if it could not; before the work, not after.

    Raises
    ------
    AudioFileError
    """
    place = Path(folder)
    if not place.is_dir():
        writable_path(place)
        if place.exists():
            raise AudioFileError(f"{display_path(place)} is a file; a folder is wanted for {PAGE} and {FIGURES}")
        return place / PAGE, place / FIGURES
    for path in (place / PAGE, place / FIGURES):
        writable_path(path)
        if path.exists() and not overwrite:
            raise AudioFileError(
                f"{display_path(path)} exists and is not overwritten; give another folder, or --force (overwrite=True)"
            )
    return place / PAGE, place / FIGURES
