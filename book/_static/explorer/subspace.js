// The activated latent subspace of a class, { j : V-nat_j > threshold }, and how its size depends on the threshold.

const exonSubspace = (() => {
  const WIDE = 360;
  const HIGH = 140;
  const LEFT = 34;
  const TOP = 14;
  const FLOOR = HIGH - 22;
  const MOST = 7; // nats at the right end

  // The activated dimensions, those with the largest V-nat first.
  function activated(vNat, threshold) {
    return [...vNat.keys()].filter((j) => vNat[j] > threshold).sort((a, b) => vNat[b] - vNat[a]);
  }

  // The curve of the number of activated dimensions over the threshold, and the place of the one that is chosen on it.
  function draw(svg, vNat, threshold) {
    const x = (value) => LEFT + Math.min(value, MOST) / MOST * (WIDE - LEFT - 12);
    const y = (count) => FLOOR - count / vNat.length * (FLOOR - TOP);
    const curve = (from) => {
      const falls = [...vNat].filter((v) => v > from && v < MOST).sort((a, b) => a - b);
      let count = activated(vNat, from).length;
      let path = `M${x(from)} ${y(count)}`;
      for (const v of falls) path += `H${x(v)}V${y(--count)}`;
      return `${path}H${x(MOST)}`;
    };
    const count = activated(vNat, threshold).length;
    svg.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
    svg.innerHTML = `
      <path class="chosen" d="${curve(threshold)}V${FLOOR}H${x(threshold)}Z"/>
      <path class="curve" d="${curve(0)}"/>
      <path class="axis" d="M${LEFT} ${TOP}V${FLOOR}H${WIDE - 12}"/>
      <path class="threshold" d="M${x(threshold)} ${TOP}V${FLOOR}"/>
      <circle cx="${x(threshold)}" cy="${y(count)}" r="3.5"/>
      <text x="${x(threshold) + 7}" y="${y(count) - 6}">${count}</text>
      ${[0, 1, 2, 3, 4, 5, 6, 7].map((v) => `<text class="tick" x="${x(v)}" y="${HIGH - 8}">${v}</text>`).join("")}
      ${[0, vNat.length / 2, vNat.length].map((n) => `<text class="tick side" x="${LEFT - 5}" y="${y(n) + 4}">${n}</text>`).join("")}`;
    svg.setAttribute("aria-label", `${count} of ${vNat.length} dimensions have a V-nat above ${threshold.toFixed(2)}`);
  }

  return { activated, draw };
})();
