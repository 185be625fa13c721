"""The fields of the older Side-Step trainer's presets, and the settings that they are here."""

from collections.abc import Mapping
from typing import Final

METADATA: Final = frozenset({"name", "description", "_comment", "preset_name"})

PLAIN_FIELDS: Final[Mapping[str, str]] = {
    "learning_rate": "optimizer.learning_rate",
    "weight_decay": "optimizer.weight_decay",
    "max_grad_norm": "optimizer.gradient_clip",
    "warmup_steps": "schedule.warmup_steps",
    "cosine_eta_min_ratio": "schedule.final_ratio",
    "cosine_restarts_count": "schedule.restarts",
    "epochs": "training.epochs",
    "max_epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "gradient_accumulation": "training.gradient_accumulation",
    "gradient_accumulation_steps": "training.gradient_accumulation",
    "seed": "training.seed",
    "max_steps": "training.max_steps",
    "target_loss": "training.target_loss",
    "ema_decay": "training.ema_decay",
    "cfg_ratio": "objective.condition_dropout",
    "snr_gamma": "objective.min_snr_gamma",
    "timestep_mu": "objective.timestep_mu",
    "timestep_sigma": "objective.timestep_sigma",
    "save_every": "checkpoints.every_epochs",
    "save_every_n_epochs": "checkpoints.every_epochs",
}
"""Numbers that mean the same."""

ZERO_IS_OFF: Final = frozenset({"max_steps", "target_loss"})
"""Numbers whose 0 is our empty default."""

_LORA: Final = {"rank": "adapter.rank", "alpha": "adapter.alpha", "dropout": "adapter.dropout"}
FAMILY_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "lora": _LORA,
    "dora": _LORA,
    "lokr": {
        "lokr_linear_dim": "adapter.rank",
        "lokr_linear_alpha": "adapter.alpha",
        "lokr_factor": "adapter.factor",
    },
    "loha": {"loha_linear_dim": "adapter.rank", "loha_linear_alpha": "adapter.alpha"},
    "oft": {"oft_block_size": "adapter.block_size"},
}
"""Numbers that count only for the preset's own adapter family."""

SCHEDULES: Final = {
    "constant_with_warmup": "constant",
    "cosine_with_restarts": "cosine_restarts",
    "cosine_annealing_warm_restarts": "cosine_restarts",
    "poly": "polynomial",
}
WEIGHTINGS: Final = {"none": "flat"}
QUANTISED: Final = {"qfloat8": "fp8", "qint8": "int8", "qint4": "nf4"}
TIMESTEPS: Final = {"continuous": "model", "discrete": "turbo", "logit-normal": "logit_normal"}

_PATH: Final = "is a path: it belongs to a machine"
_LOADING: Final = "reading the songs needs no setting"
_OTHER_LOSS: Final = "the loss is the model's own mean square"
_OTHER_FORM: Final = "this form of the adapter family is not offered"
_SMOOTHED: Final = "training.target_window decides how it is smoothed"
_GENERATION: Final = "belongs to generation, not to training"
_ALWAYS_LOGGED: Final = "every step is recorded"
_BEST: Final = "the best checkpoint is always kept"
_NOT_LOADED: Final = "nothing but the DiT is loaded while training"
ALWAYS_DROPPED: Final[Mapping[str, str]] = {
    "shift": _GENERATION,
    "num_inference_steps": _GENERATION,
    "log_every": _ALWAYS_LOGGED,
    "log_heavy_every": _ALWAYS_LOGGED,
    "save_best": _BEST,
    "save_best_after": _BEST,
    "save_best_every_n_steps": _BEST,
    "offload_encoder": _NOT_LOADED,
    "gradient_checkpointing_ratio": "counted with gradient_checkpointing",
    "bias": "the model's linear layers have no bias",
    "val_split": "validation.songs counts songs instead of a share",
    "dataset_repeats": "repeats belong to the songs of the data set",
    "crop_mode": "data.crop_seconds alone decides",
    "precision": "is chosen for the machine",
    "device": "is chosen for the machine",
    "early_stop_patience": "validation.patience counts validations on held-out songs instead",
    "target_loss_floor": _SMOOTHED,
    "target_loss_warmup": _SMOOTHED,
    "target_loss_smoothing": _SMOOTHED,
    "weight_qtype": "counted with weight_quantize",
    "warmup_start_factor": "the warm-up starts at a tenth",
    "ema_start_step": "the average starts with the run",
    "chunk_decay_every": "windows cover each song evenly",
    **dict.fromkeys(("loss_fn", "huber_delta", "channel_balance", "dynamic_channel_balance"), _OTHER_LOSS),
    **dict.fromkeys(("vae_channel_prior", "latent_noise", "t_bias", "legacy_loss"), _OTHER_LOSS),
    **dict.fromkeys(("lokr_decompose_both", "lokr_use_tucker", "lokr_use_scalar"), _OTHER_FORM),
    **dict.fromkeys(("lokr_weight_decompose", "loha_use_tucker", "loha_use_scalar", "loha_factor"), _OTHER_FORM),
    **dict.fromkeys(("oft_coft", "oft_eps"), _OTHER_FORM),
    **dict.fromkeys(("num_workers", "pin_memory", "prefetch_factor", "persistent_workers"), _LOADING),
    **dict.fromkeys(("checkpoint_dir", "dataset_dir", "output_dir", "log_dir", "resume_from"), _PATH),
}
"""Fields that have nothing to be here, and why."""

OTHER_FAMILY: Final = "belongs to another adapter family"
UNKNOWN: Final = "is not a setting here"
OFF: Final = "0 switches it off, as is the default"
EMPTY: Final = "is empty"
NO_MODULES: Final = "names none of the modules"
ONE_LIST: Final = "one list for both attentions"
WHOLE_SONGS: Final = "whole songs are the default"
IN_FRAMES: Final = "counted in frames"
REASONS: Final = (
    OTHER_FAMILY, UNKNOWN, OFF, EMPTY, NO_MODULES, ONE_LIST, WHOLE_SONGS, IN_FRAMES,
    *dict.fromkeys(ALWAYS_DROPPED.values()),
)  # fmt: skip
"""Every reason that is the same for all presets; people read it in their language."""
