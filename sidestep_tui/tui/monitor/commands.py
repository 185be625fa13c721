"""What the run's state says about requests: whether it is paused. Pure."""

from sidestep_tui.runs.state import RunState


def paused(state: RunState) -> bool:
    """Whether the engine took a `pause` and neither a `resume` nor a step came after it, nor another engine."""
    last = next((c for c in reversed(state.commands) if c.command in ("pause", "resume")), None)
    if state.status != "running" or last is None or last.command != "pause":
        return False
    if last.time < (state.engine_started_at or 0.0):
        return False
    return not len(state.curves.time) or state.curves.time[-1] <= last.time
