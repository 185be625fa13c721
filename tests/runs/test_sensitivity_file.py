"""What is said about a sensitivity file that is none."""

import pytest

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.sensitivity_file import USUAL_NAME, read_sensitivity, write_sensitivity


@pytest.mark.parametrize("wrong", [{"rank": float("inf")}, {"rank": None}, {"alpha": "much"}])
def test_a_proposal_that_is_no_number_is_told(tmp_path, wrong):
    proposal = {"module": "layers.0.mlp.up_proj", "rank": 2, "alpha": 4.0}
    document = {"model": "m", "data": "d", "batches": 3, "ranking": [], "proposal": [proposal]}
    write_sensitivity(tmp_path / USUAL_NAME, document)
    assert read_sensitivity(tmp_path).proposal[0].rank == 2
    proposal |= wrong
    write_sensitivity(tmp_path / USUAL_NAME, document)
    with pytest.raises(SidestepError, match="no sensitivity file"):
        read_sensitivity(tmp_path)
