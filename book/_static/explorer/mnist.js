// The page "Explore": a map of the latent plane, the image decoded at the chosen point, and what the classifier makes of it.

(() => {
  const LIMIT = 24; // the map shows [-LIMIT, LIMIT]^2
  const COLORS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];
  const root = document.getElementById("explorer");
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  let manifest;
  let shown = 0; // which of the manifest's runs
  let run;
  let background;
  let playing = 0;
  let z = [0, 0];

  exonFiles.attempt(root, start);

  async function start() {
    manifest = await exonFiles.load("mnist");
    const first = Math.max(0, manifest.runs.findIndex((entry) => entry.beta === 1));
    part("beta").max = manifest.runs.length - 1;
    await choose(first);
    z = [...manifest.centers[0]];
    prepare();
    redraw();
    root.dataset.ready = "true";
  }

  function prepare() {
    for (let label = 0; label < 10; label++) {
      part("from").add(new Option(label, label, false, label === 0));
      part("to").add(new Option(label, label, false, label === 3));
      part("bars").insertAdjacentHTML("beforeend", `<li><span>${label}</span><meter min="0" max="1" value="0"></meter></li>`);
    }
    part("beta").addEventListener("input", () => {
      const index = part("beta").valueAsNumber;
      exonFiles.attempt(root, () => choose(index).then(redraw));
    });
    part("play").addEventListener("click", play);
    const map = part("map");
    map.addEventListener("pointerdown", (event) => {
      map.setPointerCapture(event.pointerId);
      point(event);
    });
    map.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" || event.buttons) point(event);
    });
    map.addEventListener("keydown", step);
    new ResizeObserver(redraw).observe(map);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    part("controls").disabled = false;
  }

  // Switch to a run; if it cannot be loaded, the slider goes back to the run that is shown.
  async function choose(index) {
    name(index);
    const movedOn = () => part("beta").valueAsNumber !== index;
    try {
      const content = await exonFiles.load(manifest.runs[index].file, exonNetworks.mnist);
      if (movedOn()) return;
      run = content;
    } catch (error) {
      if (movedOn()) return;
      name(shown);
      throw error;
    }
    shown = index;
    part("origin").textContent = `results/${run.run}`;
  }

  function name(index) {
    const { beta } = manifest.runs[index];
    part("beta").value = index;
    part("value").textContent = beta;
    part("beta").setAttribute("aria-valuetext", `beta ${beta}`);
  }

  function point(event) {
    stop();
    const box = part("map").getBoundingClientRect();
    move([
      ((event.clientX - box.left) / box.width * 2 - 1) * LIMIT,
      (1 - (event.clientY - box.top) / box.height * 2) * LIMIT,
    ]);
  }

  function step(event) {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!direction) return;
    event.preventDefault();
    stop();
    const length = event.shiftKey ? 2 : 0.5;
    move([z[0] + direction[0] * length, z[1] + direction[1] * length]);
  }

  // Walk from one center to the other in four seconds.
  function play() {
    stop();
    const from = manifest.centers[part("from").value];
    const to = manifest.centers[part("to").value];
    const began = performance.now();
    const next = (now) => {
      const t = Math.min(1, Math.max(0, (now - began) / 4000));
      move([from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t]);
      playing = t < 1 ? requestAnimationFrame(next) : 0;
    };
    playing = requestAnimationFrame(next);
  }

  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
  }

  function move(target) {
    z = target.map((v) => Math.max(-LIMIT, Math.min(LIMIT, v)));
    show();
  }

  function redraw() {
    if (!run) return;
    const map = part("map");
    const size = Math.round(map.clientWidth * devicePixelRatio);
    map.width = size;
    map.height = size;
    background = document.createElement("canvas");
    background.width = size;
    background.height = size;
    const pen = background.getContext("2d");
    const place = scale(size);
    const dot = Math.max(2, size / 260);
    for (let i = 0; i < run.labels.length; i++) {
      pen.fillStyle = COLORS[run.labels[i]];
      const [x, y] = place([run.codes[2 * i], run.codes[2 * i + 1]]);
      pen.fillRect(x - dot / 2, y - dot / 2, dot, dot);
    }
    pen.font = `bold ${Math.round(size / 26)}px sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = Math.max(1, size / 400);
    manifest.centers.forEach((center, label) => {
      const [x, y] = place(center);
      pen.strokeStyle = "#808080";
      circle(pen, x, y, manifest.radius / LIMIT * size / 2);
      pen.stroke();
      pen.fillStyle = "white";
      pen.strokeStyle = COLORS[label];
      circle(pen, x, y, size / 36);
      pen.fill();
      pen.stroke();
      pen.fillStyle = "black";
      pen.fillText(label, x, y);
    });
    show();
  }

  function show() {
    const map = part("map");
    const pen = map.getContext("2d");
    const [x, y] = scale(map.width)(z);
    pen.clearRect(0, 0, map.width, map.height);
    pen.drawImage(background, 0, 0);
    pen.strokeStyle = getComputedStyle(root).color;
    pen.lineWidth = Math.max(2, map.width / 250);
    circle(pen, x, y, map.width / 28);
    pen.stroke();

    const image = exonNetworks.decode(run, z);
    const pixels = new ImageData(28, 28);
    image.forEach((value, i) => pixels.data.set([0, 0, 0, 255].fill((value + 1) * 127.5, 0, 3), 4 * i));
    part("image").getContext("2d").putImageData(pixels, 0, 0);

    const probabilities = exonNetworks.classify(run, image);
    const best = probabilities.indexOf(Math.max(...probabilities));
    root.querySelectorAll("meter").forEach((meter, label) => {
      meter.value = probabilities[label];
      meter.parentElement.classList.toggle("best", label === best);
    });
    const percent = Math.round(100 * probabilities[best]);
    part("status").textContent = `z = (${z.map((v) => v.toFixed(1)).join(", ")}): the classifier says ${best}, ${percent} %`;
  }

  function scale(size) {
    return ([x, y]) => [(x / LIMIT + 1) / 2 * size, (1 - y / LIMIT) / 2 * size];
  }

  function circle(pen, x, y, radius) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
  }
})();
