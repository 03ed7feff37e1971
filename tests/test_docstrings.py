"""Every public object says what it is, what it takes and gives, and shows it in an example that runs."""

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate

from tests import surface

RULES = {
    "GL03": "two blank lines together",
    "GL06": "a section that numpydoc does not know",
    "GL07": "sections in another order than numpydoc's",
    "GL08": "no docstring",
    "SS03": "a summary without a period at its end",
    "SS06": "a summary of more than one line",
    "PR01": "parameters that are not documented",
    "PR02": "documented parameters that the signature does not have",
    "PR03": "parameters in another order than the signature's",
    "PR04": "a parameter without its type",
    "RT01": "no section Returns",
    "YD01": "no section Yields",
    "EX01": "no section Examples",
}
EXAMPLES = ("function", "class", "protocol", "error")  # methods are shown by the example of their class


class Docstring(Validator):
    """A docstring by itself: numpydoc's comments that switch rules off do not count."""

    source_file_def_line = None

    def __init__(self, obj_name):
        super().__init__(get_doc_object(obj_name, config={"show_class_members": False}))


def errors_of(public):
    found = dict(validate(public.object, validator_cls=Docstring)["errors"])
    ignored = set() if public.kind in EXAMPLES else {"EX01"}
    if public.kind in ("error", "protocol"):  # made with whatever every exception takes, or not at all
        ignored |= {"PR01"}
    return [f"{code} {found[code]}" for code in sorted(set(found) & set(RULES) - ignored)]


def test_every_public_object_is_documented():
    wrong = {public.name: errors for public in surface.everything() if (errors := errors_of(public))}
    say = "\n".join(f"{name}: {'; '.join(errors)}" for name, errors in sorted(wrong.items()))
    assert not wrong, f"docstrings of {len(wrong)} public objects are incomplete:\n{say}"


def good(x, taps):
    """Do something.

    Parameters
    ----------
    x : float array, shape (samples,)
    taps : int

    Returns
    -------
    y : float array, shape (samples,)

    Examples
    --------
    >>> good(1, 2)
    3
    """
    return x + taps


def undocumented(x): ...


def swapped(x, taps):
    """Do something
    in two lines"""
    return x


swapped.__doc__ = good.__doc__.replace("    x : float array, shape (samples,)\n", "").replace(
    "Do something.", "Do\n    it"
)


def test_what_is_documented_passes():
    assert errors_of(surface.Public("good", good)) == []


@pytest.mark.parametrize(
    ("function", "codes"), [(undocumented, ["GL08"]), (swapped, ["PR01", "SS03", "SS06"])], ids=["nothing", "half"]
)
def test_what_is_not_documented_fails(function, codes):
    assert [error[:4] for error in errors_of(surface.Public("function", function))] == codes
