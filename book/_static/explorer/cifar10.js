// The page "Explore 256 dimensions": a test image's code, moved inside or outside the activated latent subspace of its class.

(() => {
  const REACH = 4; // sliders run over [-REACH, REACH]
  const NOISE = 2; // noise is uniform in [-NOISE, NOISE]
  const LARGEST = 3; // sliders for so many dimensions with the largest V-nat,
  const LEAST = 2; // and for so many that the threshold just lets in
  const root = document.getElementById("explorer-cifar10");
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  let shown; // the list's entry of the run
  let run;
  let image = 0; // of its class
  let code; // of the image as it was encoded
  let decoded; // that code
  let active; // the activated dimensions
  let noise; // on all dimensions, if there is any
  let inside; // whether it is added to the activated dimensions, or to all others
  const set = new Map(); // dimension -> the coordinate that its slider has given it
  let z; // the code as it has been moved
  let moved; // that code, decoded

  exonFiles.attempt(root, start);

  async function start() {
    const { runs: entries } = await exonFiles.load("cifar10");
    const runs = exonRuns.chooser(root, entries, { first: 0.05, read: exonNetworks.cifar10, show: take });
    const state = exonFragment.read();
    await runs.open(state);
    part("runs").hidden = entries.length === 1;
    run.classes.forEach((name, label) => part("class").add(new Option(name, label)));
    part("class").addEventListener("input", () => choose(0));
    part("next").addEventListener("click", () => choose((image + 1) % run.images));
    part("inside").addEventListener("click", () => shake(true));
    part("outside").addEventListener("click", () => shake(false));
    part("reset").addEventListener("click", reset);
    part("threshold").addEventListener("input", () => {
      narrow();
      link();
    });
    root.querySelectorAll("fieldset").forEach((controls) => controls.disabled = false);
    open(state);
    runs.listen();
    exonFragment.follow("class", (view) => exonFiles.attempt(root, async () => {
      await runs.open(view);
      open(view);
      link();
    }));
    root.dataset.ready = "true";
  }

  // Go on with another run, at the same image.
  function take(entry, content) {
    shown = entry;
    run = content;
    exonReadings.show(root, entry);
    if (code) choose(image);
  }

  // The view that an address asks for; what it leaves out or misnames is as it was.
  function open(view) {
    const label = run.classes.indexOf(view.class);
    if (label >= 0) part("class").value = label;
    if (Number(view.threshold)) part("threshold").value = view.threshold;
    const number = Number(view.image) - 1;
    show(number in [...Array(run.images).keys()] ? number : 0);
  }

  function choose(number) {
    show(number);
    link();
  }

  function link() {
    exonFragment.write({ beta: shown.beta, seed: shown.seed, class: className(), image: image + 1, threshold: threshold() });
  }

  // Take the code of an image of the chosen class.
  function show(number) {
    image = number;
    const index = label() * run.images + image;
    code = run.codes.slice(index * run.dimensions, (index + 1) * run.dimensions);
    decoded = exonNetworks.decodeImage(run.decoder, code);
    z = undefined;
    paint("original", run.originals.subarray(index * 3072, (index + 1) * 3072), (v) => v);
    paint("decoded", decoded, toByte);
    set.clear();
    noise = undefined;
    narrow();
  }

  // Find the activated dimensions, which the noise and the sliders then follow.
  function narrow() {
    const vNat = run.vNat[label()];
    active = exonSubspace.activated(vNat, threshold());
    exonSubspace.draw(part("curve"), vNat, threshold());
    const counts = run.vNat.map((row) => exonSubspace.activated(row, threshold()).length);
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    part("delta").textContent = threshold().toFixed(2);
    part("count").textContent = `${className()}: ${active.length} of ${run.dimensions} dimensions activated; mean over the classes ${mean.toFixed(1)}`;
    const dimensions = [...new Set([...active.slice(0, LARGEST), ...active.slice(-LEAST)])];
    for (const dimension of set.keys()) if (!dimensions.includes(dimension)) set.delete(dimension);
    const lines = dimensions.map((dimension) => line(dimension, vNat[dimension]));
    part("sliders").replaceChildren(...lines);
    move();
  }

  function line(dimension, vNat) {
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: -REACH, max: REACH, step: 0.05 });
    slider.dataset.dimension = dimension;
    slider.addEventListener("input", () => {
      set.delete(dimension); // so that it comes last
      set.set(dimension, Math.fround(slider.valueAsNumber));
      move();
    });
    const made = document.createElement("label");
    made.append(`dimension ${dimension}, V-nat ${vNat.toFixed(2)}: `, document.createElement("b"), slider);
    return made;
  }

  function reset() {
    set.clear();
    noise = undefined;
    move();
  }

  function shake(within) {
    set.clear();
    inside = within;
    noise = code.map(() => NOISE * (2 * Math.random() - 1));
    move();
  }

  // Show the code as it is moved now; what has not changed is not decoded again.
  function move() {
    const within = new Set(active);
    const next = code.map((v, j) => set.get(j) ?? (noise && within.has(j) === inside ? v + noise[j] : v));
    if (!same(next, z)) {
      z = next;
      moved = same(z, code) ? decoded : exonNetworks.decodeImage(run.decoder, z);
      paint("moved", moved, toByte);
    }
    for (const slider of part("sliders").querySelectorAll("input")) {
      slider.value = z[slider.dataset.dimension];
      slider.previousSibling.textContent = z[slider.dataset.dimension].toFixed(2).replace("-", "−");
    }
    const change = moved.reduce((sum, v, i) => sum + (v - decoded[i]) ** 2, 0) / moved.length;
    part("status").textContent = `${className()}, ${what()}` + (moved === decoded ? "" : `: mean squared change of a pixel ${change.toFixed(4)}`);
  }

  function what() {
    const count = inside ? active.length : run.dimensions - active.length;
    const changes = noise ? [`noise on ${count} dimensions ${inside ? "inside" : "outside"} the subspace`] : [];
    for (const [dimension, value] of [...set].slice(-1)) changes.push(`dimension ${dimension} at ${value.toFixed(2)}`);
    return changes.join(", ") || "as it was encoded";
  }

  function label() {
    return Number(part("class").value);
  }

  function className() {
    return run.classes[label()];
  }

  function threshold() {
    return part("threshold").valueAsNumber;
  }

  function same(a, b) {
    return b !== undefined && a.every((v, i) => v === b[i]);
  }

  function toByte(value) {
    return (value + 1) * 127.5;
  }

  function paint(name, values, shade) {
    const pixels = new ImageData(32, 32);
    for (let i = 0; i < 1024; i++) {
      pixels.data.set([shade(values[i]), shade(values[1024 + i]), shade(values[2048 + i]), 255], 4 * i);
    }
    part(name).getContext("2d").putImageData(pixels, 0, 0);
  }
})();
