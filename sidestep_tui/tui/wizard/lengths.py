"""How long a run is: the epochs that are usual for so many songs, and the optimizer steps that they come to."""

import math
from itertools import pairwise


def recommended_epochs(songs: int) -> int:
    """Epochs for a set of so many songs: 1000 up to 5, 800 for 10 to 20, 500 for 100, 200 from 400 on.

    What trainers' communities report to work, straight lines over the logarithm between, in fifties.
    """
    known = ((5, 1000), (10, 800), (20, 800), (100, 500), (400, 200))
    if songs <= known[0][0]:
        return known[0][1]
    for (fewer, more_epochs), (more, fewer_epochs) in pairwise(known):
        if songs <= more:
            way = math.log(songs / fewer) / math.log(more / fewer)
            return 50 * round((more_epochs + way * (fewer_epochs - more_epochs)) / 50)
    return known[-1][1]


def optimizer_steps(samples: int, epochs: int, batch_size: int, micro_batches: int) -> int:
    """Optimizer steps of a whole run; the last, smaller group of an epoch makes a step as well."""
    return epochs * math.ceil(math.ceil(samples / batch_size) / micro_batches)
