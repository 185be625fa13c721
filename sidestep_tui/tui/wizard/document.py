"""The settings document while it is being edited: pure state, no widgets.

Everything is derived from the schema. An edit is taken when the whole document stays valid; otherwise what was typed is
kept as a draft beside its message, and is tried again after every later edit. Edits of settings that do not apply at
the moment (another adapter family's rank, say) are kept aside and come back when they apply again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from sidestep_tui.config.base import Section
from sidestep_tui.config.config_file import read_config_file
from sidestep_tui.config.fields import SettingField, look_up, put
from sidestep_tui.config.layers import Layer, Problem, merge_layers, problems_of
from sidestep_tui.config.presets import Preset
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import UsageError
from sidestep_tui.texts import _
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

S = TypeVar("S", bound=Section)
DEFAULT: Final = "default"


@dataclass(frozen=True)
class WizardDocument:
    """A settings document in the making. Every change gives a new one.

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
        return draft.message if draft else None

    def is_missing(self, setting: SettingField) -> bool:
        """Whether the setting must be given and is not."""
        return setting.required and look_up(self.document, setting.path) is None

    def edit(self, setting: SettingField, value: Any) -> "WizardDocument":
        """Sets a value, or keeps it as a draft with the reason why it cannot be used."""
        key = key_of(setting)
        edits = {k: v for k, v in self.edits.items() if k != key}
        drafts = {k: d for k, d in self.drafts.items() if k != key}
        beneath = replace(self, edits=edits, drafts=drafts)
        if setting.required and value in ("", None):
            return beneath._settled()
        if plain(beneath.value(setting)) == plain(value) and not beneath.is_missing(setting):
            candidate = beneath
        else:
            candidate = replace(beneath, edits={**edits, key: value})
        if problems := candidate.problems():
            return replace(self, drafts={**drafts, key: Draft(value, _message(problems, setting))})
        return candidate._settled()

    def reset(self, setting: SettingField) -> "WizardDocument":
        """Takes the edit and the draft of a setting back."""
        key = key_of(setting)
        drafts = {k: d for k, d in self.drafts.items() if k != key}
        candidate = replace(self, edits={k: v for k, v in self.edits.items() if k != key}, drafts=drafts)
        if problems := candidate.problems():
            return replace(self, drafts={**drafts, key: Draft(candidate.value(setting), _words(problems[0]))})
        return candidate._settled()

    def set_all(self, values: Mapping[str, Any]) -> "WizardDocument":
        """Several edits by dotted path, one after another."""
        changed = self
        for path, value in values.items():
            changed = changed.edit(changed.find(path), value)
        return changed

    def with_preset(self, preset: Preset) -> "WizardDocument":
        """The document with this preset beneath the edits, in place of the one before."""
        layer = Layer(f"preset {preset.name}", preset.settings)
        return self._rebased((layer, *(other for other in self.layers if not other.origin.startswith("preset "))))

    def without_preset(self) -> "WizardDocument":
        """The document with no preset beneath the edits."""
        return self._rebased(tuple(layer for layer in self.layers if not layer.origin.startswith("preset ")))

    def with_file(self, path: Path) -> "WizardDocument":
        """The document with a config file, or a run's, between the preset and the edits.

        Raises:
            UsageError: it cannot be read, or has settings that cannot be used.
        """
        layers = (
            *(layer for layer in self.layers if not layer.origin.startswith("file ")),
            Layer(f"file {path}", read_config_file(path)),
        )
        if problems := replace(self, layers=layers, edits={}, drafts={}).problems():
            raise UsageError("; ".join(map(_words, problems)), where=path, fix=_("correct the file"))
        return self._rebased(layers)

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

    def settings(self, model: type[S]) -> S:
        """The document as its model.

        Raises:
            ValidationError: it is not ready.
        """
        return model.model_validate(self.document)

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

    def _settled(self) -> "WizardDocument":
        """Tries every draft once more: what was refused may fit now."""
        settled = self
        for setting in self.fields:
            draft = self.drafts.get(key_of(setting))
            if draft and setting in settled.applicable:
                edits = {**settled.edits, key_of(setting): draft.value}
                rest = {k: d for k, d in settled.drafts.items() if k != key_of(setting)}
                candidate = replace(settled, edits=edits, drafts=rest)
                if problems := candidate.problems():
                    draft = Draft(draft.value, _message(problems, setting))
                    settled = replace(settled, drafts={**rest, key_of(setting): draft})
                else:
                    settled = candidate
        return settled

    def _rebased(self, layers: tuple[Layer, ...]) -> "WizardDocument":
        """The edits replayed over other layers; one that no longer fits becomes a draft."""
        rebased = replace(self, layers=layers, edits={}, drafts=self.drafts)
        for setting in self.fields:
            key = key_of(setting)
            if key not in self.edits:
                continue
            candidate = replace(rebased, edits={**rebased.edits, key: self.edits[key]})
            problems = candidate.problems()
            if problems:
                draft = Draft(self.edits[key], _words(problems[0]))
                rebased = replace(rebased, drafts={**rebased.drafts, key: draft})
            else:
                rebased = candidate
        return rebased._settled()


def _message(problems: tuple[Problem, ...], setting: SettingField) -> str:
    """What is wrong with a value: the problem of its own setting, or one that it brings about elsewhere."""
    return next((p.message for p in problems if p.path == setting.path), _words(problems[0]))


def _words(problem: Problem) -> str:
    return f"{problem.path}: {problem.message}"
