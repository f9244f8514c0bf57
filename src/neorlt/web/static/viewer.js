// Two linked panes: an image or the dose over the CT in three planes, beside its projection.
import { letters, paint, placeBehind, project, readVolume } from "/static/mip.js";

const PLANES = { axial: [0, "R", "L", "A", "P"], coronal: [1, "R", "L", "H", "F"], sagittal: [2, "A", "P", "H", "F"] };
const QUARTERS = { axial: [0, 0, 0.5, 0.5], coronal: [0.5, 0, 0.5, 0.5], sagittal: [0, 0.5, 0.5, 0.5], mip: [0.5, 0.5, 0.5, 0.5] };
// Dark red over orange to white; low values let the CT through, so that nothing is blackened.
const FUSED = { R: [60, 130, 200, 240, 252, 255], G: [10, 20, 60, 130, 200, 255], B: [90, 100, 60, 30, 60, 210], A: [0, 90, 190, 235, 255, 255], I: [0, 40, 100, 160, 215, 255] };
const WINDOWS = { soft: [-135, 215], lung: [-1350, 150], bone: [-450, 1050] };
// "#38ff7a" as [56, 255, 122]; the colours of the outlines come with the page, as those of the report do.
const rgb = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
const number = (value) => (Math.abs(value) >= 1000 ? value.toLocaleString("en", { maximumFractionDigits: 0 }) : Number(value.toPrecision(3)).toString());

