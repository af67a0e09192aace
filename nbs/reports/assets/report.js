// Runs before the charts' script: gives charts the theme and the points that all pages share, and the index its search field.
(function () {
  "use strict";
  const shared = window.svShared || {};
  function fill() {
    for (const node of document.querySelectorAll(".sv-chart > script[type='application/json']")) {
      if (node.textContent.indexOf('"shared"') < 0) continue;
      const spec = JSON.parse(node.textContent), names = (((spec.usermeta || {}).schoolvar) || {}).shared || [];
      spec.config = Object.assign({}, shared.theme, spec.config);
      spec.datasets = spec.datasets || {};
      for (const n of names) spec.datasets[n] = shared[n] || "";
      node.textContent = JSON.stringify(spec);
    }
  }
  function search() {
    const box = document.getElementById("find"), said = document.getElementById("found");
    if (!box) return;
    document.querySelector(".find").hidden = false;
    const plain = t => t.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    const rows = [...document.querySelectorAll("tbody tr")].map(r => [r, plain(r.textContent)]);
    box.addEventListener("input", () => {
      const want = plain(box.value.trim()); let n = 0;
      for (const [row, words] of rows) { row.hidden = want !== "" && !words.includes(want); if (!row.hidden) n++; }
      said.textContent = (n === 1 ? said.dataset.one : said.dataset.other).replace("{n}", n);
    });
  }
  const start = () => { fill(); search(); };
  // Deferred scripts run once the page is parsed; one inside the page may run before.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
