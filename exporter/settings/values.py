"""Values of options that are more than a number or a text."""

from dataclasses import dataclass


class Secret:
    """Text that shows itself only when asked: its repr and str are a mask."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen. An empty host is every interface; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class BudgetSize:
    """A share of the organisation's rate limit, and a bound besides, in requests a minute."""

    share: float = 0.5
    per_minute: int | None = None
