"""Frozen values with named fields.

What `dataclasses.dataclass(frozen=True)` gives, without importing `dataclasses`, which costs
15 ms on every start because it imports `inspect` and `re`. Type checkers see a frozen dataclass
(PEP 681), so nothing is lost where it matters.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, TypeVar

    from typing_extensions import Self, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_options: object) -> Callable[[T], T]:
        """Stand in for `typing.dataclass_transform`, which only type checkers read."""
        return lambda cls: cls


@dataclass_transform(frozen_default=True, eq_default=True)
class Record:
    """A frozen value: equal by its fields, hashable, replaceable, never assigned to.

    Subclasses annotate their fields in order; a class attribute of the same name is its default.
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        """Learn the fields from the annotations, base classes first, and their defaults."""
        own = (name for name in cls.__annotations__ if not name.startswith("_"))
        cls._fields = (*cls._fields, *own)
        cls._defaults = {name: getattr(cls, name) for name in cls._fields if hasattr(cls, name)}

    def __init__(self, *values: Any, **named: Any) -> None:  # noqa: ANN401 - fields have any type
        """Take each field once, by position or by name; raise TypeError otherwise."""
        fields = self._fields
        if len(values) > len(fields):
            message = f"{type(self).__name__} takes {len(fields)} values, not {len(values)}"
            raise TypeError(message)
        # There are many of these, and all of this is done by C.
        state = self.__dict__
        state.update(self._defaults)
        state.update(zip(fields, values, strict=False))
        if named:
            for name in named:
                if name not in fields or name in fields[: len(values)]:
                    message = f"{type(self).__name__}: {name!r} is given twice or is not a field"
                    raise TypeError(message)
            state.update(named)
        if len(state) < len(fields):
            name = next(name for name in fields if name not in state)
            message = f"{type(self).__name__} needs {name!r}"
            raise TypeError(message)

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - fields have any type
        """Return a copy in which the named fields have the given values."""
        if type(self).__init__ is not Record.__init__:
            # It works something out from its fields.
            return type(self)(**{**self.__dict__, **changes})
        for name in changes:
            if name not in self._fields:
                message = f"{type(self).__name__}: {name!r} is not a field"
                raise TypeError(message)
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changes)
        return copy

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a judged value must stay what it was when it was judged."""
        message = f"{type(self).__name__} is frozen; use replace({name}=…)"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> None:
        """Refuse, as assignment does."""
        message = f"{type(self).__name__} is frozen"
        raise AttributeError(message)

    def _values(self) -> tuple[object, ...]:
        return tuple(self.__dict__[name] for name in self._fields)

    def __eq__(self, other: object) -> bool:
        """Compare type and fields."""
        if type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        """Hash type and fields."""
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        """Show the fields by name."""
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({shown})"
