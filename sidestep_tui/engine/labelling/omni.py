"""Captions and lyrics by local models: the listening half ("thinker") of Qwen2.5-Omni, as ACE-Step's own are.

ACE-Step/acestep-captioner and ACE-Step/acestep-transcriber are fine-tunes of Qwen2.5-Omni-7B; prompts and the form of
the answers are those of their model cards. Nothing is downloaded, and no code of a model folder is executed. The
speaking half is not loaded.
"""

import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from transformers import AutoTokenizer, Qwen2_5OmniThinkerForConditionalGeneration, WhisperFeatureExtractor

from sidestep_tui.config.label import MODEL_FIELDS, LabelSettings, ModelRole
from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.dataset.language import language_code
from sidestep_tui.dataset.providers.base import Answer, Usage
from sidestep_tui.dataset.song import Song
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.devices import named_device, usual_dtype
from sidestep_tui.engine.labelling.words import Speaker, chat_form, told_as

_SYSTEM: Final = (
    "You are Qwen, a virtual human developed by the Qwen Team, Alibaba Group, capable of perceiving auditory and "
    "visual inputs, as well as generating text and speech."
)
_TASKS: Final = {
    "captioner": "*Task* Describe this audio in detail",
    "transcriber": "*Task* Transcribe this audio in detail",
}
_LYRICS_HEAD: Final = "# Lyric"
_LANGUAGES_HEAD: Final = "# Language"
_REPETITION_PENALTY: Final = 1.05
"""Lyrics repeat; a model that follows them too well would never come out of a chorus."""


class OmniModel:
    """One model as a provider.

    Args:
        role: `captioner` or `transcriber`.
        folder: a transformers checkpoint of Qwen2.5-Omni, whole or its thinker alone.
        context: a request to stop ends an answer in the middle.
        settings: the device, and where an answer is cut off.
    """

    def __init__(self, role: ModelRole, folder: Path, context: JobContext, settings: LabelSettings) -> None:
        self.name = folder.name
        self.fields = frozenset(MODEL_FIELDS[role])
        self._task = _TASKS[role]
        self._turn = threading.Lock()
        device = named_device(settings.device)
        with told_as("Qwen2.5-Omni model", folder):
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._features: Any = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
            model: Any = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(
                folder, local_files_only=True, dtype=usual_dtype(device)
            )
        self._speaker = Speaker(
            model.eval().to(device),
            tokenizer,
            context,
            settings.longest_answer,
            ends=(tokenizer.eos_token_id,),
            repetition_penalty=_REPETITION_PENALTY,
        )

    def close(self) -> None:
        """Lets the memory go, though somebody may still hold this provider."""
        del self._speaker

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

    def _answer(self, mono: Any, rate: int) -> tuple[str, float]:
        """The model's words, and the mean probability of its tokens."""
        heard = self._features(
            mono, sampling_rate=rate, padding="max_length", return_attention_mask=True, return_tensors="pt"
        )
        mask, audio_token = heard["attention_mask"], self._speaker.tokenizer.audio_token
        sound = f"<|audio_bos|>{audio_token * audio_tokens(int(mask.sum()))}<|audio_eos|>"
        model = self._speaker.model
        beside = {
            "input_features": heard["input_features"].to(model.device, model.dtype),
            "feature_attention_mask": mask.to(model.device),
        }
        return self._speaker.answer(chat_form(_SYSTEM, f"{self._task}\n{sound}"), beside)


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
