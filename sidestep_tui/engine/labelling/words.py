"""What a local model says: the likeliest token after another until the model ends, and how sure it was of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from sidestep_tui.engine.context import JobContext
from sidestep_tui.errors import SidestepError, UsageError, first_line

_TOKENIZERS: Final = ("tokenizer.json", "vocab.json")


@dataclass(frozen=True, slots=True)
class Speaker:
    """A language model of transformers with its tokenizer.

    Attributes:
        context: a request to stop ends an answer in the middle.
        longest: tokens of an answer at most.
        ends: the tokens that end one.
        never: tokens that are never said.
        repetition_penalty: over 1 holds the model back from what it has said (arXiv:1909.05858).
    """

    model: Any
    tokenizer: Any
    context: JobContext
    longest: int
    ends: tuple[int, ...]
    never: tuple[int, ...] = ()
    repetition_penalty: float = 1.0

    @torch.inference_mode()
    def answer(self, prompt: str, beside: Mapping[str, Tensor]) -> tuple[str, float]:
        """The words that follow a prompt, without the token that ends them, and the mean probability of their tokens.

        Args:
            prompt: in the model's own form, special tokens written out.
            beside: what else the model is given, such as the sound.

        Raises:
            SidestepError: the model came to no end, or a stop was asked for.
        """
        device = self.model.device
        asked = self.tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        belief = _Belief(torch.tensor(self.never, dtype=torch.long, device=device))
        generated = self.model.generate(
            input_ids=asked["input_ids"].to(device),
            attention_mask=asked["attention_mask"].to(device),
            **beside,
            max_new_tokens=self.longest,
            do_sample=False,
            repetition_penalty=self.repetition_penalty,
            logits_processor=LogitsProcessorList([belief]),
            stopping_criteria=StoppingCriteriaList([_Asked(self.context)]),
            eos_token_id=list(self.ends),
            pad_token_id=self.tokenizer.pad_token_id,
        )
        tokens = generated[0, asked["input_ids"].shape[1] :].tolist()
        refuse_when_stopped(self.context)
        if tokens[-1] not in self.ends:
            raise SidestepError(
                f"The model came to no end within {self.longest} tokens.", fix="raise longest_answer, or write it"
            )
        return self.tokenizer.decode(tokens[:-1], skip_special_tokens=True).strip(), belief.mean()


def chat_form(system: str, user: str) -> str:
    """What is asked, in the form of Qwen's chats (ChatML), up to where the answer begins."""
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


@contextmanager
def told_as(kind: str, folder: Path) -> Iterator[None]:
    """What transformers cannot read is told as a folder that is no such model.

    Raises:
        UsageError: it cannot.
    """
    fix = "give the folder of a whole download"
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise UsageError(f"This is no {kind}: it has no tokenizer.", where=folder, fix=fix)
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"This is no {kind}: {first_line(error)}", where=folder, fix=fix) from error


def refuse_when_stopped(context: JobContext) -> None:
    """Ends the work on one song when the run is asked to stop.

    Raises:
        SidestepError: it is; the song will be asked about again.
    """
    if context.stop_reason is not None:
        raise SidestepError("A stop was asked for before the answer was whole.")


class _Belief(LogitsProcessor):  # type: ignore[misc]  # transformers is not typed
    """Rules out what is never said; adds up the probability of the likeliest token, which is the one that is taken."""

    def __init__(self, never: Tensor) -> None:
        self._never = never
        self._sum, self._count = 0.0, 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002 - transformers' signature
        scores[:, self._never] = -torch.inf
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