// Three to nine round numbers between two ends.
function roundBetween(low, high) {
  const wanted = (high - low) / 5, power = 10 ** Math.floor(Math.log10(wanted)), step = power * [1, 2, 5, 10].find((k) => k * power >= wanted);
  const first = Math.ceil(low / step), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

export async function start(root) {
  const said = document.getElementById("viewer-said");
  try {
    const [view, library] = await Promise.all([fetch(`/cases/${root.dataset.case}/view.json`).then((r) => r.json()), import("/static/vendor/niivue-0.69.0.js")]);
    const panes = [];
    for (const element of root.querySelectorAll(".pane")) panes.push(await new Pane(element, root.dataset.case, view, library, said, JSON.parse(root.dataset.outlines)).open());
    link(root, panes);
    for (const button of document.querySelectorAll(".jump")) {
      button.addEventListener("click", () => {
        panes[0].jump(button.dataset.place.split(" ").map(Number));
        panes[1]?.jump(button.dataset.place.split(" ").map(Number));
        root.scrollIntoView({ block: "start" });
        panes[0].canvas.focus({ preventScroll: true });
        said.textContent = `The cross is on ${button.dataset.name}.`;
      });
    }
    root.dataset.ready = "true";
  } catch (error) {
    said.textContent = `The images cannot be shown here (${error.message}): a browser with WebGL 2 is needed. The report to print holds pictures.`;
  }
}

function link(root, panes) {
  const contours = document.getElementById("contours"), measure = document.getElementById("measure");
  contours?.addEventListener("input", () => { for (const pane of panes) pane.outline(contours.checked); });
  measure.addEventListener("input", () => {
    for (const pane of panes) pane.measure(measure.checked);
    document.getElementById("viewer-said").textContent = measure.checked
      ? "Drag a line in a plane, or with the keys: move the cross, press Enter for one end, move it, press Enter for the other."
      : "Drag to move the cross.";
  });
  const detail = document.getElementById("detail");
  detail?.addEventListener("input", async () => {
    const said = document.getElementById("viewer-said");
    said.textContent = detail.checked ? "The image's own voxels round the cross are fetched." : "The whole image in fewer voxels is fetched.";
    try {
      await Promise.all(panes.map((pane) => pane.detail(detail.checked)));
      said.textContent = detail.checked ? "Own voxels round the cross; they follow it. The rest of the body is left out." : "The whole image, in fewer voxels.";
    } catch (error) { said.textContent = `They cannot be shown (${error.message}).`; }
  });
  const linked = document.getElementById("linked"), second = document.getElementById("second"), plane = document.getElementById("plane");
  const apart = () => new Set(panes.map((pane) => pane.frame())).size > 1;
  const arrange = () => { for (const pane of panes) pane.arrange(plane.value); };
  let busy = false;
  panes.forEach((pane) => {
    pane.moved = (place) => {
      if (busy || !linked?.checked || apart()) return;
      busy = true;
      for (const other of panes) if (other !== pane) other.jump(place);
      busy = false;
    };
    pane.changed = () => { document.getElementById("apart").hidden = !apart(); };
    pane.changed();
  });
  second?.addEventListener("input", () => { root.classList.toggle("single", !second.checked); arrange(); });
  if (second && matchMedia("(max-width: 900px)").matches) { second.checked = false; root.classList.add("single"); }
  plane.addEventListener("input", arrange);
  addEventListener("resize", arrange);
  arrange();
}

class Pane {
  constructor(element, name, view, library, said, outlines) {
    Object.assign(this, { element, name, view, library, said, outlines, changed: () => {}, moved: () => {}, degrees: 0, serial: 0 });
    this.canvas = element.querySelector("canvas.planes");
    this.mip = element.querySelector("canvas.mip");
    this.part = (key) => element.querySelector(`[data-part=${key}]`);
    this.over = null;
  }

  async open() {
    const { Niivue, DRAG_MODE } = this.library;
    this.viewer = new Niivue({
      isRadiologicalConvention: true, sagittalNoseLeft: true, isOrientationTextVisible: false, isColorbar: false, atlasOutline: 1, measureLineColor: [1, 1, 1, 1], measureTextColor: [1, 1, 1, 1], rulerColor: [1, 1, 1, 1], backColor: [0, 0, 0, 1], crosshairWidth: 1.2, crosshairWidthUnit: "mm",
      crosshairColor: [0.35, 0.85, 1, 0.9], dragAndDropEnabled: false, logLevel: "error", dragMode: DRAG_MODE?.contrast ?? 1, viewModeHotKey: "", clipPlaneHotKey: "", show3Dcrosshair: false,
      tileMargin: 0, loadingText: "",
    });
    this.viewer.addColormap("fused", FUSED);
    await this.viewer.attachToCanvas(this.canvas);
    this.viewer.onLocationChange = (data) => this.tell(data);
    for (const key of ["under", "over"]) this.part(key).addEventListener("input", () => this.load());
    this.part("unit").addEventListener("input", () => this.unitChanged());
    this.part("top").addEventListener("input", () => this.scale());
    this.part("opacity").addEventListener("input", () => this.fade());
    this.part("window").addEventListener("input", () => this.window());
    this.part("turn").addEventListener("input", () => this.turn());
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.mip.addEventListener("click", (event) => this.pick(event));
    await this.load();
    return this;
  }

  colourOutlines(regions) {
    const colours = [[0, 0, 0], ...regions.map((region) => rgb(this.outlines[region.kind] ?? this.outlines.other))];
    // Nothing of the inside is shown: with an outline asked for, the library draws the border alone.
    this.viewer.volumes[this.lines].setColormapLabel({
      R: colours.map((c) => c[0]), G: colours.map((c) => c[1]), B: colours.map((c) => c[2]), A: colours.map(() => 0),
      I: colours.map((_, i) => i), labels: ["", ...regions.map((region) => region.name)],
    });
    this.viewer.updateGLVolume();
  }

  outline(shown) { this.viewer.setAtlasOutline(shown ? 1 : 0); }

  measure(wanted) {
    const { DRAG_MODE } = this.library;
    this.viewer.opts.dragModePrimary = wanted ? DRAG_MODE.measurement : DRAG_MODE.crosshair;
    this.measuring = wanted;
    this.end = null;
    if (!wanted) this.viewer.clearAllMeasurements();
    this.viewer.drawScene();
  }

  // One end of a line at the cross; the second end draws it and says its length.
  mark() {
    const here = [...this.place], words = (place) => place.map((v) => Math.round(v)).join(", ");
    if (!this.end) {
      this.end = here;
      this.viewer.clearAllMeasurements();
      this.viewer.drawScene();
      this.said.textContent = `One end stands at ${words(here)} mm. Move the cross and press Enter for the other; Escape takes it back.`;
      return;
    }
    const length = Math.hypot(...here.map((v, i) => v - this.end[i])), at = this.viewer.scene.crosshairPos;
    // Drawn in the planes that hold both ends: right and left, back and front, feet and head are axes 0, 1, 2.
    for (const [sliceType, axis] of [[0, 2], [1, 1], [2, 0]]) {
      if (Math.abs(here[axis] - this.end[axis]) > 0.5) continue;
      this.viewer.document.completedMeasurements.push({ startMM: this.end, endMM: here, sliceIndex: -1, sliceType, slicePosition: at[axis], distance: length });
    }
    this.said.textContent = `The line from ${words(this.end)} mm to ${words(here)} mm is ${length.toFixed(1)} mm long.`;
    this.end = null;
    this.viewer.drawScene();
  }

  // A box of the image's own voxels round the place where it was asked for, or the whole in fewer voxels.
  url(row) { return this.near && row.full ? `/cases/${this.name}/detail/${row.name}.nii.gz?x=${this.near[0]}&y=${this.near[1]}&z=${this.near[2]}` : this.small(row); }
  small(row) { return `/cases/${this.name}/volumes/${row.name}.nii.gz`; }

  // Own voxels or not; round the cross.
  async detail(wanted) {
    this.near = wanted ? this.place.map((v) => Math.round(v)) : null;
    await this.load();
  }

  get reach() {
    const full = (this.row("under") ?? this.row("over")).full;
    return full ? full.shape.map((n, i) => 0.35 * Math.min(n, 128) * full.spacing_mm[i]) : [Infinity, Infinity, Infinity];
  }

  row(key) { return this.view.volumes.find((row) => row.name === this.part(key).value) ?? null; }
  frame() { return (this.row("under") ?? this.row("over")).frame; }

  async load() {
    const serial = ++this.serial, under = this.row("under"), over = this.row("over");
    // Where the cross is wanted once the images are there; the other pane may move it meanwhile.
    this.wanted = this.place;
    this.loading = true;
    this.projected = over ?? under;
    const list = [];
    if (under) list.push({ url: this.url(under), name: "under.nii.gz", colormap: "gray", cal_min: -135, cal_max: 215 });
    if (over) list.push({ url: this.url(over), name: "over.nii.gz", colormap: "fused", opacity: under ? 0.6 : 1 });
    const contours = this.view.contours, outlined = contours && contours.frame === this.frame();
    if (outlined) list.push({ url: this.url(contours), name: "contours.nii.gz", colormap: "gray", opacity: 1 });
    let projection;
    try {
      [, projection] = await Promise.all([this.viewer.loadVolumes(list), readVolume(this.small(this.projected))]);
    } finally {
      if (serial === this.serial) this.loading = false;
    }
    if (serial !== this.serial) return;
    this.projection = projection;
    this.over = over ? Number(Boolean(under)) : -1;
    this.lines = outlined ? list.length - 1 : -1;
    if (outlined) this.colourOutlines(contours.regions);
    const units = over ? [{ unit: over.unit, factor: 1 }, ...over.other_units] : [];
    if (over?.kind === "pet") units.sort((a, b) => (b.unit === "SUV") - (a.unit === "SUV"));
    const chosen = this.part("unit").selectedOptions[0]?.textContent;
    this.part("unit").replaceChildren(...units.map((one) => Object.assign(document.createElement("option"), { value: one.factor, textContent: one.unit })));
    const again = [...this.part("unit").options].findIndex((one) => one.textContent === chosen);
    if (again >= 0 && this.shownKind === over?.kind) this.part("unit").selectedIndex = again;
    this.shownKind = over?.kind;
    for (const key of ["unit", "top", "opacity"]) this.part(key).disabled = !over;
    this.unitChanged();
    this.window();
    this.fade();
    this.turn();
    this.jump(this.wanted ?? this.firstPlace());
    this.element.dataset.voxels = this.near ? "own" : "fewer";
    this.changed();
  }

  firstPlace() { return Object.values(this.view.lesions)[0] ?? this.viewer.frac2mm([0.5, 0.5, 0.5]).slice(0, 3); }
  factor() { return Number(this.part("unit").value || 1); }

  unitChanged() {
    const over = this.row("over"), top = this.part("top");
    if (over) {
      const highest = over.highest * this.factor(), step = 10 ** Math.floor(Math.log10(Math.max(highest, 1e-9) / 100));
      // Time points of one kind are compared: the scale stays when the next one is chosen.
      const same = this.scaled === `${over.kind} ${this.part("unit").selectedOptions[0].textContent}`, before = Number(top.value);
      this.scaled = `${over.kind} ${this.part("unit").selectedOptions[0].textContent}`;
      Object.assign(top, { min: step, max: Math.ceil(Math.max(highest, same ? before : 0) / step) * step, step });
      top.value = same ? before : 0.7 * highest;
    }
    this.scale();
  }

  scale() {
    const over = this.row("over"), ramp = this.part("ramp"), top = Number(this.part("top").value), unit = this.part("unit").selectedOptions[0]?.textContent ?? "HU";
    const lut = this.viewer.colormap(over ? "fused" : "gray");
    if (over) {
      const volume = this.viewer.volumes[this.over];
      volume.cal_max = top / this.factor();
      volume.cal_min = 0.06 * volume.cal_max;
      this.limits = [volume.cal_min, volume.cal_max];
      this.viewer.updateGLVolume();
      this.part("top-shown").textContent = `${number(top)} ${unit}`;
    } else { this.limits = [-300, 400]; }
    const context = ramp.getContext("2d");
    for (let x = 0; x < ramp.width; x++) {
      const q = 4 * Math.round((255 * x) / (ramp.width - 1));
      const light = lut[q + 3] / 255;
      context.fillStyle = `rgb(${lut[q] * light} ${lut[q + 1] * light} ${lut[q + 2] * light})`;
      context.fillRect(x, 0, 1, ramp.height);
    }
    const [low, high] = over ? [0.06 * top, top] : this.limits;
    this.part("scale-unit").textContent = unit;
    this.part("ticks").replaceChildren(...roundBetween(low, high).map((value) => {
      const tick = Object.assign(document.createElement("span"), { textContent: number(value) });
      tick.style.left = `${(100 * (value - low)) / (high - low)}%`;
      return tick;
    }));
    this.paintProjection();
  }

  window() {
    if (!this.row("under")) return;
    [this.viewer.volumes[0].cal_min, this.viewer.volumes[0].cal_max] = WINDOWS[this.part("window").value];
    this.viewer.updateGLVolume();
  }

  fade() {
    const percent = Number(this.part("opacity").value);
    this.part("opacity-shown").textContent = `${percent} %`;
    if (this.over >= 0) this.viewer.setOpacity(this.over, percent / 100);
  }

  turn() {
    this.degrees = Number(this.part("turn").value);
    this.part("turn-shown").textContent = `${this.degrees}°`;
    this.picture = project(this.projection, this.degrees);
    const [left, right] = letters(this.picture.right), box = this.part("mip-box");
    box.querySelector(".mark.left").textContent = left;
    box.querySelector(".mark.right").textContent = right;
    this.paintProjection();
  }

  paintProjection() {
    if (this.picture && this.limits) paint(this.mip, this.picture, this.viewer.colormap(this.row("over") ? "fused" : "gray"), ...this.limits);
  }

  pick(event) {
    const box = this.mip.getBoundingClientRect(), fit = Math.min(box.width / this.mip.width, box.height / this.mip.height);
    const column = Math.floor((event.clientX - box.left - (box.width - fit * this.mip.width) / 2) / fit);
    const row = Math.floor((event.clientY - box.top - (box.height - fit * this.mip.height) / 2) / fit);
    if (column >= 0 && row >= 0 && column < this.mip.width && row < this.mip.height) this.jump(placeBehind(this.picture, column, row));
  }

  jump(place) {
    // Between two images there is nothing for a cross to stand in.
    if (this.loading) {
      this.wanted = [...place];
      return;
    }
    // Near the edge of a box of own voxels the next box is fetched.
    if (this.near && place.some((v, i) => Math.abs(v - this.near[i]) > this.reach[i])) {
      this.near = place.map((v) => Math.round(v));
      this.place = [...place];
      this.load();
      return;
    }
    this.viewer.scene.crosshairPos = this.viewer.mm2frac(place);
    this.viewer.drawScene();
    this.viewer.createOnLocationChange();
  }

  tell(data) {
    if (this.loading) return;
    const place = [data.mm[0], data.mm[1], data.mm[2]];
    // A line belongs to the planes in which it was drawn.
    if (this.place?.some((v, i) => Math.abs(v - place[i]) > 1e-3)) this.viewer.clearAllMeasurements();
    this.place = place;
    this.moved(this.place);
    const under = this.row("under"), over = this.row("over"), words = [];
    let inside = "";
    data.values.forEach((value, i) => {
      if (i === this.lines) {
        const region = this.view.contours.regions[Math.round(value.value) - 1];
        if (region) inside = `, in ${region.name}`;
      } else if (i === 0 && under) words.push(`CT ${number(value.value)} HU`);
      else if (over) words.push(`${over.title}: ${number(value.value * this.factor())} ${this.part("unit").selectedOptions[0].textContent}`);
    });
    const [x, y, z] = this.place.map((v) => Math.round(v));
    this.part("read").textContent = `At ${Math.abs(x)} mm ${x < 0 ? "left" : "right"}, ${Math.abs(y)} mm ${y < 0 ? "back" : "front"}, ${Math.abs(z)} mm ${z < 0 ? "down" : "up"}${inside}. `;
    words.forEach((text, i) => this.part("read").append(i ? "; " : "", Object.assign(document.createElement("span"), { className: "unbroken", textContent: text })));
  }

  key(event) {
    const move = { ArrowLeft: [2, 0, 0], ArrowRight: [-2, 0, 0], ArrowUp: [0, 2, 0], ArrowDown: [0, -2, 0], PageUp: [0, 0, 2], PageDown: [0, 0, -2] }[event.key];
    if (this.measuring && this.place && (event.key === "Enter" || event.key === "Escape")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (event.key === "Enter") this.mark();
      else { this.end = null; this.said.textContent = "The end was taken back."; }
      return;
    }
    if (!move || !this.place) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.jump(this.place.map((v, i) => v + move[i]));
  }

  arrange(shown) {
    const tiles = shown === "multi" ? Object.entries(QUARTERS) : [[shown, [0, 0, 1, 1]]];
    const planes = tiles.filter(([name]) => name in PLANES);
    this.viewer.clearAllMeasurements();
    this.canvas.style.visibility = planes.length ? "visible" : "hidden";
    if (planes.length) this.viewer.setCustomLayout(planes.map(([name, position]) => ({ sliceType: PLANES[name][0], position })));
    const stage = this.part("stage");
    for (const old of stage.querySelectorAll(".tile")) old.remove();
    for (const [name, [left, top, width, height]] of planes) {
      const tile = document.createElement("div");
      tile.className = "tile";
      tile.dataset.plane = name;
      Object.assign(tile.style, { left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * width}%`, height: `${100 * height}%` });
      ["left", "right", "head", "foot"].forEach((side, i) => {
        tile.append(Object.assign(document.createElement("span"), { className: `mark ${side}`, textContent: PLANES[name][1 + i] }));
      });
      stage.append(tile);
    }
    const box = this.part("mip-box"), place = tiles.find(([name]) => name === "mip")?.[1];
    box.hidden = !place;
    if (place) Object.assign(box.style, { left: `${100 * place[0]}%`, top: `${100 * place[1]}%`, width: `${100 * place[2]}%`, height: `${100 * place[3]}%` });
    this.viewer.resizeListener?.();
    this.viewer.drawScene();
  }
}
