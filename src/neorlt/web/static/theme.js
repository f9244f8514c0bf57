// Dark or light: the system decides until the user does; the choice stays in this browser.
const kept = localStorage.getItem("neorlt-theme");
if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  name();
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("neorlt-theme", next);
    name();
    document.dispatchEvent(new Event("neorlt-theme"));
  });
});
