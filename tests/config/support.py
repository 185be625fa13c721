"""Settings of a training run, whole but for what a test says."""

from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings


def train_settings(**values: object) -> TrainSettings:
    document = {"model": {"checkpoint": "m"}, "data": {"tensors": "t"}}
    for path, value in values.items():
        document = put(document, path.replace("__", "."), value)
    return TrainSettings.model_validate(document)
