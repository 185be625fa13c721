"""Every way in which a model folder can be wrong, and what is said about it."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.errors import SidestepError

from .support import edit_config, rewrite


class TestWrongFolders:
    def fails(self, action: Callable[[], object], *words: str) -> None:
        with pytest.raises(SidestepError) as caught:
            action()
        for word in words:
            assert word in str(caught.value)

    def test_no_folder_and_no_model(self, tmp_path: Path) -> None:
        self.fails(lambda: open_checkpoint(tmp_path / "absent"), "no such model folder")
        self.fails(lambda: open_checkpoint(tmp_path), "no ACE-Step 1.5 model")
        (tmp_path / "config.json").write_text('{"model_type": "llama"}')
        self.fails(lambda: open_checkpoint(tmp_path), "no ACE-Step 1.5 model")

    def test_parent_of_several_models_lists_them(self, turbo: Path) -> None:
        self.fails(lambda: open_checkpoint(turbo.parent), "acestep-v15-base, acestep-v15-turbo, acestep-v15-xl-turbo")

    def test_parent_of_one_model_will_do(self, turbo: Path) -> None:
        for other in ("acestep-v15-base", "acestep-v15-xl-turbo"):
            shutil.rmtree(turbo.with_name(other))
        assert open_checkpoint(turbo.parent).path == turbo.resolve()

    def test_broken_and_incomplete_config(self, turbo: Path) -> None:
        edit_config(turbo, remove=("num_hidden_layers",))
        self.fails(lambda: open_checkpoint(turbo), "num_hidden_layers")
        edit_config(turbo, num_hidden_layers=math.inf)
        self.fails(lambda: open_checkpoint(turbo), "lacks a usable value")
        (turbo / "config.json").write_text("{")
        self.fails(lambda: open_checkpoint(turbo), "not valid JSON")

    @pytest.mark.parametrize(("part", "loader"), [("vae", "load_vae"), ("Qwen3-Embedding-0.6B", "load_text_encoder")])
    def test_missing_sibling(self, part: str, loader: str, turbo: Path) -> None:
        shutil.rmtree(turbo.parent / part)
        self.fails(lambda: getattr(open_checkpoint(turbo), loader)("cpu", torch.float32), "missing", part)

    def test_missing_tokenizer_file(self, turbo: Path) -> None:
        (turbo.parent / "Qwen3-Embedding-0.6B" / "tokenizer.json").unlink()
        self.fails(open_checkpoint(turbo).load_tokenizer, "tokenizer is missing")

    def test_missing_weights_and_shards(self, turbo: Path) -> None:
        xl = turbo.with_name("acestep-v15-xl-turbo")
        (xl / "model-00002-of-00004.safetensors").unlink()
        self.fails(lambda: open_checkpoint(xl).load_transformer("cpu", torch.float32), "1 of 4", "model-00002-of-00004")
        (turbo / "model.safetensors").unlink()
        self.fails(lambda: open_checkpoint(turbo).load_transformer("cpu", torch.float32), "no weights")

    @pytest.mark.parametrize("kept", [0, 5, 500, 2_000_000])
    def test_truncated_weights(self, kept: int, turbo: Path) -> None:
        file = turbo / "model.safetensors"
        file.write_bytes(file.read_bytes()[:kept])
        self.fails(
            lambda: open_checkpoint(turbo).load_transformer("cpu", torch.float32),
            "damaged or was not downloaded completely",
        )

    def test_missing_unexpected_and_misshaped_tensors_are_named_at_once(self, turbo: Path) -> None:
        def spoil(tensors: dict[str, torch.Tensor]) -> None:
            del tensors["decoder.norm_out.weight"]
            tensors["decoder.extra"] = torch.zeros(1)
            tensors["decoder.proj_in.1.bias"] = torch.zeros(3)

        rewrite(turbo / "model.safetensors", spoil)
        self.fails(
            lambda: open_checkpoint(turbo).load_transformer("cpu", torch.float32),
            "1 missing (norm_out.weight)",
            "1 unexpected (extra)",
            "1 misshaped (proj_in_conv.bias [3] instead of [64])",
        )

    def test_tensors_of_no_part(self, turbo: Path) -> None:
        rewrite(turbo / "model.safetensors", lambda tensors: tensors.update({"head.weight": torch.zeros(1)}))
        self.fails(
            lambda: open_checkpoint(turbo).load_transformer("cpu", torch.float32),
            "1 tensors belong to no part",
            "head.weight",
        )

    def test_incomplete_text_encoder(self, turbo: Path) -> None:
        def spoil(tensors: dict[str, torch.Tensor]) -> None:
            del tensors["layers.0.mlp.up_proj.weight"]

        rewrite(turbo.parent / "Qwen3-Embedding-0.6B" / "model.safetensors", spoil)
        self.fails(
            lambda: open_checkpoint(turbo).load_text_encoder("cpu", torch.float32),
            "1 missing",
            "layers.0.mlp.up_proj.weight",
        )

    @pytest.mark.parametrize("content", [{"a": torch.zeros(1)}, torch.zeros(1, 3, 5), torch.nn.Linear(1, 1)])
    def test_foreign_silence_latent(self, content: object, turbo: Path) -> None:
        torch.save(content, turbo / "silence_latent.pt")
        self.fails(lambda: open_checkpoint(turbo).load_condition_encoder("cpu", torch.float32), "silence latent")

    def test_damaged_or_missing_silence_latent(self, turbo: Path) -> None:
        (turbo / "silence_latent.pt").write_bytes(b"nonsense")
        self.fails(open_checkpoint(turbo).silence_latent, "silence latent")
        (turbo / "silence_latent.pt").unlink()
        self.fails(open_checkpoint(turbo).silence_latent, "no silence latent")
