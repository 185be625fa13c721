"""`sidestep doctor`: what it says about machines that lack something, without having such a machine."""

import importlib.metadata
import io
import sys

import pytest
from rich.console import Console

from sidestep_tui.cli import checks, doctor
from sidestep_tui.cli.checks import Check
from sidestep_tui.runs.machine import CardSnapshot, MachineSnapshot

CARD = CardSnapshot(0, "NVIDIA GeForce RTX 4090", 24 * 2**30, 4 * 2**30, None, None, None)


def machine(*cards, missing="no NVIDIA driver is installed", disk=10**12):
    return MachineSnapshot(
        cards=cards, cards_missing="" if cards else missing, memory_total=2**34, memory_available=2**33,
        processor=0.1, disk_free=disk,
    )  # fmt: skip


def installed(version):
    """What `importlib.metadata` says of a package of that version, or of one that is not there."""

    def answer(package):
        if version is None:
            raise importlib.metadata.PackageNotFoundError(package)
        return version

    return answer


@pytest.fixture
def torch(monkeypatch):
    """`torch(version, build, answer)`: a torch of this kind is installed; `answer` is what trying it gives."""

    def install(version, build=None, answer=(True, "False")):
        monkeypatch.setattr(importlib.metadata, "version", installed(version))
        monkeypatch.setattr(checks, "torch_build", lambda: build)
        monkeypatch.setattr(checks, "try_python", lambda _: answer)

    return install


def test_a_card_that_tells_no_memory_is_there_all_the_same():
    (card, _host) = checks.check_cards(machine(CardSnapshot(0, "NVIDIA A100 MIG 1g.5gb", 0, 0, None, None, None)))
    assert card.status == "ok"
    assert "A100 MIG 1g.5gb, memory not told" in card.found


@pytest.mark.parametrize(
    ("version", "build", "answer", "cards", "status", "words"),
    [
        (None, None, None, (), "broken", "not installed"),
        ("2.4.0", None, (True, "False"), (), "broken", "2.4.0"),
        ("2.13.0+cpu", None, (False, "ImportError: libgomp"), (), "broken", "ImportError: libgomp"),
        ("2.13.0+cpu", None, (True, "False"), (), "ok", "CPU build"),
        ("2.13.0+cpu", None, (True, "False"), (CARD,), "lack", "beside an NVIDIA card"),
        ("2.13.0", "12.8", (True, "False"), (CARD,), "broken", "cannot use the card"),
        ("2.13.0", "12.8", (True, "True"), (CARD,), "ok", "CUDA 12.8"),
        ("2.13.0", "13.0", (True, "False cuda:0 (sm_61; …): no kernel image"), (CARD,), "broken", "use cuda:0 (sm_61;"),
        ("2.13.0", "13.0", (True, "True cuda:1 (sm_35; …): no kernel image"), (CARD,), "lack", "no kernel image"),
    ],
)
def test_torch(torch, version, build, answer, cards, status, words):
    torch(version, build, answer)
    check = checks.check_torch(machine(*cards))
    assert check.status == status
    assert words in check.found
    assert bool(check.fix) is (status != "ok")


@pytest.mark.parametrize(
    ("text", "build"),
    [
        ("cuda = '12.8'\nhip = None\n", "12.8"),
        ("cuda: Optional[str] = '13.0'\n", "13.0"),
        ("cuda = None\ngit_version = '12.8'\n", None),
    ],
)
def test_the_cuda_build_is_read_from_torchs_files(monkeypatch, tmp_path, text, build):
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('it was imported')")
    (package / "version.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert checks.torch_build() == build


def test_a_broken_torchaudio_is_named_with_its_fix(torch):
    torch("2.11.0", answer=(False, "OSError: libtorchaudio.so: undefined symbol"))
    (check,) = checks.check_torchaudio()
    assert (check.status, check.fix) == ("broken", "pip uninstall torchaudio")
    assert "undefined symbol" in check.found
    torch(None)
    assert checks.check_torchaudio() == []


def test_model_libraries(torch):
    torch("1.0", answer=(False, "ImportError: no"))
    assert checks.check_model_libraries().status == "broken"
    torch(None)
    assert "pip install diffusers" in checks.check_model_libraries().fix


def test_cards_and_memory():
    card, memory = checks.check_cards(machine(CARD))
    assert (card.status, card.found) == ("ok", "NVIDIA GeForce RTX 4090, 20.0 GiB of 24.0 GiB free")
    assert memory.found == "8.0 GiB of 16.0 GiB free"
    assert checks.check_cards(machine())[0].fix.startswith("install the NVIDIA driver")
    assert checks.check_cards(machine(missing="no NVIDIA card is present"))[0].status == "lack"


def test_little_disk_is_a_lack():
    assert checks.check_disk(machine(disk=10**9)).status == "lack"
    assert checks.check_disk(machine()).status == "ok"


def test_a_home_that_cannot_be_written_is_broken(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path / "file"))
    check = checks.check_disk(machine())
    assert (check.status, "Not a directory" in check.found, "SIDESTEP_HOME" in check.fix) == ("broken", True, True)


