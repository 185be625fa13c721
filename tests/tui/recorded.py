"""Events as engines of runs write them, the same in every test: training runs and rankings of layers."""

import math

from sidestep_tui.config.jobs import JobName
from sidestep_tui.runs import events as ev


def training_events(steps: int, total: int = 1200, *end: ev.Event) -> list[ev.Event]:
    """The events of a training run after `steps` of `total` steps; a validation and a checkpoint every 100."""
    events: list[ev.Event] = [started("train"), ev.PhaseChanged(phase="training"), _planned(total)]
    for step in range(1, steps + 1):
        events.append(_step(step, total))
        if step % 100 == 0:
            loss = 0.75 * math.exp(-step / 200) + 0.42
            bands = (0.6 * loss, loss, 1.4 * loss)
            events.append(ev.ValidationCompleted(step=step, loss=loss, train_loss=loss - 0.05, bands=bands))
            events.append(ev.CheckpointSaved(step=step, path=f"checkpoints/step-{step:08d}"))
    memory = ev.DeviceSampled(
        process_bytes=3 * 2**30,
        device_bytes=9 * 2**30,
        device_total_bytes=24 * 2**30,
        utilisation=0.97,
        power_watts=312.0,
        temperature=64.0,
    )
    return [*events, memory, *end]


def sensitivity_event(batches: int) -> ev.SensitivityUpdated:
    """A ranking of 24 layers after so many of 24 batches: the middle layers' attention reacts most."""
    parts = [f"{block}.{p}_proj" for block in ("self_attn", "cross_attn") for p in "qkvo"]
    parts += [f"mlp.{name}_proj" for name in ("gate", "up", "down")]
    modules = [
        ev.ModuleSensitivity(
            module=f"layers.{layer}.{part}",
            sensitivity=math.exp(-abs(layer - 14) / 4 - index / 3),
            stderr=0.1 * math.exp(-abs(layer - 14) / 4 - index / 3),
        )
        for layer in range(24)
        for index, part in enumerate(parts)
    ]
    ranked = tuple(sorted(modules, key=lambda module: -module.sensitivity))
    return ev.SensitivityUpdated(batches_done=batches, batches_total=24, modules=ranked)


def started(job: JobName) -> ev.RunStarted:
    """The first event of a run."""
    return ev.RunStarted(job=job, pid=1, host="box", device="cuda:0", version="0.1.0")


def _planned(total: int) -> ev.Planned:
    return ev.Planned(
        total_steps=total,
        steps_per_epoch=20,
        epochs=total // 20,
        songs=20,
        validation_songs=1,
        trainable_parameters=44_040_192,
        adapted_modules=192,
    )


def _step(step: int, total: int) -> ev.StepCompleted:
    wave = math.sin(step * 12.9898) * 43758.5453  # scattered, and the same in every test
    timestep = (step * 0.618) % 1
    loss = 0.9 * math.exp(-step / 150) + 0.3 + 0.2 * (wave - math.floor(wave))
    return ev.StepCompleted(
        step=step,
        epoch=step // 20,
        loss=loss,
        gradient_norm=0.5 + (wave - math.floor(wave)),
        learning_rate=1e-4 * min(1.0, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / total)),
        seconds=0.42,
        data_seconds=0.01,
        timesteps=(timestep,),
        losses=(loss * (0.5 + timestep),),
    )
