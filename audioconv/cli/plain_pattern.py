"""Regular expressions out of files of anybody: which of them can take no absurd time, whatever they are asked of."""

import re

MOST_LENGTH = 200
MOST_REPEATS = 3  # each may multiply the time by the length of a name
# an anchor or bracket of a group, which are never repeated; or a character or class, repeated or not
_TOKEN = re.compile(
    r"""(?P<bracket>[\^$)] | \((?:\?:|\?P<\w{1,40}>)?)
      | (?: \\[wWdDsS.\-_+()\[\]] | \[\^?[\w\\\-.\s]{1,80}\] | [\w.\s\-=@,;:%~!] )
        (?P<repeat> (?: [*+?] | \{\d{1,3}(?:,\d{0,3})?\} ) \?? )?""",
    re.VERBOSE,
)


def is_plain_pattern(pattern: str) -> bool:
    """Tell whether a regular expression searches a name in time that is bounded by a power of its length.

    It is made of characters, classes, groups and anchors; at most three characters or classes are repeated, no group
    is, and there are neither alternatives nor references back.

    Parameters
    ----------
    pattern : str

    Returns
    -------
    is_plain : bool
        False also for some that would do no harm.

    Examples
    --------
    >>> is_plain_pattern(r"^(.+)_nohash"), is_plain_pattern(r"^(a+)+$")
    (True, False)
    """
    at = repeats = 0
    while at < min(len(pattern), MOST_LENGTH + 1):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return False
        at, repeats = token.end(), repeats + (token["repeat"] is not None)
    return at <= MOST_LENGTH and repeats <= MOST_REPEATS
