"""A picture of a sound for the page: its waveform as a path."""

from typing import Final

import numpy as np

from sidestep_tui.dataset.audio import Waveform
from sidestep_tui.report.html import Html, element

_WAVE_COLUMNS: Final = 300
_WAVE_HEIGHT: Final = 100


def waveform_picture(waveform: Waveform) -> Html:
    """The lowest and highest sample of each of some hundred slices, as one closed SVG path. [channels, samples]."""
    mono = waveform.mean(axis=0)
    edges = np.linspace(0, mono.size, min(_WAVE_COLUMNS, mono.size) + 1).astype(int)[:-1]
    half = _WAVE_HEIGHT / 2
    tops = np.rint(half - half * np.clip(np.maximum.reduceat(mono, edges), -1, 1)).astype(int)
    bottoms = np.rint(half - half * np.clip(np.minimum.reduceat(mono, edges), -1, 1)).astype(int)
    forth = [f"{x} {y}" for x, y in enumerate(tops.tolist())]
    back = [f"{x} {y}" for x, y in reversed(list(enumerate(bottoms.tolist())))]
    return element(
        "svg",
        element("path", d=f"M{'L'.join([*forth, *back])}Z"),
        viewBox=f"0 0 {edges.size} {_WAVE_HEIGHT}", preserveAspectRatio="none", class_="wave", role="img",
        aria_label="waveform",
    )  # fmt: skip
