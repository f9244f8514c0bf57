// The case's page: sliders show their values, charts come from plan.json, the viewer lays dose over CT.
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(`--${name}`).trim();

for (const input of document.querySelectorAll(".sliders input[type=range]")) {
  const shown = input.parentElement.querySelector("output");
  input.addEventListener("input", () => { shown.textContent = input.value; });
}

const nuclide = document.querySelector("select[name=nuclide]");
nuclide?.addEventListener("input", () => {
  // A usual activity of the chosen nuclide, so that a change of nuclide alone does not ask for an absurd scheme.
  const activity = document.querySelector("input[name=activity_gbq]");
  activity.value = nuclide.value === "Y-90" ? "2.8" : "7.4";
  activity.parentElement.querySelector("output").textContent = activity.value;
});

function axes(xLabel, yLabel) {
  const one = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") }, font: "12px system-ui" };
  return [{ ...one, label: xLabel, labelSize: 18, grid: { show: false } }, { ...one, label: yLabel, labelSize: 18, size: 52 }];
}

function chart(parent, title, options, data) {
  const box = document.createElement("div");
  box.className = "chart";
  const head = document.createElement("h3");
  head.textContent = title;
  box.append(head);
  parent.append(box);
  new uPlot({ width: Math.max(260, Math.min(parent.clientWidth / 3 - 20, 360)), height: 220, legend: { show: false }, cursor: { y: false }, scales: { x: { time: false } }, ...options }, data, box);
}

function merged(curve) {
  const times = [...new Set([...(curve.fit_time_h ?? []), ...curve.time_h])].sort((a, b) => a - b);
  const at = (xs, ys) => times.map((t) => { const i = xs?.indexOf(t) ?? -1; return i < 0 ? null : ys[i]; });
  return [times, at(curve.fit_time_h, curve.fit_low), at(curve.fit_time_h, curve.fit_high), at(curve.fit_time_h, curve.fit_median), at(curve.time_h, curve.activity_mbq)];
}

function errorBars(curve) {
  return { hooks: { draw: [(u) => {
    u.ctx.strokeStyle = colour("ink");
    u.ctx.lineWidth = 1.5 * devicePixelRatio;
    curve.time_h.forEach((t, i) => {
      const x = u.valToPos(t, "x", true), sd = curve.sd_mbq?.[i] ?? 0;
      u.ctx.beginPath();
      u.ctx.moveTo(x, u.valToPos(curve.activity_mbq[i] - sd, "y", true));
      u.ctx.lineTo(x, u.valToPos(curve.activity_mbq[i] + sd, "y", true));
      u.ctx.stroke();
    });
  }] } };
}

const charts = document.getElementById("charts");
if (charts) {
  const plan = await (await fetch(`/cases/${charts.dataset.case}/plan.json`)).json();
  for (const curve of (plan.curves ?? []).filter((one) => one.time_h && one.activity_mbq)) {
    const none = { points: { show: false }, spanGaps: true };
    chart(charts, `${curve.name}, ${curve.nuclide}`, {
      axes: axes("Hours after injection", "MBq"), plugins: [errorBars(curve)], bands: [{ series: [2, 1], fill: colour("tint") }],
      series: [{}, { ...none, width: 0 }, { ...none, width: 0 }, { ...none, stroke: colour("accent"), width: 2 },
        { stroke: colour("ink"), width: 0, paths: () => null, points: { show: true, size: 7, fill: colour("ink") } }],
      scales: { x: { time: false }, y: { range: (u, low, high) => [0, high * 1.05] } },
    }, merged(curve));
  }
  for (const row of (plan.dvh ?? []).filter((one) => one.dose_gy && one.volume_fraction)) {
    chart(charts, `${row.name}: dose and volume`, {
      axes: axes("Gy", "% of volume"), series: [{}, { stroke: colour("accent"), width: 2, points: { show: false } }],
      scales: { x: { time: false }, y: { range: [0, 100] } },
    }, [row.dose_gy, row.volume_fraction.map((v) => 100 * v)]);
  }
}

const canvas = document.getElementById("viewer");
if (canvas) {
  const said = document.getElementById("viewer-said");
  try {
    const { Niivue, SLICE_TYPE, SHOW_RENDER } = await import("/static/vendor/niivue-0.69.0.js");
    const viewer = new Niivue({
      isRadiologicalConvention: true, isOrientationTextVisible: true, isColorbar: true, show3Dcrosshair: true, backColor: [0, 0, 0, 1],
      crosshairWidth: 0.6, dragAndDropEnabled: false, sagittalNoseLeft: true, multiplanarLayout: 2, multiplanarShowRender: SHOW_RENDER?.ALWAYS ?? 1, logLevel: "error",
    });
    await viewer.attachToCanvas(canvas);
    const names = canvas.dataset.volumes.split(" ");
    const volumes = [];
    if (names.includes("ct")) volumes.push({ url: `/cases/${canvas.dataset.case}/volumes/ct.nii.gz`, colormap: "gray", cal_min: -135, cal_max: 215, colorbarVisible: false });
    if (names.includes("dose")) volumes.push({ url: `/cases/${canvas.dataset.case}/volumes/dose.nii.gz`, colormap: "inferno", opacity: volumes.length ? 0.6 : 1 });
    await viewer.loadVolumes(volumes);
    viewer.setRadiologicalConvention?.(true);
    const dose = names.includes("dose") ? viewer.volumes.length - 1 : -1;
    const top = document.getElementById("top"), opacity = document.getElementById("opacity");
    const scale = () => {
      const volume = viewer.volumes[dose];
      volume.cal_min = 0.05 * Number(top.value);
      volume.cal_max = Number(top.value);
      document.getElementById("top-shown").textContent = `${top.value} Gy`;
      viewer.updateGLVolume();
    };
    if (dose >= 0) {
      const highest = Math.max(1, Math.ceil(viewer.volumes[dose].global_max ?? 40));
      top.max = String(highest);
      top.value = String(Math.ceil(highest * 0.8));
      top.addEventListener("input", scale);
      scale();
      opacity.addEventListener("input", () => {
        viewer.setOpacity(dose, Number(opacity.value) / 100);
        document.getElementById("opacity-shown").textContent = `${opacity.value} %`;
      });
    }
    const types = { multi: SLICE_TYPE.MULTIPLANAR, axial: SLICE_TYPE.AXIAL, coronal: SLICE_TYPE.CORONAL, sagittal: SLICE_TYPE.SAGITTAL, render: SLICE_TYPE.RENDER };
    document.getElementById("view").addEventListener("input", (event) => viewer.setSliceType(types[event.target.value]));
    viewer.setSliceType(types.multi);
    const jump = (place) => {
      viewer.scene.crosshairPos = viewer.mm2frac(place);
      viewer.drawScene();
      canvas.scrollIntoView({ block: "center", behavior: "instant" });
      canvas.focus({ preventScroll: true });
    };
    for (const button of document.querySelectorAll(".jump")) {
      button.addEventListener("click", () => {
        jump(button.dataset.place.split(" ").map(Number));
        said.textContent = `${button.textContent.replace("Show ", "The cross is on ")}.`;
      });
    }
    canvas.dataset.ready = "true";
    window.neorltViewer = viewer;
  } catch (error) {
    said.textContent = `The images cannot be shown here (${error.message}): a browser with WebGL 2 is needed. The report to print holds pictures.`;
  }
}
