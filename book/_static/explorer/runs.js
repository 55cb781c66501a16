// Which of several runs is shown: a slider over beta, and a list of the seeds whose weights are kept at that beta.

const exonRuns = (() => {
  // `entries` are sorted by beta and seed, and one at each beta is its median run; `first` is the beta shown first. `read` makes
  // a run of a file's content, show(entry, run) shows it.
  function chooser(root, entries, { first, read, show }) {
    const slider = root.querySelector('[data-part="beta"]');
    const list = root.querySelector('[data-part="seed"]');
    const betas = [...new Set(entries.map(({ beta }) => beta))];
    let wanted; // the seed that the reader asked for; where it is not kept, the median run is shown
    let latest; // the entry that was asked for last
    let shown;

    function at(beta, seed) {
      const there = entries.filter((entry) => entry.beta === beta);
      return there.find((entry) => entry.seed === seed) ?? there.find(({ median }) => median);
    }

    // The run that an address asks for, else that of the first beta.
    function open({ beta, seed }) {
      wanted = seed === undefined ? undefined : Number(seed);
      return choose(at(Number(beta), wanted) ?? at(first) ?? at(betas[0]));
    }

    function listen() {
      const attempt = () => {
        const entry = at(betas[slider.valueAsNumber], wanted);
        exonFiles.attempt(root, () => choose(entry));
      };
      slider.addEventListener("input", attempt);
      list.addEventListener("input", () => {
        wanted = Number(list.value);
        attempt();
      });
    }

    // Switch to a run; if it cannot be loaded, the controls go back to the one that is shown.
    async function choose(entry) {
      name(entry);
      try {
        const content = await exonFiles.load(entry.file, read);
        if (latest !== entry) return;
        shown = entry;
        show(entry, content);
      } catch (error) {
        if (latest !== entry) return;
        name(shown ?? entry);
        throw error;
      }
    }

    function name(entry) {
      latest = entry;
      const { beta, seed } = entry;
      const there = entries.filter((other) => other.beta === beta);
      slider.max = betas.length - 1;
      slider.value = betas.indexOf(beta);
      slider.setAttribute("aria-valuetext", `beta ${beta}`);
      root.querySelector('[data-part="value"]').textContent = beta;
      if (list.dataset.beta !== String(beta)) {
        list.dataset.beta = beta;
        list.replaceChildren(...there.map(label));
        list.disabled = there.length === 1;
        root.querySelector('[data-part="reason"]').textContent =
          there.length === 1 ? "no other seed's weights are stored" : "";
      }
      list.value = seed;
    }

    function label({ seed, median }, _, all) {
      return new Option(median && all.length > 2 ? `${seed} (median)` : seed, seed);
    }

    return { open, listen };
  }

  return { chooser };
})();
