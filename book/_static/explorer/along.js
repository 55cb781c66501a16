// Images along each dimension of the plane, and whether the label at hand activates it: whether its V-nat exceeds the threshold.

const exonAlong = (() => {
  const REACH = 4; // two standard deviations of the prior
  const COUNT = 7;
  const SIDE = 28;

  // The label whose center lies nearest to a point.
  function nearest(centers, z) {
    const distances = centers.map((center) => Math.hypot(...center.map((value, j) => value - z[j])));
    return distances.indexOf(Math.min(...distances));
  }

  // For each dimension whether a label activates it; for none where the record has no V-nat.
  function activated({ v_nat: vNat }, label, threshold) {
    return vNat ? vNat[label].map((value) => value > threshold) : [false, false];
  }

  // A row of images for each dimension, with what is said of it.
  function draw(root, { run, entry, z, label, threshold }) {
    const active = activated(entry, label, threshold);
    root.querySelectorAll("[data-dimension]").forEach((row, j) => {
      const canvas = row.querySelector("canvas");
      const pen = canvas.getContext("2d");
      for (let i = 0; i < COUNT; i++) {
        const moved = [...z];
        moved[j] += REACH * (2 * i / (COUNT - 1) - 1);
        pen.putImageData(exonNetworks.picture(exonNetworks.decode(run, moved)), i * SIDE, 0);
      }
      const value = entry.v_nat ? `${exonReadings.decimal(entry.v_nat[label][j])}, ${active[j] ? "activated" : "not activated"}` : "–";
      row.querySelector("figcaption").textContent = `Label ${label}, z${"₁₂"[j]}: V-nat ${value}. Images from −${REACH} to ${REACH} around the point.`;
      row.classList.toggle("active", active[j]);
    });
    return active;
  }

  return { draw, nearest, REACH };
})();
