"""Draw the pictures of lab.md that nothing has to be trained for: python docs/lab_pictures.py"""

from pathlib import Path

from audioconv.lab import dilated, pictures, prior, sparse

FOLDER = Path(__file__).resolve().parent / "lab"


def figures():
    """Names and figures."""
    yield "matrices", pictures.matrices(prior.matrices())
    yield "fields_by_depth", pictures.fields_by_depth(dilated.receptive_fields())
    yield "receptive_fields", sparse.draw_fields(sparse.reaches())
    yield "enlarged", pictures.enlarged(dilated.enlarged(dilated.photograph()))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, figure in figures():
        figure.savefig(FOLDER / f"{name}.png", dpi=90)
