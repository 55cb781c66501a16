// The page "Explore": a run on the map of the latent plane, the image decoded at a point, and what the classifier makes of it.

(() => {
  const root = document.getElementById("explorer");
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  let manifest;
  let plane;
  let shown; // the manifest's entry of the run
  let run;
  let z;
  let playing = 0;

  exonFiles.attempt(root, start);

  async function start() {
    manifest = await exonFiles.load("mnist");
    const runs = exonRuns.chooser(root, manifest.runs, show);
    const state = exonFragment.read();
    await runs.open(state);
    prepare();
    z = pointOf(state);
    plane = exonPlane.plane(part("map"), manifest, (target) => {
      stop();
      move(target);
    });
    redraw();
    runs.listen();
    new ResizeObserver(redraw).observe(part("map"));
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    exonFragment.follow("beta", (view) => {
      stop();
      z = pointOf(view);
      exonFiles.attempt(root, () => runs.open(view));
    });
    root.dataset.ready = "true";
  }

  function prepare() {
    for (let label = 0; label < 10; label++) {
      part("from").add(new Option(label, label, false, label === 0));
      part("to").add(new Option(label, label, false, label === 3));
      part("bars").insertAdjacentHTML("beforeend", `<li><span>${label}</span><meter min="0" max="1" value="0"></meter></li>`);
    }
    part("play").addEventListener("click", play);
    root.querySelectorAll("fieldset").forEach((controls) => controls.disabled = false);
  }

  // The point that an address asks for, else the center of label 0.
  function pointOf({ z1, z2 }) {
    const point = [z1, z2].map(Number);
    return point.every(Number.isFinite) ? exonPlane.inside(point) : [...manifest.centers[0]];
  }

  function show(entry, content) {
    shown = entry;
    run = content;
    exonReadings.show(root, entry);
    if (!plane) return;
    redraw();
    link();
  }

  function link() {
    const [z1, z2] = z.map((v) => Number(v.toFixed(2)));
    exonFragment.write({ beta: shown.beta, seed: shown.seed, z1, z2 });
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
    z = target;
    plane.mark(z);
    decode();
    link();
  }

  function redraw() {
    plane.draw(run, z);
    decode();
  }

  function decode() {
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
})();
