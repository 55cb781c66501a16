// The page "Explore 256 dimensions": a test image's code, moved along the dimensions that its class uses most.

(() => {
  const REACH = 4; // sliders run over [-REACH, REACH]
  const NOISE = 2; // noise is uniform in [-NOISE, NOISE]
  const root = document.getElementById("explorer-cifar10");
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  let manifest;
  let run;
  let image = 0; // of its class
  let code; // of the image as it was encoded
  let decoded; // that code
  let z; // the code as it has been moved

  exonFiles.attempt(root, start);

  async function start() {
    run = await exonFiles.load("cifar10", (content) => {
      manifest = content;
      return exonNetworks.cifar10(content);
    });
    manifest.classes.forEach((name, label) => part("class").add(new Option(name, label)));
    part("class").addEventListener("input", () => {
      image = 0;
      choose();
    });
    part("next").addEventListener("click", () => {
      image = (image + 1) % manifest.images;
      choose();
    });
    part("inside").addEventListener("click", () => shake(true));
    part("outside").addEventListener("click", () => shake(false));
    part("reset").addEventListener("click", reset);
    part("origin").textContent = `results/${manifest.run}`;
    part("controls").disabled = false;
    choose();
    root.dataset.ready = "true";
  }

  // Take the code of the chosen image, and the sliders of its class.
  function choose() {
    const label = Number(part("class").value);
    const index = label * manifest.images + image;
    code = run.codes.slice(index * manifest.dimensions, (index + 1) * manifest.dimensions);
    decoded = exonNetworks.decodeImage(run.decoder, code);
    paint("original", run.originals.subarray(index * 3072, (index + 1) * 3072), (v) => v);
    paint("decoded", decoded, toByte);
    const sliders = part("sliders");
    sliders.replaceChildren();
    for (const dimension of manifest.top[label]) {
      const slider = document.createElement("input");
      Object.assign(slider, { type: "range", min: -REACH, max: REACH, step: 0.05 });
      slider.dataset.dimension = dimension;
      slider.addEventListener("input", () => {
        z[dimension] = slider.valueAsNumber;
        move(`dimension ${dimension} at ${slider.valueAsNumber.toFixed(2)}`);
      });
      const line = document.createElement("label");
      line.append(`dimension ${dimension} `, slider);
      sliders.append(line);
    }
    reset();
  }

  function reset() {
    z = code.slice();
    show("as it was encoded", decoded);
  }

  // The image's own code with fresh noise inside the activated latent subspace of its class, or outside of it.
  function shake(inside) {
    const active = new Set(manifest.active[part("class").value]);
    const count = inside ? active.size : manifest.dimensions - active.size;
    z = code.map((v, j) => (active.has(j) === inside ? v + NOISE * (2 * Math.random() - 1) : v));
    move(`noise on the ${count} dimensions ${inside ? "inside" : "outside"} the activated subspace`);
  }

  function move(what) {
    show(what, exonNetworks.decodeImage(run.decoder, z));
  }

  function show(what, moved) {
    for (const slider of part("sliders").querySelectorAll("input")) slider.value = z[slider.dataset.dimension];
    paint("moved", moved, toByte);
    const change = moved.reduce((sum, v, i) => sum + (v - decoded[i]) ** 2, 0) / moved.length;
    part("status").textContent = `${manifest.classes[part("class").value]}, ${what}: mean squared change of a pixel ${change.toFixed(4)}`;
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
