"""Captions and genres by ACE-Step's own language model (acestep-5Hz-lm-0.6B, 1.7B, 4B), which reads audio codes.

A model's VAE and audio tokenizer turn a song into codes, five a second, each a token of the language model. Asked to
understand them, it thinks aloud in lines of `name: value` in alphabetical order (bpm, caption, duration, genres,
keyscale, language, timesignature), then writes lyrics. Template and order are those of acestep/llm_inference.py. Tempo,
key and lyrics it makes up as often as not (upstream's tutorial warns of them), so the thought alone is asked for, and a
known tempo is put into its mouth.
"""

import re
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.layout import find_folders
from sidestep_tui.acestep.vae import encode_audio
from sidestep_tui.config.label import MODEL_FIELDS, LabelSettings
from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.dataset.measure import SILENCE_PEAK
from sidestep_tui.dataset.providers.base import Answer, Usage
from sidestep_tui.dataset.song import Song
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.devices import named_device, usual_dtype
from sidestep_tui.engine.labelling.words import Speaker, chat_form, refuse_when_stopped, told_as
from sidestep_tui.errors import SidestepError, UsageError

_SYSTEM: Final = (
    "# Instruction\nUnderstand the given musical conditions and describe the audio semantics accordingly:\n\n"
)
_USUAL_CODEC: Final = "acestep-v15-turbo"
_THOUGHT_ENDS: Final = "</think>"
_GENRE: Final = "genres"
"""What the model calls `genre`."""
_LINE: Final = re.compile(r"(\w+):(.*)", re.DOTALL)
_NOTHING: Final = frozenset({"", "n/a", "unknown", "none"})


class LanguageModel:
    """The language model, and the codec that it hears with, as a provider.

    Args:
        folder: of the language model.
        codec: an ACE-Step model of either layout.
        context: a request to stop ends an answer in the middle.
        settings: the device, and where an answer is cut off.

    Raises:
        SidestepError: a folder is no such model, or the two do not belong together.
    """

    def __init__(self, folder: Path, codec: Path, context: JobContext, settings: LabelSettings) -> None:
        self.name = folder.name
        self.fields = frozenset(MODEL_FIELDS["lm"])
        self._context = context
        self._turn = threading.Lock()
        device = named_device(settings.device)
        checkpoint = open_checkpoint(codec)
        self._vae = checkpoint.load_vae(device, usual_dtype(device))
        self._codec = checkpoint.load_audio_tokenizer(device, torch.float32)  # codes are rounded: half would tip them
        self._silence = checkpoint.silence_latent()[None].to(device)
        with told_as("language model of ACE-Step", folder):
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            codes = _codes(tokenizer, self._codec.quantizer.codebook_size)
            model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=usual_dtype(device))
        ends = (tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(_THOUGHT_ENDS))
        longest = settings.longest_answer
        self._speaker = Speaker(model.eval().to(device), tokenizer, context, longest, ends, never=codes)

    def close(self) -> None:
        """Lets the memory go, though somebody may still hold this provider."""
        del self._speaker, self._vae, self._codec, self._silence

    def label(self, song: Song, fields: Collection[str]) -> Answer:
        """Listens to a whole song; one at a time.

        Raises:
            SidestepError: the song cannot be read, the model came to no end, or a stop was asked for.
        """
        waveform = read_audio(song.audio_path)
        if abs(waveform).max() <= SILENCE_PEAK:
            raise SidestepError("The song is silent.", where=song.audio_path, fix="remove it")
        with self._turn:
            heard = "".join(f"<|audio_code_{code}|>" for code in self._hear(waveform))
            known = "" if song.bpm is None else f"bpm: {song.bpm}\n"
            text, confidence = self._speaker.answer(f"{chat_form(_SYSTEM, heard)}<think>\n{known}", {})
        values = {name: value for name, value in read_thought(text).items() if name in fields}
        return Answer(values, dict.fromkeys(values, confidence), Usage(requests=1, audio_seconds=song.duration))

    @torch.inference_mode()
    def _hear(self, waveform: Any) -> list[int]:
        """The codes of a song [2, samples], five for each second."""

        def after_tile(_done: int, _total: int) -> None:
            refuse_when_stopped(self._context)

        latents, _ = encode_audio(self._vae, torch.from_numpy(waveform), progress=after_tile)
        _, indices = self._codec.tokenize(latents[None].to(self._silence), self._silence)
        found: list[int] = indices.flatten().tolist()
        return found


def find_codec(folder: Path) -> Path:
    """A model beside a language model, as they are downloaded: turbo, else the first by name.

    Raises:
        UsageError: there is none.
    """
    models = []
    for beside in sorted(folder.resolve().parent.iterdir()):
        try:
            models.append(find_folders(beside).root)
        except (SidestepError, OSError):  # anything else, or a folder that may not be read
            continue
    if not models:
        raise UsageError(
            "No ACE-Step model lies beside the language model, which cannot hear without one.",
            where=folder,
            fix="name one as codec, such as checkpoints/acestep-v15-turbo",
        )
    return next((model for model in models if model.name == _USUAL_CODEC), models[0])


def read_thought(text: str) -> dict[str, str]:
    """The fields of a thought: `name: value`, where an indented line goes on with the value above it."""
    values = {}
    for line in re.split(r"\n(?=\w+:)", text):
        read = _LINE.match(line.strip())
        value = "" if read is None else _unquoted(" ".join(read[2].split()))
        if read is not None and value.lower() not in _NOTHING:
            values["genre" if read[1] == _GENRE else read[1]] = value
    return values


def _unquoted(value: str) -> str:
    """YAML puts quotes around what holds a colon, single ones doubled inside."""
    for quote in "'\"":
        if len(value) > 1 and value[0] == value[-1] == quote:
            return value[1:-1].replace("''", "'") if quote == "'" else value[1:-1].replace('\\"', '"')
    return value


def _codes(tokenizer: Any, size: int) -> tuple[int, ...]:
    """The tokens that are audio codes.

    Raises:
        ValueError: some are missing, or the one that ends a thought.
    """
    names = [*(f"<|audio_code_{code}|>" for code in range(size)), _THOUGHT_ENDS]
    tokens: list[int | None] = tokenizer.convert_tokens_to_ids(names)
    known = [token for token in tokens if token not in (None, tokenizer.unk_token_id)]
    if len(known) < len(names):
        raise ValueError(f"its tokenizer lacks some of the {size} audio codes")
    return tuple(token for token in known[:-1] if token is not None)
