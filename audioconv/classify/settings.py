"""Frozen dataclasses of settings that a scikit-learn estimator takes as a parameter."""

from dataclasses import Field, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, repr=False)
class Settings:
    """Settings that `clone` copies, that nested parameters reach, and whose repr names what differs from defaults."""

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the settings, in their order.

        Returns
        -------
        names : list of str
        """
        return [field.name for field in fields(cls)]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name, as scikit-learn's `clone` wants them.

        Parameters
        ----------
        deep : bool
            There for scikit-learn; no setting has settings of its own.

        Returns
        -------
        params : dict of name -> value
        """
        return {name: getattr(self, name) for name in self.names()}

    @classmethod
    def from_stored(cls, stored: dict[str, Any]) -> Self:
        """Return the settings that a model file holds; of another version those that are known.

        Parameters
        ----------
        stored : dict of name -> value
            As JSON has them, which knows lists alone.

        Returns
        -------
        settings : Settings
        """
        known = {name: value for name, value in stored.items() if name in cls.names()}
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in known.items()})

    def __repr__(self) -> str:
        changed = [f"{f.name}={_value(self, f)!r}" for f in fields(self) if _value(self, f) != f.default]
        return f"{type(self).__name__}({', '.join(changed)})"


def _value(settings: Settings, field: "Field[Any]") -> Any:
    return getattr(settings, field.name)
