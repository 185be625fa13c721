"""`sidestep models`: told from configs and headers, without torch."""

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
