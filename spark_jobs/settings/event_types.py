"""The section `[events]`: the event types, each declared once, and which of them are accepted."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import model_validator

from spark_jobs.settings.rules import Name, Range
from spark_jobs.settings.section import Count, NameList, Section

Weight = Annotated[float, Range(0.000001, 1_000_000, decimals=6)]  # scores are summed in millionths
BASE_TYPES = ("view", "cart", "rating", "purchase")  # the feature tables have a column for each
LONGEST_NAME = 20  # the column of PostgreSQL has as many characters


class EventType(Section):
    """An event type.

    `weight`: of one event in the score; above 0, so that no event is lost. `rated`: its events carry a rating.
    `funnel`: its place in the funnel of the run report, from 1; 0: none.
    """

    weight: Weight
    rated: bool = False
    funnel: Annotated[int, Range(0, 100)] = 0


class Events(Section):
    """The event types, and which of them are accepted, are expected in a busy hour, or are ignored.

    `allowed_types`: the accepted types; without it, all of them. `types`: one section for each type.
    """

    types: dict[Annotated[str, Name(LONGEST_NAME)], EventType]
    allowed_types: NameList
    ignored_types: NameList
    expected_types: NameList
    expected_from_rows: Count

    @model_validator(mode="before")
    @classmethod
    def _order_types(cls, tree: Any) -> Any:
        """Put the types into an order that does not depend on the file, and allow all of them by default."""
        if not isinstance(tree, dict) or not isinstance(types := tree.get("types"), dict):
            return tree
        first = [name for name in BASE_TYPES if name in types]
        ordered = {name: types[name] for name in (*first, *sorted(types.keys() - set(first)))}
        return {"allowed_types": list(ordered)} | tree | {"types": ordered}

    @model_validator(mode="after")
    def _check_names(self) -> "Events":
        if missing := [name for name in BASE_TYPES if name not in self.types]:
            raise ValueError(
                f"events.types must have {', '.join(missing)} too, because the features have a column for each; "
                "to reject a type, set events.allowed_types"
            )
        if not self.allowed_types:
            raise ValueError(f"events.allowed_types must contain at least 1 of {', '.join(self.types)}, not []")
        self.check_known("events.allowed_types", self.allowed_types)
        self.check_known("events.expected_types", self.expected_types)
        if both := sorted(set(self.allowed_types) & set(self.ignored_types)):
            raise ValueError(f"events.ignored_types: {', '.join(both)} must not be in events.allowed_types too")
        return self

    def check_known(self, setting: str, names: Sequence[str]) -> None:
        """Raise ValueError where a setting has a name that is no event type."""
        if unknown := sorted(set(names) - set(self.types)):
            raise ValueError(
                f"{setting} must contain only {', '.join(self.types)}: unknown event type {', '.join(unknown)}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all types."""
        return tuple(self.types)

    @property
    def added(self) -> tuple[str, ...]:
        """Return the types that are not among the basic ones."""
        return tuple(name for name in self.types if name not in BASE_TYPES)

    @property
    def weights(self) -> dict[str, float]:
        """Return the weight of each type in the score."""
        return {name: kind.weight for name, kind in self.types.items()}

    @property
    def rated(self) -> tuple[str, ...]:
        """Return the types whose events carry a rating."""
        return tuple(name for name, kind in self.types.items() if kind.rated)

    @property
    def funnel(self) -> tuple[str, ...]:
        """Return the types of the funnel, in their order."""
        placed = [name for name, kind in self.types.items() if kind.funnel]
        return tuple(sorted(placed, key=lambda name: self.types[name].funnel))
