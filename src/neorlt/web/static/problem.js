// What a form was refused with stands in the form; what its answer would have replaced, and what was typed, stays.
const box = (form, text) => {
  let said = form.querySelector(":scope > [data-problem]");
  if (!text) { said?.remove(); return; }
  if (!said) {
    said = form.appendChild(document.createElement("p"));
    said.className = "error"; said.dataset.problem = ""; said.setAttribute("role", "alert");
  }
  said.textContent = text;
};
const form = (event) => {
  const asked = event.detail.requestConfig?.elt;
  // The sliders' answer stands in a place of its own: what is shown there must not be that of before.
  return asked?.matches("form:not(.sliders)") ? asked : null;
};
document.addEventListener("htmx:beforeSwap", (event) => {
  const asked = form(event);
  if (!asked) return;
  const refused = event.detail.xhr.status >= 400;
  box(asked, refused ? new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html").body.textContent.trim() : "");
  if (refused) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:sendError", (event) => {
  const asked = form(event);
  if (asked) box(asked, "The server does not answer: nothing was kept. What you typed is still here; press again when the server is back.");
});
