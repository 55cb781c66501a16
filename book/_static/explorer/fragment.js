// What an explorer shows, in the address: #beta=5&seed=2 links to that view.

const exonFragment = (() => {
  let waiting = 0;

  function read() {
    return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  }

  // A moment after the last change, since browsers refuse to rewrite the address at every movement.
  function write(state) {
    clearTimeout(waiting);
    waiting = setTimeout(() => history.replaceState(null, "", `#${new URLSearchParams(state)}`), 300);
  }

  // Call `apply` when the reader opens another view of this page; headings have fragments too, which name no `key`.
  function follow(key, apply) {
    addEventListener("hashchange", () => {
      clearTimeout(waiting);
      const state = read();
      if (key in state) apply(state);
    });
  }

  return { read, write, follow };
})();
