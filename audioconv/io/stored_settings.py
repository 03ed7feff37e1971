"""Settings of a model file, each checked when it is asked for."""

import reprlib
from typing import Any

from audioconv.arrays import number, whole
from audioconv.errors import ArgumentError
from audioconv.io.plain_text import check_text

MOST_TEXT = 200  # characters


class StoredSettings:
    """An object of JSON out of a file that anybody may have written.

    Parameters
    ----------
    values : dict
    name : str
        What it is, in error messages.

    Raises
    ------
    ArgumentError
        If it is no object; by all methods, if a value is missing or not what is asked for.
    """

    def __init__(self, values: object, name: str) -> None:
        if not isinstance(values, dict):
            raise ArgumentError(f"{name} must be an object, not {reprlib.repr(values)}")
        self.values, self.name = values, name

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise ArgumentError(f"{name} of its {self.name} is missing")
        return self.values[name]

    def part(self, name: str) -> "StoredSettings":
        """An object within this one."""
        return StoredSettings(self._value(name), name)

    def whole(self, name: str, least: int, most: int) -> int:
        """A whole number."""
        number(self._limited(name), name, least, most)
        return whole(self._value(name), name, least)

    def number(self, name: str, least: float, most: float) -> float:
        """A finite number."""
        return number(self._limited(name), name, least, most)

    def _limited(self, name: str) -> object:
        """A value that an error may quote."""
        value = self._value(name)
        return value if isinstance(value, (int, float)) and abs(value) < 1e300 else reprlib.repr(value)

    def numbers(self, name: str, least: float, most: float, count: int) -> tuple[float, ...]:
        """From one to `count` numbers."""
        values = self._items(name, count)
        if not values:
            raise ArgumentError(f"{name} must hold at least one number")
        return tuple(StoredSettings({name: value}, self.name).number(name, least, most) for value in values)

    def _items(self, name: str, most: int) -> list[Any]:
        values = self._value(name)
        if not isinstance(values, list) or len(values) > most:
            raise ArgumentError(f"{name} must be a list of at most {most}, not {reprlib.repr(values)}")
        return values

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._value(name)
        if not isinstance(value, bool):
            raise ArgumentError(f"{name} must be true or false, not {reprlib.repr(value)}")
        return value

    def text(self, name: str, most: int = MOST_TEXT) -> str:
        """A text that can be shown anywhere."""
        return check_text(self._value(name), name, most)

    def records(self, name: str, most: int) -> list[dict[str, Any]]:
        """A list of objects that hold numbers alone, such as a history."""
        found = self._items(name, most)
        for record in found:
            for key, value in StoredSettings(record, name).values.items():
                check_text(key, f"a name in {name}", MOST_TEXT)
                if not isinstance(value, (int, float, type(None))):
                    raise ArgumentError(f"{name} must hold numbers, not {reprlib.repr(value)}")
        return found
