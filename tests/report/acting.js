// Acts on a report's page as its reader does, and leaves what came of it in the page's title as JSON.
// Songs neither load nor sound here: a player is what was last asked of it.
const playing = new Set();
const made = [];
Object.defineProperties(HTMLMediaElement.prototype, {
  paused: { get() { return !playing.has(this); } },
  duration: { get: () => 10 },
  currentTime: { get() { return this.at ?? 0; }, set(value) { this.at = value; } },
  play: { value() { playing.add(this); this.dispatchEvent(new Event("play")); } },
  pause: { value() { playing.delete(this); this.dispatchEvent(new Event("pause")); } },
});
window.Audio = new Proxy(window.Audio, { construct: (Kind, given) => (made.push(new Kind(...given)), made.at(-1)) });
window.confirm = () => true;

addEventListener("load", () => {
  const figures = [...document.querySelectorAll(".take")];
  const label = (audio) => figures.find((figure) => figure.querySelector("audio").src === audio.src).dataset.label ?? "near";
  const on = () => [...playing].map(label);
  const blind = document.getElementById("blind");
  const press = (words) => [...blind.querySelectorAll("button")].find((button) => button.textContent === words).click();
  const done = {};

  const [one, other] = figures.map((figure) => figure.querySelector("audio"));
  one.play();
  other.play();
  done.alone = on().length === 1 && !other.paused;
  const picture = figures[0].querySelector(".pictures"), box = picture.getBoundingClientRect();
  picture.dispatchEvent(new MouseEvent("click", { clientX: box.left + box.width / 4 }));
  done.sought = [one.currentTime, one.paused, other.paused];

  done.named = figures.filter((figure) => blind.textContent.includes(figure.dataset.label)).length;
  made.at(-2).currentTime = 7;
  press("Play A");
  press("Play B");
  done.sides = [made.at(-2).paused, made.at(-1).paused, made.at(-1).currentTime, one.paused];
  done.pressed = [...blind.querySelectorAll("[aria-pressed]")].map((button) => button.ariaPressed);

  done.notes = [];
  for (let round = 0; round < 3; round += 1) {
    const sides = [label(made.at(-2)), label(made.at(-1))];
    const preferred = sides.findIndex((side) => side.startsWith("final"));
    press(preferred === -1 ? "No difference" : `${"AB"[preferred]} is better`);
    done.notes.push(blind.querySelector(".note").textContent);
  }
  done.silent = playing.size === 0;
  press("Show the ranking");
  done.ranking = [...blind.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
  done.kept = JSON.parse(localStorage.getItem(localStorage.key(0))).length;
  press("Forget my choices");
  done.forgotten = blind.querySelector(".note").textContent;
  done.heard = [...new Set(made.map(label))].sort();
  document.title = JSON.stringify(done);
});
