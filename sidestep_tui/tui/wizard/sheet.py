"""A sheet of settings as it is filled in: what its layers, edits and drafts come to. It only reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import SettingField, look_up, put
from sidestep_tui.config.layers import Layer, Problem, merge_layers, problems_of
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.wizard.schema import (
    Difference,
    Draft,
    FieldKey,
    defaults_under,
    fields_of,
    key_of,
    matching,
    stand_in,
    with_edits,
)
from sidestep_tui.tui.wizard.values import plain

DEFAULT: Final = "default"


@dataclass(frozen=True)
class SettingsSheet:
    """A settings document in the making, as it stands.

    Args:
        schema: the settings that are edited.
        layers: what lies beneath the edits: a preset, a config file. Each is valid by itself.
        edits: accepted values, by field.
        drafts: values that were refused, by field.
    """

    schema: type[Section] = TrainSettings
    layers: tuple[Layer, ...] = ()
    edits: Mapping[FieldKey, Any] = field(default_factory=dict)
    drafts: Mapping[FieldKey, Draft] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[SettingField, ...]:
        """Every setting of the schema, of all adapter families."""
        return fields_of(self.schema)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The partial, nested document: the layers with the edits that apply laid over them."""
        return merge_layers(self._layers_with_edits)[0]

    @cached_property
    def origins(self) -> dict[str, str]:
        """Where each value of the document comes from, by dotted path."""
        return merge_layers(self._layers_with_edits)[1]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The defaults for the adapter family of the document."""
        return defaults_under(self.schema, self.document)

    @cached_property
    def applicable(self) -> tuple[SettingField, ...]:
        """The settings that have a meaning as things stand.

        Refused choices count as well: a choice may be refused only because a setting that it brings is still empty.
        """
        document = self.document
        for setting in self.fields:
            draft = self.drafts.get(key_of(setting))
            if draft and draft.value in setting.choices and setting.applies(self.document, self.defaults):
                document = put(document, setting.path, draft.value)
        return tuple(f for f in self.fields if f.applies(document, self.defaults))

    def find(self, path: str) -> SettingField:
        """The setting at a dotted path, the one that applies where several share it.

        Raises:
            KeyError: there is none, or it does not apply.
        """
        for setting in self.applicable:
            if setting.path == path:
                return setting
        raise KeyError(path)

    def value(self, setting: SettingField) -> Any:
        """The accepted value, or the default."""
        return look_up(self.document, setting.path, self.default(setting))

    def shown(self, setting: SettingField) -> Any:
        """What the field shows: the draft, if there is one, else what was edited, else the value."""
        draft = self.drafts.get(key_of(setting))
        return draft.value if draft else self.edits.get(key_of(setting), self.value(setting))

    def default(self, setting: SettingField) -> Any:
        """The default of a setting; None for one that must be given."""
        return plain(setting.default)

    def origin(self, setting: SettingField) -> str:
        """`default`, `preset NAME`, `file NAME` or `edited`; empty for a required setting without a value."""
        if self.is_missing(setting):
            return ""
        kind, _space, name = self.origins.get(setting.path, DEFAULT).partition(" ")
        return f"{kind} {Path(name).name}".strip()

    def error(self, setting: SettingField) -> str | None:
        """Why the draft of a setting cannot be used; None where there is no draft."""
        draft = self.drafts.get(key_of(setting))
        return spoken(draft.message) if draft else None

    def is_missing(self, setting: SettingField) -> bool:
        """Whether the setting must be given and is not."""
        return setting.required and look_up(self.document, setting.path) is None

    @property
    def has_preset(self) -> bool:
        """Whether a preset lies beneath the edits."""
        return any(layer.origin.startswith("preset ") for layer in self.layers)

    def problems(self) -> tuple[Problem, ...]:
        """What keeps the document from being valid, required settings without a value left out."""
        document = self.document
        for setting in self.fields:
            if self.is_missing(setting):
                document = put(document, setting.path, stand_in(setting))
        return problems_of(self.schema, document)

    def missing(self) -> tuple[SettingField, ...]:
        """The settings that must still be given."""
        return tuple(setting for setting in self.applicable if self.is_missing(setting))

    def ready(self) -> bool:
        """Whether the document is whole and valid, with nothing typed left in doubt."""
        return not self.missing() and not any(self.error(f) for f in self.applicable) and not self.problems()

    def settings(self) -> TrainSettings:
        """The document as its model.

        Raises:
            ValidationError: it is not ready.
        """
        return TrainSettings.model_validate(self.document)

    def differences(self) -> tuple[Difference, ...]:
        """The settings that apply and whose value is not the default, in order."""
        return tuple(
            Difference(f, self.value(f), self.default(f), self.origin(f))
            for f in self.applicable
            if not self.is_missing(f) and plain(self.value(f)) != self.default(f)
        )

    def search(self, text: str) -> tuple[SettingField, ...]:
        """The settings that apply whose path or help holds all words of the text; hits in the path first."""
        return matching(self.applicable, text)

    @cached_property
    def _layers_with_edits(self) -> tuple[Layer, ...]:
        return with_edits(self.schema, self.layers, self.edits)
