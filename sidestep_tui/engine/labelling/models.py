"""The models of this machine that a labelling run asks, one in memory at a time.

Nothing is downloaded, and no code of a model folder is executed.
"""

from collections.abc import Collection, Iterator

from sidestep_tui.config.label import MODEL_FIELDS, LabelSettings
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.devices import free_memory
from sidestep_tui.engine.labelling.language_model import LanguageModel, find_codec
from sidestep_tui.engine.labelling.omni import OmniModel


def local_models(
    context: JobContext, settings: LabelSettings, fields: Collection[str]
) -> Iterator[LanguageModel | OmniModel]:
    """The models that the settings name and that fill what is wanted. Each is let go when the next is asked for.

    Args:
        fields: what is wanted; empty wants all.

    Raises:
        UsageError: none is named or fills it, or a folder is no such model.
    """
    settings.check_models(fields)
    for role, folder in settings.models().items():
        if fields and set(fields).isdisjoint(MODEL_FIELDS[role]):
            continue
        context.phase("opening the model", subject=str(folder))
        model: LanguageModel | OmniModel
        if role == "lm":
            model = LanguageModel(folder, settings.codec or find_codec(folder), context, settings)
        else:
            model = OmniModel(role, folder, context, settings)
        yield model
        model.close()
        free_memory()
