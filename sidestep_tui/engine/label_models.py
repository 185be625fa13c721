"""Captions and lyrics by local models: the listening half ("thinker") of Qwen2.5-Omni, as ACE-Step's own are.

ACE-Step/acestep-captioner and ACE-Step/acestep-transcriber are fine-tunes of Qwen2.5-Omni-7B; prompts and the form of
the answers are those of their model cards. Nothing is downloaded, and no code of a model folder is executed. The
speaking half is not loaded.
"""

import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from transformers import (
    AutoTokenizer,
    LogitsProcessor,
    LogitsProcessorList,
    Qwen2_5OmniThinkerForConditionalGeneration,
    StoppingCriteria,
    StoppingCriteriaList,
    WhisperFeatureExtractor,
)

from sidestep_tui.config.label import LabelSettings
from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.dataset.language import language_code
from sidestep_tui.dataset.providers.base import Answer, Usage
from sidestep_tui.dataset.song import Song
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.devices import free_memory, named_device
from sidestep_tui.errors import SidestepError, UsageError

_SYSTEM: Final = (
    "You are Qwen, a virtual human developed by the Qwen Team, Alibaba Group, capable of perceiving auditory and "
    "visual inputs, as well as generating text and speech."
)
_TASKS: Final = {
    "captioner": "*Task* Describe this audio in detail",
    "transcriber": "*Task* Transcribe this audio in detail",
}
_FIELDS: Final = {"captioner": frozenset({"caption"}), "transcriber": frozenset({"lyrics", "language"})}
_LYRICS_HEAD: Final = "# Lyric"
_LANGUAGES_HEAD: Final = "# Language"
_REPETITION_PENALTY: Final = 1.05
"""Lyrics repeat; a model that follows them too well would never come out of a chorus."""


def local_providers(context: JobContext, settings: LabelSettings) -> Iterator["LocalModel"]:
    """The models that the settings name, one in memory at a time.

    Raises:
        UsageError: a folder is no Qwen2.5-Omni model.
    """
    for role, folder in (("captioner", settings.captioner), ("transcriber", settings.transcriber)):
        if folder is None or (settings.fields and not _FIELDS[role] & set(settings.fields)):
            continue
        context.phase("opening the model", subject=str(folder))
        model = LocalModel(role, folder, context, settings)
        yield model
        model.close()


