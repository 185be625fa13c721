"""The settings document while it is being edited: pure state, no widgets.

Everything is derived from the schema. An edit is taken when the whole document stays valid; otherwise what was typed is
kept as a draft beside its message, and is tried again after every later edit. Edits of settings that do not apply at
the moment (another adapter family's rank, say) are kept aside and come back when they apply again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sidestep_tui.config.config_file import read_config_file
from sidestep_tui.config.fields import SettingField
from sidestep_tui.config.layers import Layer, Problem
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import UsageError
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.schema import Draft, key_of
from sidestep_tui.tui.wizard.sheet import SettingsSheet
from sidestep_tui.tui.wizard.values import plain


@dataclass(frozen=True)
class WizardDocument(SettingsSheet):
    """A sheet that can be changed. Every change gives a new one."""

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
            return replace(self, drafts={**drafts, key: Draft(candidate.value(setting), problems[0].told)})
        return candidate._settled()

    def set_all(self, values: Mapping[str, Any]) -> "WizardDocument":
        """Several edits by dotted path, one after another."""
        changed = self
        for path, value in values.items():
            changed = changed.edit(changed.find(path), value)
        return changed

    def with_preset(self, preset: Preset) -> "WizardDocument":
        """The document with this preset beneath the edits, in place of the one before.

        Raises:
            UsageError: it cannot be used together with the config file above it.
        """
        layer = Layer(f"preset {preset.name}", preset.settings)
        layers = (layer, *(other for other in self.layers if not other.origin.startswith("preset ")))
        return self._rebased(layers, preset.name, _("choose another preset: the config file contradicts this one"))

    def without_preset(self) -> "WizardDocument":
        """The document with no preset beneath the edits.

        Raises:
            UsageError: the config file above it cannot be used without it.
        """
        layers = tuple(layer for layer in self.layers if not layer.origin.startswith("preset "))
        return self._rebased(layers, None, _("load another preset in its place"))

    def heeds_preset(self) -> bool:
        """Whether any value is the preset's: a whole config file above it leaves it no word."""
        return any(origin.startswith("preset ") for origin in self.origins.values())

    def with_file(self, path: Path) -> "WizardDocument":
        """The document with a config file, or a run's, between the preset and the edits.

        Raises:
            UsageError: it cannot be read, or has settings that cannot be used.
        """
        layers = (
            *(layer for layer in self.layers if not layer.origin.startswith("file ")),
            Layer(f"file {path}", read_config_file(path, TrainSettings)),
        )
        return self._rebased(layers, path, _("correct the file"))

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

    def _rebased(self, layers: tuple[Layer, ...], where: object, fix: str) -> "WizardDocument":
        """The edits replayed over other layers; one that no longer fits becomes a draft.

        Raises:
            UsageError: the layers cannot be used together; with `where` and `fix`.
        """
        if problems := replace(self, layers=layers, edits={}, drafts={}).problems():
            raise UsageError("; ".join(p.told for p in problems), where=where, fix=fix)
        rebased = replace(self, layers=layers, edits={}, drafts=self.drafts)
        for setting in self.fields:
            key = key_of(setting)
            if key not in self.edits:
                continue
            candidate = replace(rebased, edits={**rebased.edits, key: self.edits[key]})
            problems = candidate.problems()
            if problems:
                draft = Draft(self.edits[key], problems[0].told)
                rebased = replace(rebased, drafts={**rebased.drafts, key: draft})
            else:
                rebased = candidate
        return rebased._settled()


def _message(problems: tuple[Problem, ...], setting: SettingField) -> str:
    """What is wrong with a value: the problem of its own setting, or one that it brings about elsewhere."""
    return next((p.message for p in problems if p.path == setting.path), problems[0].told)
