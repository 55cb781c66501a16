// What the explorers load: scripts that call exonFiles.register, since a page opened as a file may load nothing else.

const exonFiles = (() => {
  const folder = new URL("../../explorer/", document.currentScript.src);
  const registered = new Map();
  const loading = new Map();

  // What `read` makes of the content of explorer/NAME.js, loaded once; `data` in it becomes an ArrayBuffer.
  function load(name, read = (content) => content) {
    if (!loading.has(name)) {
      const content = insert(name).then(read);
      content.catch(() => loading.delete(name)); // it can be tried again
      loading.set(name, content);
    }
    return loading.get(name);
  }

  function insert(name) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(`${name}.js`, folder);
      script.onerror = () => {
        script.remove();
        reject(new Error(`The file explorer/${name}.js cannot be loaded`));
      };
      script.onload = () => {
        script.remove();
        const content = registered.get(name);
        registered.delete(name);
        if (!content) return reject(new Error(`The file explorer/${name}.js is damaged`));
        try {
          if (content.data) content.data = bytes(content.data);
          resolve(content);
        } catch {
          reject(new Error(`The file explorer/${name}.js is damaged`));
        }
      };
      document.head.append(script);
    });
  }

  function bytes(base64) {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer;
  }

  // Do what needs a file; if it fails, say so in the explorer, with a button that does it again.
  async function attempt(root, action) {
    const message = root.querySelector('[data-part="loading"]');
    message.textContent = "Loading …";
    message.hidden = false;
    try {
      await action();
      message.hidden = true;
    } catch (error) {
      const again = document.createElement("button");
      again.type = "button";
      again.textContent = "Try again";
      again.addEventListener("click", () => attempt(root, action));
      message.replaceChildren(`${error.message}. `, again);
    }
  }

  return { attempt, load, register: (name, content) => registered.set(name, content) };
})();
