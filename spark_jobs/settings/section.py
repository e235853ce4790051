"""What the sections of the settings share: strict types, and types that more than one section uses."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from spark_jobs.settings.rules import Names, Range

Count = Annotated[int, Range(0, 1_000_000_000)]
NameList = Annotated[tuple[str, ...], Field(strict=False), Names()]  # TOML has lists, not tuples


class Section(BaseModel):
    """A section of the settings. Types are strict: text is no number, and an unknown key is refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
