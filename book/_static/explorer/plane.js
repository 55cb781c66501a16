// The map of the latent plane: the prior, the codes of test images, and the point that a pointer or the arrow keys move.

const exonPlane = (() => {
  const LIMIT = 24; // the map shows [-LIMIT, LIMIT]^2
  const COLORS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];

  // move(z) is called with every point that the reader asks for.
  function plane(map, { centers, radius }, move) {
    const background = document.createElement("canvas");
    let z = [0, 0];

    map.addEventListener("pointerdown", (event) => {
      map.setPointerCapture(event.pointerId);
      point(event);
    });
    map.addEventListener("pointermove", (event) => {
      if (event.buttons) point(event);
    });
    map.addEventListener("keydown", step);

    function point(event) {
      const box = map.getBoundingClientRect();
      move(inside([
        ((event.clientX - box.left) / box.width * 2 - 1) * LIMIT,
        (1 - (event.clientY - box.top) / box.height * 2) * LIMIT,
      ]));
    }

    function step(event) {
      const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!direction) return;
      event.preventDefault();
      const length = event.shiftKey ? 2 : 0.5;
      move(inside([z[0] + direction[0] * length, z[1] + direction[1] * length]));
    }

    // The codes of a run, as wide as the page has room for.
    function draw({ codes, labels }) {
      const size = Math.round(map.clientWidth * devicePixelRatio);
      for (const canvas of [map, background]) Object.assign(canvas, { width: size, height: size });
      const pen = background.getContext("2d");
      const dot = Math.max(2, size / 260);
      for (let i = 0; i < labels.length; i++) {
        pen.fillStyle = COLORS[labels[i]];
        const [x, y] = place([codes[2 * i], codes[2 * i + 1]]);
        pen.fillRect(x - dot / 2, y - dot / 2, dot, dot);
      }
      pen.font = `bold ${Math.round(size / 26)}px sans-serif`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.lineWidth = Math.max(1, size / 400);
      centers.forEach((center, label) => {
        const [x, y] = place(center);
        pen.strokeStyle = "#808080";
        circle(pen, x, y, radius / LIMIT * size / 2);
        pen.fillStyle = "white";
        pen.strokeStyle = COLORS[label];
        circle(pen, x, y, size / 36, true);
        pen.fillStyle = "black";
        pen.fillText(label, x, y);
      });
    }

    // A point, with an arm along each dimension that is activated there.
    function mark(point, active) {
      z = point;
      const pen = map.getContext("2d");
      pen.clearRect(0, 0, map.width, map.height);
      pen.drawImage(background, 0, 0);
      pen.strokeStyle = getComputedStyle(map).color;
      pen.lineWidth = Math.max(2, map.width / 250);
      circle(pen, ...place(z), map.width / 28);
      pen.beginPath();
      active.forEach((isActive, j) => {
        if (!isActive) return;
        for (const side of [-1, 1]) {
          pen.moveTo(...place(beside(j, side * LIMIT / 14)));
          pen.lineTo(...place(beside(j, side * exonAlong.REACH)));
        }
      });
      pen.stroke();
    }

    function beside(dimension, distance) {
      return z.map((value, j) => value + (j === dimension) * distance);
    }

    function place([x, y]) {
      return [(x / LIMIT + 1) / 2 * map.width, (1 - y / LIMIT) / 2 * map.width];
    }

    return { draw, mark };
  }

  function inside(z) {
    return z.map((v) => Math.max(-LIMIT, Math.min(LIMIT, v)));
  }

  function circle(pen, x, y, radius, filled = false) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    if (filled) pen.fill();
    pen.stroke();
  }

  return { plane, inside };
})();