class LocalModel:
    """One model as a provider.

    Args:
        role: `captioner` or `transcriber`.
        folder: a transformers checkpoint of Qwen2.5-Omni, whole or its thinker alone.
        context: a request to stop ends an answer in the middle.
        settings: the device, and where an answer is cut off.
    """

    def __init__(self, role: str, folder: Path, context: JobContext, settings: LabelSettings) -> None:
        self.name = folder.name
        self.fields = _FIELDS[role]
        self._task = _TASKS[role]
        self._context = context
        self._longest = settings.longest_answer
        self._device = named_device(settings.device)
        self._turn = threading.Lock()
        dtype = torch.bfloat16 if self._device.type == "cuda" else torch.float32
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._features: Any = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
            model: Any = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(
                folder, local_files_only=True, dtype=dtype
            )
        except (OSError, ValueError, KeyError) as error:
            first = str(error).strip().partition("\n")[0]
            raise UsageError(
                f"This is no Qwen2.5-Omni model: {first}", where=folder, fix="give the folder of a whole download"
            ) from error
        self._model: Any = model.eval().to(self._device)

    def close(self) -> None:
        """Gives the memory back to the device."""
        self._model = None
        free_memory()

    def label(self, song: Song, fields: Collection[str]) -> Answer:
        """Listens to a song, at most to as much of it as the model can hear (five minutes); one at a time.

        Raises:
            SidestepError: the song cannot be read, the model came to no end, or a stop was asked for.
        """
        rate = int(self._features.sampling_rate)
        seconds = self._features.n_samples / rate
        mono = read_audio(song.audio_path, rate, max_seconds=seconds).mean(axis=0)
        with self._turn:
            text, confidence = self._answer(mono, rate)
        usage = Usage(requests=1, audio_seconds=min(song.duration, seconds))
        values = {name: value for name, value in self._values(text).items() if name in fields}
        return Answer(values, dict.fromkeys(values, confidence), usage)

    def _values(self, text: str) -> dict[str, str]:
        return {"caption": " ".join(text.split())} if "caption" in self.fields else read_transcript(text)

    @torch.inference_mode()
    def _answer(self, mono: Any, rate: int) -> tuple[str, float]:
        """The model's words, and the mean probability of its tokens."""
        heard = self._features(
            mono, sampling_rate=rate, padding="max_length", return_attention_mask=True, return_tensors="pt"
        )
        frames = int(heard["attention_mask"].sum())
        prompt = self._tokenizer(
            chat_prompt(self._task, self._tokenizer.audio_token, audio_tokens(frames)), return_tensors="pt"
        )
        belief = _Belief()
        generated = self._model.generate(
            input_ids=prompt["input_ids"].to(self._device),
            attention_mask=prompt["attention_mask"].to(self._device),
            input_features=heard["input_features"].to(self._device, self._model.dtype),
            feature_attention_mask=heard["attention_mask"].to(self._device),
            max_new_tokens=self._longest,
            do_sample=False,
            repetition_penalty=_REPETITION_PENALTY,
            logits_processor=LogitsProcessorList([belief]),
            stopping_criteria=StoppingCriteriaList([_Asked(self._context)]),
            eos_token_id=self._tokenizer.eos_token_id,
            pad_token_id=self._tokenizer.pad_token_id,
        )
        tokens = generated[0, prompt["input_ids"].shape[1] :]
        if self._context.stop_reason is not None:
            raise SidestepError("A stop was asked for before the answer was whole.")
        if int(tokens[-1]) != self._tokenizer.eos_token_id:
            raise SidestepError(
                f"The model came to no end within {self._longest} tokens.", fix="raise longest_answer, or write it"
            )
        return self._tokenizer.decode(tokens, skip_special_tokens=True).strip(), belief.mean()


def chat_prompt(task: str, audio_token: str, count: int) -> str:
    """The prompt in Qwen's chat form, with room for `count` tokens of audio after the task, as the model cards say."""
    audio = f"<|audio_bos|>{audio_token * count}<|audio_eos|>"
    return (
        f"<|im_start|>system\n{_SYSTEM}<|im_end|>\n<|im_start|>user\n{task}\n{audio}<|im_end|>\n<|im_start|>assistant\n"
    )


def audio_tokens(frames: int) -> int:
    """Tokens for so many mel frames: a convolution of stride 2, then a pooling by 2 (Qwen2.5-Omni's audio encoder)."""
    return ((frames - 1) // 2 + 1 - 2) // 2 + 1


def read_transcript(text: str) -> dict[str, str]:
    """Lyrics and language of a transcriber's answer, `# Languages` above `# Lyrics`; plain lyrics without heads."""
    head, found, lyrics = text.partition(_LYRICS_HEAD)
    if not found:
        return {"lyrics": text.strip()} if text.strip() else {}
    values = {"lyrics": lyrics.partition("\n")[2].strip()}
    named = head.partition(_LANGUAGES_HEAD)[2].partition("\n")[2].split()
    code = language_code(named[0].strip(",")) if named else None
    if code is not None:
        values["language"] = code
    return {name: value for name, value in values.items() if value}


class _Belief(LogitsProcessor):  # type: ignore[misc]  # transformers is not typed
    """Changes nothing; adds up the probability of the likeliest token, which is the one that is taken."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002 - transformers' signature
        self._sum += float(scores[0].float().softmax(-1).max())
        self._count += 1
        return scores

    def mean(self) -> float:
        return self._sum / max(1, self._count)


class _Asked(StoppingCriteria):  # type: ignore[misc]  # transformers is not typed
    """Ends an answer when the run is asked to stop."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: Any) -> Tensor:  # noqa: ARG002 - transformers' signature
        asked = self._context.stop_reason is not None
        return torch.full((input_ids.shape[0],), asked, device=input_ids.device, dtype=torch.bool)
