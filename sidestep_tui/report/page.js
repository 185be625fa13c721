// The report's script: pictures that show and set the place of a song, and the blind comparison.
// Everything else on the page works without it. It asks nothing of any network and keeps choices in this browser.
"use strict";

const takes = [...document.querySelectorAll(".take")].map((figure) => ({
  group: figure.dataset.group,
  label: figure.dataset.label,
  gain: Number(figure.dataset.gain),
  prompt: figure.closest("article").querySelector(".prompt").textContent,
  audio: figure.querySelector("audio"),
  pictures: figure.querySelector(".pictures"),
}));

function pauseOthers(playing) {
  for (const audio of document.querySelectorAll("audio")) if (audio !== playing) audio.pause();
  blindPlayers.forEach((player) => player !== playing && player.pause());
}

const blindPlayers = [];
for (const { audio, pictures } of takes) {
  pictures.classList.add("seekable");
  audio.addEventListener("play", () => pauseOthers(audio));
  audio.addEventListener("timeupdate", () => {
    if (audio.duration) pictures.style.setProperty("--at", `${(100 * audio.currentTime) / audio.duration}%`);
  });
  pictures.addEventListener("click", (event) => {
    const box = pictures.getBoundingClientRect();
    if (audio.duration) audio.currentTime = (audio.duration * (event.clientX - box.left)) / box.width;
    audio.play();
  });
}

// Every drawn line as [x, y] pairs in the drawing's own 2000 by 1000 units, read from its path once.
const pointsOf = new Map();
function points(path) {
  if (!pointsOf.has(path)) pointsOf.set(path, path.getAttribute("d").match(/\d+ \d+/g).map((pair) => pair.split(" ").map(Number)));
  return pointsOf.get(path);
}

function valueAt(plot, y) {
  const [low, high, share] = [Number(plot.dataset.low), Number(plot.dataset.high), 1 - y / 1000];
  return plot.classList.contains("of-log") ? low * (high / low) ** share : low + share * (high - low);
}

// Where the pointer is, the figure's last line says what is drawn there.
for (const plot of document.querySelectorAll(".plot")) {
  const readout = make("p", { className: "note readout" }, "\u00a0");
  plot.append(make("i", { className: "pointer" }));
  plot.after(readout);
  const show = (event) => {
    const box = plot.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const [first, last] = [Number(plot.dataset.first), Number(plot.dataset.last)];
    const values = [...plot.querySelectorAll("path[data-name]")].map((path) => {
      const nearest = points(path).reduce((best, point) => (Math.abs(point[0] - 2000 * share) < Math.abs(best[0] - 2000 * share) ? point : best));
      return `${path.dataset.name} ${valueAt(plot, nearest[1]).toPrecision(3)}`;
    });
    plot.style.setProperty("--at", `${100 * share}%`);
    readout.textContent = `step ${Math.round(first + share * (last - first))}: ${values.join(", ")}`;
  };
  plot.addEventListener("pointermove", show);
  plot.addEventListener("pointerdown", show);
}

// A node with text and children; text is never read as markup.
function make(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function shuffled(items) {
  const mixed = [...items];
  for (let i = mixed.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  return mixed;
}

// Every two takes of one group, in random order and with random sides; two of the same weights would tell nothing.
// Songs of the data set belong to no group.
function pairsOf(everything) {
  const all = everything.filter((take) => take.group);
  const pairs = [];
  all.forEach((one, i) => {
    const others = all.slice(i + 1).filter((other) => other.group === one.group && other.label !== one.label);
    for (const other of others) pairs.push(shuffled([one, other]));
  });
  return shuffled(pairs);
}

class Choices {
  constructor(run) {
    this.key = `sidestep-comparison-${run}`;
    try {
      this.list = JSON.parse(localStorage.getItem(this.key)) || [];
    } catch {
      this.list = []; // the browser keeps nothing for this page: choices last until it is closed
    }
  }

  // The preferred label, or null for no difference.
  add(pair, preferred) {
    const [first, second] = pair;
    this.list.push({ group: first.group, prompt: first.prompt, a: first.label, b: second.label, preferred, at: new Date().toISOString() });
    this.keep();
  }

  clear() {
    this.list = [];
    this.keep();
  }

  keep() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.list));
    } catch {
      // as above
    }
  }

  times(pair) {
    const labels = pair.map((take) => take.label).sort().join("\n");
    return this.list.filter((c) => c.group === pair[0].group && [c.a, c.b].sort().join("\n") === labels).length;
  }

  // Wins, losses and ties of every label, the highest share of points first; a tie is half a point.
  ranking() {
    const scores = new Map();
    const score = (label) => {
      if (!scores.has(label)) scores.set(label, { label, wins: 0, losses: 0, ties: 0 });
      return scores.get(label);
    };
    for (const { a, b, preferred } of this.list) {
      for (const label of [a, b]) {
        if (preferred === null) score(label).ties += 1;
        else if (preferred === label) score(label).wins += 1;
        else score(label).losses += 1;
      }
    }
    const rows = [...scores.values()].map((s) => ({ ...s, share: (s.wins + s.ties / 2) / (s.wins + s.losses + s.ties) }));
    return rows.sort((x, y) => y.share - x.share);
  }
}

