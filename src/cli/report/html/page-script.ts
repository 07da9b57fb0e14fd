/**
 * The page's only script: what is typed filters objects; an object that is chosen marks the lines of the raw file in which its values
 * stand. Without it the page is whole all the same.
 */
export const SCRIPT = `"use strict";
for (const run of document.querySelectorAll("section.run")) {
  const rows = [...run.querySelectorAll("tr.object")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const filter = run.querySelector("input.filter");
  const status = run.querySelector(".filter-status");
  filter?.closest("label").removeAttribute("hidden");
  filter?.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = wanted !== "" && !texts[index].includes(wanted);
      if (!row.hidden) shown += 1;
    });
    for (const group of run.querySelectorAll("details.type")) {
      group.hidden = !group.querySelector("tr.object:not([hidden])");
      if (wanted !== "") group.open = true;
    }
    status.textContent = wanted === "" ? "" : shown + " of " + rows.length + " shown";
  });
  const lines = [...run.querySelectorAll("ol.raw > li")];
  const choose = (row) => {
    for (const chosen of run.querySelectorAll(".chosen")) chosen.classList.remove("chosen");
    for (const hit of run.querySelectorAll(".hit")) hit.classList.remove("hit");
    row.classList.add("chosen");
    const values = JSON.parse(row.dataset.values);
    const hits = lines.filter((line) => values.some((value) => line.textContent.includes(value)));
    for (const hit of hits.slice(0, 200)) hit.classList.add("hit");
    const pane = hits[0]?.closest(".raw-pane");
    if (pane) pane.scrollTop = hits[0].offsetTop - pane.clientHeight / 3;
  };
  for (const row of rows) {
    row.addEventListener("click", () => choose(row));
    row.addEventListener("focusin", () => choose(row));
  }
}
const showTarget = () => {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!target) return;
  const group = target.closest("details");
  if (group) group.open = true;
  target.scrollIntoView({ block: "center" });
  target.querySelector("a, button")?.focus({ preventScroll: true });
};
addEventListener("hashchange", showTarget);
showTarget();
`;
