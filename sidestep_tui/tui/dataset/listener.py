"""What screens ask of a thread: the sound of a song, answered by a message."""

import threading
from dataclasses import dataclass
from pathlib import Path

from textual import work
from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from sidestep_tui.dataset.sound import Sound, look_at
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts.spoken import spoken


class Listener(Widget):
    """Draws nothing; posts what it heard to the screen that holds it."""

    DEFAULT_CSS = "Listener { display: none; }"

    @dataclass
    class Heard(Message):
        """The sound of a song, or why there is none."""

        key: str
        sound: Sound | None
        problem: str

    def __init__(self) -> None:
        super().__init__()
        self._decoding = threading.Lock()

    @work(thread=True, exclusive=True, group="sound")
    def listen(self, key: str, path: Path) -> None:
        """Answers with `Heard`. Who leafs through the songs has only the last one decoded.

        Args:
            key: what the screen knows the song by.
            path: of the audio file.
        """
        worker = get_current_worker()
        with self._decoding:
            if worker.is_cancelled:
                return
            try:
                sound = look_at(path)
            except SidestepError as error:
                self.post_message(self.Heard(key, None, spoken(error.what)))
            else:
                self.post_message(self.Heard(key, sound, ""))