class Comparison {
  constructor(root) {
    this.root = root;
    this.choices = new Choices(root.dataset.run);
    this.pairs = pairsOf(takes);
    this.results = make("div");
    root.hidden = false;
    this.next();
  }

  // The pair that was heard least often.
  next() {
    this.stop();
    const least = Math.min(...this.pairs.map((pair) => this.choices.times(pair)));
    const open = this.pairs.filter((pair) => this.choices.times(pair) === least);
    this.pair = shuffled(open[0]);
    const done = this.choices.list.length;
    this.players = this.pair.map((take) => {
      const player = new Audio(take.audio.src);
      player.volume = Math.min(1, take.gain);
      player.loop = true;
      return player;
    });
    blindPlayers.push(...this.players);
    this.buttons = this.players.map((player, side) => {
      const button = make("button", { type: "button", ariaPressed: "false", onclick: () => this.toggle(side) }, `Play ${"AB"[side]}`);
      for (const change of ["play", "pause"]) player.addEventListener(change, () => (button.ariaPressed = String(!player.paused)));
      return button;
    });
    const choice = (words, preferred) => make("button", { type: "button", onclick: () => this.decide(preferred) }, words);
    this.root.replaceChildren(
      make("p", { className: "prompt", dir: "auto" }, this.pair[0].prompt),
      make("progress", { max: this.pairs.length, value: this.pairs.length - open.length, ariaLabel: "pairs of this round" }),
      make("p", { className: "note" }, `${done} ${done === 1 ? "choice" : "choices"} so far; ${open.length} of ${this.pairs.length} pairs are still open in this round.`),
      make("div", { className: "row" }, ...this.buttons),
      make("div", { className: "row" }, choice("A is better", this.pair[0].label), choice("No difference", null), choice("B is better", this.pair[1].label)),
      make(
        "div",
        { className: "row" },
        make("button", { type: "button", onclick: () => this.show() }, "Show the ranking"),
        make("button", { type: "button", onclick: () => this.save() }, "Save as JSON"),
        make("button", { type: "button", onclick: () => this.forget() }, "Forget my choices"),
      ),
      this.results,
    );
  }

  // Changing sides keeps the place in the song, so that the same bar is heard twice.
  toggle(side) {
    const [player, other] = [this.players[side], this.players[1 - side]];
    if (!player.paused) {
      player.pause();
    } else {
      if (other.currentTime) player.currentTime = other.currentTime;
      pauseOthers(player);
      player.play();
    }
  }

  stop() {
    blindPlayers.splice(0).forEach((player) => player.pause());
  }

  decide(preferred) {
    this.choices.add(this.pair, preferred);
    this.begin();
  }

  // The buttons are new ones: whoever works with the keyboard stays among them.
  begin() {
    this.results.replaceChildren();
    this.next();
    this.buttons[0].focus();
  }

  show() {
    const cells = (row, kind) => make("tr", {}, ...row.map((value) => make(kind, {}, String(value))));
    const rows = this.choices.ranking().map((s) => [s.label, s.wins, s.losses, s.ties, `${Math.round(100 * s.share)} %`]);
    const head = cells(["adapter", "preferred", "not preferred", "no difference", "share of points"], "th");
    this.results.replaceChildren(
      rows.length
        ? make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows.map((row) => cells(row, "td")))))
        : make("p", { className: "note" }, "There are no choices yet."),
    );
  }

  save() {
    const choices = {
      format: "sidestep-comparison",
      version: 1,
      run: document.querySelector("h1").textContent,
      choices: this.choices.list,
      ranking: this.choices.ranking(),
    };
    const blob = new Blob([JSON.stringify(choices, null, 2)], { type: "application/json" });
    const link = make("a", { href: URL.createObjectURL(blob), download: "comparison.json" });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  forget() {
    if (!confirm("Forget every choice that was made on this page?")) return;
    this.choices.clear();
    this.begin();
  }
}

const place = document.getElementById("blind");
if (place) new Comparison(place);
