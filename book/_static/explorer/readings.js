// The numbers of the shown run, and the record that they are from.

const exonReadings = (() => {
  function show(root, { run, anchor, scale, metrics }) {
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    part("metrics").replaceChildren(...metrics.map(([name, value]) => {
      const pair = document.createElement("div");
      pair.append(element("dt", name), element("dd", value));
      return pair;
    }));
    part("origin").textContent = `results/${run}`;
    part("origin").href = `runs.html#${anchor}`;
    part("scale").textContent = scale;
  }

  function element(tag, text) {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  // With one decimal, a true minus, and no negative zero.
  function decimal(value) {
    return (Math.round(10 * value) / 10 || 0).toFixed(1).replace("-", "−");
  }

  return { show, decimal };
})();
