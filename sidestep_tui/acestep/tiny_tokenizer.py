"""The tokenizer of the tiny model: byte-level BPE as Qwen3's, trained here in a moment, for text in any script."""

from transformers import PreTrainedTokenizerFast

from sidestep_tui.dataset.prompts import SongFields, lyric_prompt, text_prompt

_END = "<|endoftext|>"
_VOCABULARY = 512

_SONGS = (
    SongFields("warm analog synth pop with a steady kick and airy vocals", 180, None, "en", 120, "C major", "4"),
    SongFields(
        "slow piano ballad, intimate, strings",
        95,
        "[Verse]\nsnow on the river\n[Chorus]\nhold",
        "en",
        72,
        "A minor",
        "3",
    ),
    SongFields("chanson légère à la guitare", 140, "[Couplet]\nl'été s'en va", "fr", 98, "G major", "4"),
)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of 512 tokens that, like the real one, closes every text with one `<|endoftext|>` of its own."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[_END, "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([prompt(song) for song in _SONGS for prompt in (text_prompt, lyric_prompt)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {_END}", special_tokens=[(_END, tokenizer.token_to_id(_END))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token=_END)
