"""What every group of settings is made of: a frozen, closed pydantic model whose fields say how they are shown."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

Tier = Literal["basic", "advanced"]


class Section(BaseModel):
    """A group of settings: frozen, no unknown fields, each field's docstring is its help text."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        validate_default=True,
        protected_namespaces=(),
    )


@dataclass(frozen=True, slots=True)
class When:
    """A field applies only while the setting `path` has one of `values`."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """How a setting meets people; put it into the field's `Annotated[...]`.

    Args:
        tier: `basic` fields are in the wizard's first view, `advanced` ones behind a key.
        unit: what the number counts, for labels and tables.
        empty: what an empty value comes to, in a word or two; a dash where nobody says.
        when: the condition under which the field applies.
        variants: the models' variants that heed it; empty for all of them.
        short: a short flag beside the dotted one.
        personal: a path or a device: never part of a preset.
        resumable: may differ between a run and its resumption without changing the mathematics. Folders that are
            opened again may have moved: what lies in them is known by its fingerprint.
    """

    tier: Tier = "basic"
    unit: str = ""
    empty: str = ""
    when: When | None = None
    variants: tuple[str, ...] = ()
    short: str | None = None
    personal: bool = False
    resumable: bool = False


def split_captions(text: str) -> tuple[str, ...]:
    """The captions in a setting that holds several, separated by `|`."""
    return tuple(caption for part in text.split("|") if (caption := part.strip()))
