// The case's page: sliders show their values, charts come from plan.json, the viewer lays images over the CT.
import { planCharts, schemeChart } from "/static/charts.js";

for (const input of document.querySelectorAll(".sliders input[type=range]")) {
  const shown = input.parentElement.querySelector(".value");
  input.addEventListener("input", () => { shown.textContent = input.value; });
}

const nuclide = document.querySelector("select[name=nuclide]");
nuclide?.addEventListener("input", () => {
  // A usual activity of the chosen nuclide, so that a change of nuclide alone does not ask for an absurd scheme.
  const activity = document.querySelector("input[name=activity_gbq]");
  activity.value = nuclide.selectedOptions[0].dataset.gbq;
  activity.parentElement.querySelector(".value").textContent = activity.value;
});

const drawSchemes = () => { for (const box of document.querySelectorAll("[data-lines]")) schemeChart(box); };
document.body.addEventListener("htmx:afterSwap", drawSchemes);

// What was kept stands below; a second press must not keep it twice.
document.body.addEventListener("htmx:afterRequest", (event) => { if (event.detail.xhr.status >= 200 && event.detail.xhr.status < 400 && event.target.matches("#sign form.form")) event.target.reset(); });

const after = document.getElementById("after-scheme");
after?.addEventListener("input", () => { for (const line of document.querySelectorAll("#vessels .after")) line.hidden = line.dataset.letter !== after.value; });

const charts = document.getElementById("charts");
const plan = charts ? await (await fetch(`/cases/${charts.dataset.case}/plan.json`)).json() : null;
const draw = () => { if (charts) planCharts(charts, plan); drawSchemes(); };
draw();
document.addEventListener("neorlt-theme", draw);
// Paper is light; the charts are drawn for it, and after it for the screen again.
addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; draw(); });
addEventListener("afterprint", () => {
  const kept = localStorage.getItem("neorlt-theme");
  if (kept) document.documentElement.dataset.theme = kept; else delete document.documentElement.dataset.theme;
  draw();
});
let waiting;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 200); });

const viewer = document.getElementById("viewer");
if (viewer) (await import("/static/viewer.js")).start(viewer);
