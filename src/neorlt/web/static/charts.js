// Charts of a plan: curves with points and bands, dose and volume, and the tumour under two schemes.
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function axes(xLabel, yLabel) {
  const one = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") }, font: "12px system-ui" };
  return [{ ...one, label: xLabel, labelSize: 18, grid: { show: false } }, { ...one, label: yLabel, labelSize: 18, size: 52 }];
}

function chart(parent, title, words, options, data, width) {
  const box = document.createElement("div");
  box.className = "chart";
  const head = document.createElement("h3");
  head.textContent = title;
  const frame = document.createElement("div");
  frame.setAttribute("role", "img");
  frame.setAttribute("aria-label", words);
  box.append(head, frame);
  parent.append(box);
  new uPlot({ width, height: 220, legend: { show: false }, cursor: { show: false }, scales: { x: { time: false } }, ...options }, data, frame);
}

function onCommonAxis(lines) {
  const xs = [...new Set(lines.flatMap(([x]) => x))].sort((a, b) => a - b);
  return [xs, ...lines.flatMap(([x, ...ys]) => {
    const place = new Map(x.map((value, i) => [value, i]));
    return ys.map((y) => xs.map((value) => (place.has(value) ? y[place.get(value)] : null)));
  })];
}

function errorBars(curve) {
  return { hooks: { draw: [(u) => {
    u.ctx.strokeStyle = colour("ink");
    u.ctx.lineWidth = 1.5 * devicePixelRatio;
    curve.time_h.forEach((t, i) => {
      const x = u.valToPos(t, "x", true), sd = curve.sd_mbq?.[i] ?? 0;
      u.ctx.beginPath();
      u.ctx.moveTo(x, u.valToPos(Math.max(curve.activity_mbq[i] - sd, 0), "y", true));
      u.ctx.lineTo(x, u.valToPos(curve.activity_mbq[i] + sd, "y", true));
      u.ctx.stroke();
    });
  }] } };
}

const none = { points: { show: false }, spanGaps: true };
const fromZero = { x: { time: false }, y: { range: (u, low, high) => [0, Math.max(high, 1e-9) * 1.05] } };

function columnWidth(parent) {
  const gap = 26, columns = Math.max(1, Math.floor((parent.clientWidth + gap) / (280 + gap)));
  return Math.floor((parent.clientWidth - gap * (columns - 1)) / columns);
}

export function planCharts(parent, plan) {
  parent.replaceChildren();
  const width = columnWidth(parent);
  for (const curve of (plan.curves ?? []).filter((one) => one.time_h && one.activity_mbq)) {
    const points = curve.time_h.map((t, i) => `${curve.activity_mbq[i].toPrecision(3)} MBq at ${t.toFixed(0)} h`).join(", ");
    chart(parent, `${curve.name}, ${curve.nuclide}`, `Activity of ${curve.name} over time: ${points}. Fit: ${curve.model}.`, {
      axes: axes("Hours after injection", "MBq"), plugins: [errorBars(curve)], bands: [{ series: [2, 1], fill: colour("tint") }],
      series: [{}, { ...none, width: 0 }, { ...none, width: 0 }, { ...none, stroke: colour("accent"), width: 2 },
        { stroke: colour("ink"), width: 0, paths: () => null, points: { show: true, size: 7, fill: colour("ink") } }],
      scales: fromZero,
    }, onCommonAxis([[curve.fit_time_h ?? [], curve.fit_low ?? [], curve.fit_high ?? [], curve.fit_median ?? []], [curve.time_h, curve.activity_mbq]]), width);
  }
  for (const row of (plan.dvh ?? []).filter((one) => one.dose_gy && one.volume_fraction)) {
    chart(parent, `${row.name}: dose and volume`, `Dose-volume histogram of ${row.name}: mean ${row.mean_gy?.toPrecision(3)} Gy, 98 % of the volume gets ${row.d98_gy?.toPrecision(3)} Gy or more, 2 % gets ${row.d2_gy?.toPrecision(3)} Gy or more.`, {
      axes: axes("Gy", "% of volume"), series: [{}, { stroke: colour("accent"), width: 2, points: { show: false } }],
      scales: { x: { time: false }, y: { range: [0, 100] } },
    }, [row.dose_gy, row.volume_fraction.map((v) => 100 * v)], width);
  }
}

export function schemeChart(parent) {
  const lines = JSON.parse(parent.dataset.lines);
  parent.replaceChildren();
  const colours = [colour("c1"), colour("c2")];
  const words = lines.map((line) => `${line.name}: ${line.median.at(-1)?.toFixed(0)} mm in week ${line.week.at(-1)}`).join("; ");
  const band = (i) => ({ series: [3 * i + 2, 3 * i + 1], fill: `color-mix(in srgb, ${colours[i]} 18%, transparent)` });
  const drawn = lines.map((line, i) => [{ ...none, width: 0 }, { ...none, width: 0 }, { ...none, stroke: colours[i], width: 2.5, dash: i ? [7, 4] : undefined }]);
  chart(parent, "Diameter of the primary", `Predicted diameter of the primary. ${words}.`, {
    axes: axes("Weeks", "mm"), bands: lines.map((_, i) => band(i)), series: [{}, ...drawn.flat()], scales: fromZero,
  }, onCommonAxis(lines.map((line) => [line.week, line.low, line.high, line.median])), Math.min(parent.clientWidth - 4, 620));
}
