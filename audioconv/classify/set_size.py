"""From which number of clips on a set is trained in the way of large ones.

See docs/architecture/classifiers.md, "Many clips".
"""

MANY_CLIPS = 8000


def is_many(clips: int) -> bool:
    """Whether so many clips, as a rule of many speakers, are a large set."""
    return clips >= MANY_CLIPS
