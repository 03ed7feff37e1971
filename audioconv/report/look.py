"""What all pictures have in common: size, letters, and colours that the colour-blind tell apart."""

WIDTH = 6.0  # inches
DPI = 200
LETTERS = 10  # points
BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6B6B6B"  # Okabe and Ito's: told apart by the colour-blind


def panels_of(rows, columns, height, **shared):
    """A figure and its panels, shape (rows, columns), all of one look."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    panels = figure.subplots(rows, columns, squeeze=False, **shared)
    for panel in panels.flat:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=LETTERS)
    return figure, panels


def label(panel, x=None, y=None, title=None):
    """Label the axes and the panel."""
    if x:
        panel.set_xlabel(x, fontsize=LETTERS)
    if y:
        panel.set_ylabel(y, fontsize=LETTERS)
    if title:
        panel.set_title(title, fontsize=LETTERS + 1, loc="left", parse_math=False)  # a file may be called $^$
