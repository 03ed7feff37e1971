"""The card of a model: what it was made of, for whom it works, and where it does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from audioconv._typing import ArrayLike
from audioconv.arrays import is_finite
from audioconv.classify.settings import Settings
from audioconv.errors import ArgumentError
from audioconv.io.plain_text import check_text

MOST_TEXT = 10_000  # characters of a text, ...
MOST_FACTS, MOST_FACT = 100, 200  # ... facts, and characters of a fact
LINE_ENDS = "\n"

Fact: TypeAlias = int | float | str


@dataclass(frozen=True, repr=False)
class ModelCard(Settings):
    """What those want to know who decide whether to use a model: texts of whoever made it, and what training recorded.

    It is kept in the model's file. `audioconv info` and reports show it.

    Parameters
    ----------
    data : str
        What the model was trained on, and where that is from.
    licence : str
        Of the model, and of its data.
    recipe : str
        How it was trained, beyond what the settings say.
    speakers : str
        Who is heard in the data, and so whom the model may be expected to hear.
    limits : str
        What it was not tested for, and what it is known to get wrong.
    thresholds : str
        How they were chosen, beyond what the facts say.
    facts : dict of name -> number or text
        What `fit` and `calibrate` record: clips, speakers, hours. No dates, so that the same training gives the same
        file.

    Raises
    ------
    ArgumentError
        For what is no text, longer than 10,000 characters, or holds control characters.

    Examples
    --------
    >>> from audioconv.classify import ModelCard
    >>> ModelCard(licence="CC BY 4.0", limits="Not tested with children.")
    ModelCard(licence='CC BY 4.0', limits='Not tested with children.')
    """

    data: str = ""
    licence: str = ""
    recipe: str = ""
    speakers: str = ""
    limits: str = ""
    thresholds: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.text_names():
            check_text(getattr(self, name), name, MOST_TEXT, allowed=LINE_ENDS)
        if not isinstance(self.facts, Mapping) or len(self.facts) > MOST_FACTS:
            raise ArgumentError(f"facts must be a dict of at most {MOST_FACTS} numbers and texts")
        object.__setattr__(self, "facts", dict(self.facts))
        for name, fact in self.facts.items():
            check_text(name, "the name of a fact", MOST_FACT)
            if not is_finite(fact):
                check_text(fact, f"fact {name}", MOST_FACT)

    def __repr__(self) -> str:
        given = {name: value for name, value in self.get_params().items() if value}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    @classmethod
    def text_names(cls) -> list[str]:
        """Return the names of the texts, in their order.

        Returns
        -------
        names : list of str
        """
        return [name for name in cls.names() if name != "facts"]

    def with_facts(self, facts: Mapping[str, Fact | None]) -> "ModelCard":
        """Return the card with more facts.

        Parameters
        ----------
        facts : dict of name -> number or text
            In the place of those of the same names; None leaves one out.

        Returns
        -------
        card : ModelCard
        """
        merged = {**self.facts, **facts}
        return replace(self, facts={name: fact for name, fact in merged.items() if fact is not None})


def card_of(stored: Any) -> ModelCard:
    """The card that a model file or a table of texts holds.

    Raises
    ------
    ArgumentError
        If it is none.
    """
    if not isinstance(stored, Mapping) or not stored.keys() <= set(ModelCard.names()):
        raise ArgumentError(f"a card must be a table of {', '.join(ModelCard.names())}")
    return ModelCard(**stored)


def count_speakers(groups: ArrayLike | None) -> int | None:
    """How many speakers there are, if they are known."""
    return None if groups is None else len(np.unique(np.asarray(groups).astype(str)))
