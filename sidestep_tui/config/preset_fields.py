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
    "ema_decay": "training.ema_decay",
    "cfg_ratio": "objective.condition_dropout",
    "snr_gamma": "objective.min_snr_gamma",
    "timestep_mu": "objective.timestep_mu",
    "timestep_sigma": "objective.timestep_sigma",
    "save_every": "checkpoints.every_epochs",
    "save_every_n_epochs": "checkpoints.every_epochs",
}
"""Numbers that mean the same."""

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
TIMESTEPS: Final = {"continuous": "model", "discrete": "turbo", "logit-normal": "logit_normal"}

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
}
"""Fields that have nothing to be here, and why."""
