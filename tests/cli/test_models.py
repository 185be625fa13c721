"""`sidestep models`: told from configs and headers, without torch."""

import hashlib
import json
import shutil
import subprocess
import sys


def test_inspect_tells_layout_variant_and_sizes(sidestep, tiny_checkpoint):
    document = sidestep("models", "inspect", tiny_checkpoint, "--json").json()
    assert (document["layout"], document["variant"], document["is_xl"]) == ("diffusers", "turbo", False)
    assert document["parts"]["transformer"]["parameters"] == document["dit_parameters"]
    assert {"vae", "text_encoder", "condition_encoder"} <= set(document["parts"])
    assert document["missing"] == []
    assert f"{document['dit_parameters']:,} parameters" in sidestep("models", "inspect", tiny_checkpoint).out


def test_inspect_reads_the_original_layout(sidestep, reference_checkpoint):
    document = sidestep("models", "inspect", reference_checkpoint("acestep-v15-xl-turbo"), "--json").json()
    assert (document["layout"], document["variant"], document["is_xl"]) == ("original", "turbo", True)
    assert document["parts"]["model"]["parameters"] > document["dit_parameters"]


def test_inspect_names_what_is_missing_and_fails(sidestep, tiny_checkpoint, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(tiny_checkpoint, model)
    shutil.rmtree(model / "vae")
    (model / "tokenizer" / "tokenizer.json").unlink()
    result = sidestep("models", "inspect", model, "--json")
    assert result.code == 1
    assert [lack["where"] for lack in result.json()["missing"]] == [str(model / "vae"), str(model / "tokenizer")]
    assert "missing" in sidestep("models", "inspect", model).out


def test_list_finds_the_models_in_a_folder(sidestep, reference_checkpoint):
    folder = reference_checkpoint("acestep-v15-turbo").parent
    listed = sidestep("models", "list", folder, "--json").json()
    assert {model["name"]: model["variant"] for model in listed} == {
        "acestep-v15-base": "base",
        "acestep-v15-turbo": "turbo",
        "acestep-v15-xl-turbo": "turbo",
    }
    assert "xl turbo" in sidestep("models", "list", folder).out


def test_list_looks_in_the_usual_places(sidestep, reference_checkpoint, tmp_path, monkeypatch):
    folder = reference_checkpoint("acestep-v15-turbo").parent
    monkeypatch.chdir(tmp_path)
    assert "models download" in sidestep("models", "list").out
    monkeypatch.setenv("ACESTEP_CHECKPOINTS_DIR", str(folder))
    assert len(sidestep("models", "list", "--json").json()) == 3


def test_a_fine_tune_asks_for_its_base(sidestep, reference_checkpoint, tmp_path):
    model = tmp_path / "checkpoints" / "my-tune"
    shutil.copytree(reference_checkpoint("acestep-v15-turbo").parent, model.parent)
    (model.parent / "acestep-v15-turbo").rename(model)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({k: v for k, v in config.items() if "turbo" not in f"{k}{v}"}))
    result = sidestep("models", "inspect", model)
    assert result.code == 1
    assert "--base" in result.err
    document = sidestep("models", "inspect", model, "--base", "sft", "--json").json()
    assert (document["variant"], document["variant_because"]) == ("sft", "as given with --base")


def test_inspect_says_why_and_gives_checksums(sidestep, reference_checkpoint):
    model = reference_checkpoint("acestep-v15-turbo")
    document = sidestep("models", "inspect", model, "--checksum", "--json").json()
    assert document["variant_because"] == "model_version in its config"
    assert len(document["fingerprint"]) == 64
    file = model / "model.safetensors"
    assert document["sha256"][str(file)] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "model_version in its config" in sidestep("models", "inspect", model).out


def test_convert_there_and_back(sidestep, reference_checkpoint, tmp_path):
    model = reference_checkpoint("acestep-v15-xl-turbo")
    there, back = tmp_path / "there", tmp_path / "checkpoints" / "back"
    lines = sidestep("models", "convert", model, "--layout", "diffusers", "--output", there, "--json").json_lines()
    assert lines[-1]["layout"] == "diffusers"
    assert lines[-2]["done"] == lines[-2]["total"] > 10
    result = sidestep("models", "convert", there, "--layout", "original", "--output", back)
    assert (result.code, "original layout" in result.out) == (0, True)
    fingerprints = [sidestep("models", "inspect", path, "--json").json()["fingerprint"] for path in (model, back)]
    assert fingerprints[0] == fingerprints[1]
    assert sidestep("models", "convert", there, "--layout", "original", "--output", back).code == 1


def test_list_of_a_folder_without_models(sidestep, tmp_path):
    assert sidestep("models", "list", tmp_path, "--json").json() == []
    assert "no ACE-Step 1.5 model" in sidestep("models", "list", tmp_path).out
    assert sidestep("models", "list", tmp_path / "nowhere").code == 1


def test_a_folder_that_is_no_model_is_an_error_with_a_fix(sidestep, tmp_path):
    result = sidestep("models", "inspect", tmp_path)
    assert result.code == 1
    assert "fix:" in result.err


def test_inspect_loads_no_torch(tiny_checkpoint):
    program = (
        "import sys\n"
        "from sidestep_tui.cli.main import main\n"
        "main(['models', 'inspect', sys.argv[1]])\n"
        "print('LOADED', 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tiny_checkpoint)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED False"
