"""Pictures of one whole session, for `docs/tour.md`: the real application, the real engine, songs of your own.

`python -m tools.tour SONGS OUT` drives the keys that a person would press and keeps a picture at every stop. The
pictures are Textual's own SVG, drawn by Chromium and made small by ImageMagick. What is on them happened: nothing is
recorded or staged. It expects six songs and one model in `./checkpoints`; with that of `sidestep demo` it takes some
minutes.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from textual.pilot import Pilot

SIZE: Final = (100, 30)
_PIXELS: Final = "1238,806"
_PATIENCE_SECONDS: Final = 600


class Tour:
    """A person at the keyboard, with a camera.

    Args:
        pilot: of the running application.
        out: where the pictures go.
    """

    def __init__(self, pilot: Pilot[None], out: Path) -> None:
        self._pilot = pilot
        self._out = out

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(strip.text for strip in self._pilot.app.screen._compositor.render_strips())

    async def press(self, *keys: str) -> None:
        """Presses keys one after another."""
        for key in keys:
            await self._pilot.press(key)
            await self._pilot.pause()

    async def write(self, text: object) -> None:
        """Types a line and enters it."""
        await self.press(*("space" if c == " " else c for c in str(text)), "enter")

    async def until(self, condition: Callable[[str], bool] | str) -> None:
        """Waits until the screen's text holds a word, or fits a condition.

        Raises:
            TimeoutError: it never did; the message is what the screen showed.
        """
        fits = condition if callable(condition) else lambda text: condition in text
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not fits(self.text):
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise TimeoutError(f"waited in vain for {condition!r}:\n{self.text}") from error
        await self._pilot.pause()

    def take(self, name: str) -> None:
        """Keeps a picture of the screen."""
        vector = self._out / f"{name}.svg"
        vector.write_text(self._pilot.app.export_screenshot(title="sidestep"), encoding="utf-8")
        picture = vector.with_suffix(".png")
        browser = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
        shot = (f"--window-size={_PIXELS}", f"--screenshot={picture}", vector.as_uri())
        subprocess.run([*browser, *shot], check=True, capture_output=True)
        subprocess.run(["convert", str(picture), "-colors", "64", str(picture)], check=True)
        vector.unlink()
        print(picture)


async def review_songs(tour: Tour, songs: Path) -> None:
    """The table, labelling from the sound, findings, one song, and encoding."""
    await tour.until("New")
    await tour.press("D")
    await tour.write(songs)
    await tour.until("reviewed")
    await tour.press("l")
    await tour.until("Who fills in")
    tour.take("1-label")
    await tour.press("enter")
    await tour.until("What to fill in")
    await tour.press("enter")
    await tour.until("Labelled")
    tour.take("2-songs")
    await tour.press("f")
    await tour.until("Kind")
    tour.take("3-findings")
    await tour.press("escape", "enter")
    await tour.until("LUFS")
    tour.take("4-song")
    await tour.press("escape", "w", "p")
    await tour.until("Another model")
    tour.take("5-encode")
    await tour.press("enter")
    await tour.until("Where the tensors go")
    await tour.press("enter")
    await tour.until(lambda text: "2 of 6 songs" in text or "completed" in text)
    tour.take("6-encoding")
    await tour.until("completed")
    await tour.press("escape", "escape")


async def set_up(tour: Tour) -> None:
    """The wizard, from the memory step to the start of the chain: measure the layers, train, make songs."""
    await tour.until("Press n to train on them")
    await tour.press("n")
    await tour.until("diffusers layout")
    await tour.press("slash")
    await tour.write("epochs")
    await tour.until("training.epochs")
    await tour.press("enter", "home", *["delete"] * 4)
    await tour.write(60)
    tour.take("7-wizard")
    await tour.press(*"nnnnn")
    await tour.until("Measure first")
    await tour.press("j", "j", "enter", "j", "enter")
    await tour.until("every 10 epochs")
    tour.take("8-review")
    await tour.press("k", "k", "k", "enter")


async def watch(tour: Tour) -> None:
    """The measuring, the training, and the songs that it makes."""
    await tour.until(lambda text: "Monitor" in text and "estimate" in text)
    await tour.until(lambda text: "12 of" in text or "completed" in text)
    tour.take("9-sensitivity")
    await tour.until("completed")
    await tour.press("escape")
    await tour.until("running")
    await tour.press("g", "enter")
    await tour.until(lambda text: "200 of 300" in text or "completed" in text)
    tour.take("10-training")
    await tour.until("completed")
    await tour.press("a")
    await tour.until("LUFS")
    tour.take("11-listen")
    await tour.press("escape", "escape")
    await tour.until("Runs")
    tour.take("12-home")


async def walk(tour: Tour, songs: Path) -> None:
    """From a folder of six songs to a trained adapter."""
    await review_songs(tour, songs)
    await set_up(tour)
    await watch(tour)


async def main(songs: Path, out: Path) -> None:
    """Walks with a home of its own, so that no other run is on the pictures."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path.home()) as home:
        os.environ |= {"SIDESTEP_HOME": home, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        from sidestep_tui.tui.app import SidestepApp

        async with SidestepApp().run_test(size=SIZE) as pilot:
            await walk(Tour(pilot, out), songs)


if __name__ == "__main__":
    asyncio.run(main(*(Path(word).absolute() for word in sys.argv[1:3])))
