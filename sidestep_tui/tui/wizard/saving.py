"""What the wizard can save: its settings as a preset, or the whole document as a config file."""

from pathlib import Path

from sidestep_tui.config.places import is_there, user_presets, whole_path
from sidestep_tui.config.presets.keeping import save_preset, taken_by
from sidestep_tui.config.presets.preset import Preset, without_personal
from sidestep_tui.files import write_json_atomic
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.values import plain


def has_preset(name: str) -> bool:
    """Whether the user has a preset of this name."""
    return taken_by(name, user_presets()) is not None


def save_as_preset(document: WizardDocument, name: str, *, overwrite: bool = False) -> Path:
    """Saves the settings without paths and devices.

    Raises:
        SidestepError: the name is taken or no name for a file.
    """
    settings = without_personal(document.document)
    return save_preset(Preset(name, "saved from the wizard", settings), overwrite=overwrite)


def file_exists(name: str) -> bool:
    """Whether saving as this file would replace one."""
    return is_there(whole_path(name))


def save_as_file(document: WizardDocument, name: str) -> Path:
    """Saves the whole document as a config file and gives its path.

    Raises:
        SidestepError: it cannot be written.
    """
    path = whole_path(name)
    write_json_atomic(path, plain(document.document))
    return path
