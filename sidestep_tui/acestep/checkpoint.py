"""A model folder as the rest of Side-Step sees it: its numbers, and its modules, loaded one by one when asked for.

Opening reads JSON and headers only; torch is imported by the first `load_…`. No code from the folder is ever run.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidestep_tui.acestep import keymap
from sidestep_tui.acestep.layout import Folders, Layout, find_folders
from sidestep_tui.acestep.model_config import (
    ModelConfig,
    Variant,
    component_arguments,
    find_variant,
    parse_config,
    read_component_config,
    read_json,
)
from sidestep_tui.acestep.safetensors_index import TensorEntry, fingerprint, index_folder
from sidestep_tui.errors import SidestepError

if TYPE_CHECKING:
    import torch
    from diffusers import AceStepTransformer1DModel, AutoencoderOobleck
    from diffusers.pipelines.ace_step import (
        AceStepAudioTokenDetokenizer,
        AceStepAudioTokenizer,
        AceStepConditionEncoder,
    )
    from transformers import PreTrainedTokenizerFast, Qwen3Model

_NOT_WEIGHTS = {"auto_map", "transformers_version", "_diffusers_version", "_name_or_path", "dtype", "torch_dtype"}


def open_checkpoint(path: Path, base: Variant | None = None) -> "Checkpoint":
    """Opens the model at `path`: a model folder of either layout, or a folder that holds exactly one model.

    Args:
        path: for example `checkpoints/acestep-v15-turbo`.
        base: what a community fine-tune was made from; wins over what its config says.

    Raises:
        SidestepError: no model, several models, a damaged config, or an unknown variant.
    """
    folders = find_folders(Path(path))
    if folders.layout is Layout.ORIGINAL:
        document = read_json(folders.root / "config.json")
        config = parse_config(document, document, folders.root / "config.json")
    else:
        document = read_json(folders.part("transformer") / "config.json")
        encoder = read_json(folders.part("condition_encoder") / "config.json")
        config = parse_config(document, encoder, folders.root)
    variant, reason = find_variant(document, base, folders.root)
    return Checkpoint(folders, variant, reason, replace(config, is_turbo=variant is Variant.TURBO))


@dataclass(frozen=True)
class Checkpoint:
    """An opened model folder.

    Every `load_…` returns a frozen module in eval mode, on `device`, with all weights in `dtype`; it raises
    SidestepError when files are missing or damaged, or tensors are missing, unexpected or misshaped.
    `variant_because` says in words how the variant is known.
    """

    folders: Folders
    variant: Variant
    variant_because: str
    config: ModelConfig

    @property
    def path(self) -> Path:
        """The model folder."""
        return self.folders.root

    @property
    def layout(self) -> Layout:
        """`original` or `diffusers`."""
        return self.folders.layout

    @property
    def is_xl(self) -> bool:
        """Whether this is an XL model (4.2 billion parameters in the DiT)."""
        return self.config.is_xl

    def load_transformer(self, device: "torch.device | str", dtype: "torch.dtype") -> "AceStepTransformer1DModel":
        """The diffusion transformer (DiT)."""
        from diffusers import AceStepTransformer1DModel

        return self._load(AceStepTransformer1DModel, "transformer", device, dtype)

    def load_condition_encoder(self, device: "torch.device | str", dtype: "torch.dtype") -> "AceStepConditionEncoder":
        """The condition encoder, with XL's timbre correction where the model is XL; its `silence_latent` is filled."""
        from diffusers.pipelines.ace_step import AceStepConditionEncoder

        from sidestep_tui.acestep.timbre import prepend_special_token

        if self.layout is Layout.DIFFUSERS:
            encoder = self._load(AceStepConditionEncoder, "condition_encoder", device, dtype)
        else:
            silence = self.silence_latent()
            encoder = self._load(
                AceStepConditionEncoder, "condition_encoder", device, dtype, absent=("silence_latent",)
            )
            encoder.silence_latent = silence[None].to(encoder.silence_latent)
        if self.is_xl:
            prepend_special_token(encoder.timbre_encoder)
        return encoder

    def load_audio_tokenizer(self, device: "torch.device | str", dtype: "torch.dtype") -> "AceStepAudioTokenizer":
        """Turns latents at 25 Hz into audio tokens at 5 Hz."""
        from diffusers.pipelines.ace_step import AceStepAudioTokenizer

        return self._load(AceStepAudioTokenizer, "audio_tokenizer", device, dtype)

    def load_audio_token_detokenizer(
        self, device: "torch.device | str", dtype: "torch.dtype"
    ) -> "AceStepAudioTokenDetokenizer":
        """Turns audio tokens at 5 Hz into latents at 25 Hz."""
        from diffusers.pipelines.ace_step import AceStepAudioTokenDetokenizer

        return self._load(AceStepAudioTokenDetokenizer, "audio_token_detokenizer", device, dtype)

    def load_vae(self, device: "torch.device | str", dtype: "torch.dtype") -> "AutoencoderOobleck":
        """The audio autoencoder: 48 kHz stereo to 64 channels at 25 Hz and back."""
        from diffusers import AutoencoderOobleck

        from sidestep_tui.acestep.vae import use_one_buffer
        from sidestep_tui.acestep.weights import build_and_fill

        folder = self.folders.part("vae")
        config, index = read_component_config(folder), index_folder(folder)
        return use_one_buffer(build_and_fill(AutoencoderOobleck, config, index, device, dtype))

    def load_text_encoder(self, device: "torch.device | str", dtype: "torch.dtype") -> "Qwen3Model":
        """Qwen3, which reads the text prompt; its embedding table reads the lyrics."""
        from sidestep_tui.acestep.weights import load_qwen3

        return load_qwen3(self.folders.part("text_encoder"), device, dtype)

    def load_tokenizer(self) -> "PreTrainedTokenizerFast":
        """The text encoder's tokenizer, exactly as its `tokenizer.json` says."""
        from transformers import PreTrainedTokenizerFast

        folder = self.folders.part("tokenizer")
        if not (folder / "tokenizer.json").is_file():
            raise SidestepError(
                "The tokenizer is missing.", where=folder / "tokenizer.json", fix="download the model again"
            )
        return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)

    def silence_latent(self) -> "torch.Tensor":
        """What the VAE makes of silence: [frames, 64], float32 (10 minutes in published models)."""
        from sidestep_tui.acestep.weights import read_silence_file, read_tensor

        if self.layout is Layout.ORIGINAL:
            return read_silence_file(self.path / "silence_latent.pt", self.config.latent_channels)
        entries = self.entries("condition_encoder")
        if "silence_latent" not in entries:
            raise SidestepError("The model has no silence latent.", where=self.path / "condition_encoder")
        return read_tensor(entries["silence_latent"])[0].float()

    def fingerprint(self) -> str:
        """64 hexadecimal digits that identify the DiT and condition encoder weights, wherever the folder lies.

        The two layouts of one model have different ones. VAE and text encoder, the same for all models, do not enter.
        """
        if self.layout is Layout.ORIGINAL:
            document = read_json(self.path / "config.json")
            entries = list(index_folder(self.path).values())
        else:
            parts = ("transformer", "condition_encoder")
            document = {part: read_json(self.folders.part(part) / "config.json") for part in parts}
            entries = [
                replace(entry, name=f"{part}.{name}") for part in parts for name, entry in self.entries(part).items()
            ]
        return fingerprint(_without(document, _NOT_WEIGHTS), entries)

    @cached_property
    def parameter_count(self) -> int:
        """Parameters of the DiT, from the file headers."""
        return sum(entry.parameters for entry in self.entries("transformer").values())

    @property
    def stored_components(self) -> tuple[str, ...]:
        """Which of the model's own components have weights here; the audio tokenizers may be left out in diffusers."""
        if self.layout is Layout.ORIGINAL:
            return tuple(keymap.COMPONENT_PREFIXES)
        return tuple(name for name in keymap.COMPONENT_PREFIXES if (self.path / name).is_dir())

    def arguments(self, component: str) -> dict[str, Any]:
        """What the diffusers class of one component is built with."""
        if self.layout is Layout.ORIGINAL:
            arguments = component_arguments(read_json(self.path / "config.json"), component)
        else:
            arguments = read_component_config(self.folders.part(component))
        if component == "transformer":
            arguments |= {"is_turbo": self.variant is Variant.TURBO, "model_version": str(self.variant)}
        return arguments

    def entries(self, component: str) -> dict[str, TensorEntry]:
        """The stored tensors of one component under their diffusers names."""
        if self.layout is Layout.DIFFUSERS:
            return index_folder(self.folders.part(component))
        found: dict[str, TensorEntry] = {}
        stray: list[str] = []
        for key, entry in index_folder(self.path).items():
            owner = keymap.split_original_key(key)
            if owner is None:
                stray.append(key)
            elif owner[0] == component:
                found[owner[1]] = entry
        if stray:
            raise SidestepError(
                f"{len(stray)} tensors belong to no part of ACE-Step 1.5: {', '.join(stray[:4])}.",
                where=self.path,
                fix="choose the folder of an unmodified ACE-Step 1.5 model",
            )
        return found

    def _load(
        self,
        module_class: Any,
        component: str,
        device: "torch.device | str",
        dtype: "torch.dtype",
        absent: tuple[str, ...] = (),
    ) -> Any:
        from sidestep_tui.acestep.weights import build_and_fill

        return build_and_fill(module_class, self.arguments(component), self.entries(component), device, dtype, absent)


def _without(document: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {
        key: _without(value, keys) if isinstance(value, dict) else value
        for key, value in document.items()
        if key not in keys
    }