@pytest.mark.parametrize(
    ("width", "colours", "status"), [(120, "truecolor", "ok"), (60, "truecolor", "lack"), (120, None, "lack")]
)
def test_terminal(monkeypatch, width, colours, status):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "40")
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=stream, force_terminal=True, color_system=colours)
    assert checks.check_terminal(console).status == status


def test_a_pipe_needs_no_terminal():
    assert checks.check_terminal(Console(file=io.StringIO())).status == "ok"


TORCH_WITH_CARDS = """
import types
class Full(RuntimeError): ...
def ones(_size, device):
    if device in FAILS:
        raise FAILS[device]
    return types.SimpleNamespace(add_=lambda _: types.SimpleNamespace(item=lambda: 2))
cuda = types.SimpleNamespace(
    device_count=lambda: 3, is_available=lambda: True, get_arch_list=lambda: ["sm_75", "sm_80"],
    get_device_capability=lambda card: (6, card),
)
FAILS = {fails}
"""


@pytest.mark.parametrize(
    ("fails", "status", "words"),
    [
        ("{}", "ok", "CUDA 13.0"),
        ("{'cuda:0': Full('CUDA error: out of memory')}", "ok", "CUDA 13.0"),
        (
            "{'cuda:1': Full('CUDA error: no kernel image\\nmany words')}",
            "lack",
            "cannot use cuda:1 (sm_61; torch is built for sm_75, sm_80): CUDA error: no kernel image",
        ),
        ("dict.fromkeys(['cuda:0', 'cuda:1', 'cuda:2'], Full('busy'))", "broken", "cannot use cuda:0 (sm_60;"),
    ],
)
def test_each_card_is_asked_for_a_sum(tmp_path, monkeypatch, fails, status, words):
    """A torch can see a card for which it has no kernels, and says so at the first of them."""
    (tmp_path / "torch.py").write_text(TORCH_WITH_CARDS.replace("{fails}", fails))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(importlib.metadata, "version", installed("2.13.0"))
    monkeypatch.setattr(checks, "torch_build", lambda: "13.0")
    check = checks.check_torch(machine(CARD))
    assert check.status == status
    assert words in check.found


def test_programs_are_tried_in_an_interpreter_of_their_own():
    assert checks.try_python("print('first'); print('last')") == (True, "last")
    worked, words = checks.try_python("raise ImportError('broken wheel')")
    assert (worked, words) == (False, "ImportError: broken wheel")
    assert checks.try_python("import os; os.abort()")[0] is False


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("lack", 0), ("broken", 1)])
def test_only_what_is_broken_fails_the_command(sidestep, monkeypatch, status, code):
    monkeypatch.setattr(doctor, "all_checks", lambda _: [Check("disk", status, "[b]full[/b]", "buy one")])
    result = sidestep("doctor")
    assert result.code == code
    assert "[b]full[/b]" in result.out
    assert "fix: buy one" in result.out
    assert sidestep("doctor", "--json").json() == [
        {"name": "disk", "status": status, "found": "[b]full[/b]", "fix": "buy one"}
    ]


@pytest.mark.slow
def test_this_machine_can_do_the_work(sidestep):
    result = sidestep("doctor", "--json")
    found = {check["name"]: check["status"] for check in result.json()}
    assert {name: found[name] for name in ("python", "libraries", "libsndfile", "pyav")} == dict.fromkeys(
        ("python", "libraries", "libsndfile", "pyav"), "ok"
    )
    assert found["torch"] != "broken"
    assert result.code == 0


def test_how_torch_takes_a_cards_memory_is_told_where_it_has_one(monkeypatch):
    words = "torch takes it in segments that grow"
    monkeypatch.setattr(checks, "try_python", lambda _: (True, words))
    monkeypatch.setattr(checks, "torch_build", lambda: "13.0")
    assert checks.check_segments(machine(CARD)) == [Check("card memory", "ok", words)]
    assert checks.check_segments(machine()) == []
    monkeypatch.setattr(checks, "try_python", lambda _: (False, "RuntimeError"))
    assert checks.check_segments(machine(CARD)) == []
