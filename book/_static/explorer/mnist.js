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
    const runs = exonRuns.chooser(root, manifest.runs, { first: 1, read: exonNetworks.mnist, show });
    const state = exonFragment.read();
    await runs.open(state);
    prepare();
    view(state);
    plane = exonPlane.plane(part("map"), manifest, (target) => {
      stop();
      move(target);
    });
    redraw();
    runs.listen();
    new ResizeObserver(redraw).observe(part("map"));
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    exonFragment.follow("beta", (state) => {
      stop();
      view(state);
      exonFiles.attempt(root, () => runs.open(state));
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
    part("threshold").addEventListener("input", () => move(z));
    root.querySelectorAll("fieldset").forEach((controls) => controls.disabled = false);
  }

  // The point and the threshold that an address asks for, else the center of label 0 and the threshold as it was.
  function view({ z1, z2, threshold }) {
    const point = [z1, z2].map(Number);
    z = point.every(Number.isFinite) ? exonPlane.inside(point) : [...manifest.centers[0]];
    if (Number(threshold)) part("threshold").value = threshold;
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
    exonFragment.write({ beta: shown.beta, seed: shown.seed, z1, z2, threshold: part("threshold").value });
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
    decode();
    link();
  }

  function redraw() {
    plane.draw(run);
    decode();
  }

  function decode() {
    const image = exonNetworks.decode(run, z);
    part("image").getContext("2d").putImageData(exonNetworks.picture(image), 0, 0);
    const label = exonAlong.nearest(manifest.centers, z);
    const threshold = part("threshold").valueAsNumber;
    part("delta").textContent = threshold.toFixed(1);
    part("nearest").textContent = `The nearest center is that of ${label}.`;
    plane.mark(z, exonAlong.draw(root, { run, entry: shown, z, label, threshold }));

    const probabilities = exonNetworks.classify(run, image);
    const best = probabilities.indexOf(Math.max(...probabilities));
    root.querySelectorAll("meter").forEach((meter, label) => {
      meter.value = probabilities[label];
      meter.parentElement.classList.toggle("best", label === best);
    });
    const percent = Math.round(100 * probabilities[best]);
    part("status").textContent = `z = (${z.map(exonReadings.decimal).join(", ")}): the classifier says ${best}, ${percent} %`;
  }
})();
