"use strict";
// Inflates the data and plotly, draws the plots, and lets the table be filtered and sorted. Texts of
// the record reach the page by textContent alone.
(() => {
  const decoded = (base64) => {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64); // of 2025 and later, and fast
    const packed = atob(base64);
    const bytes = new Uint8Array(packed.length);
    for (let place = 0; place < packed.length; place += 1) bytes[place] = packed.charCodeAt(place);
    return bytes;
  };
  const inflated = async (id) => {
    const stream = new Blob([decoded(document.getElementById(id).textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const element = (name, text) => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };

  // Colours: what stands under a key of colours as var(--name) is looked up in the style sheet.
  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const VARIABLE = /^var\((--[\w-]+)\)$/;
  const looked = (value) => {
    if (Array.isArray(value)) return value.map(looked);
    const found = typeof value === "string" && VARIABLE.exec(value);
    return found ? variable(found[1]) : value;
  };
  const coloured = (value) => {
    if (Array.isArray(value)) {
      return typeof value[0] === "object" && !Array.isArray(value[0]) ? value.map(coloured) : value;
    }
    if (value === null || typeof value !== "object") return value;
    const entry = ([key, own]) => [key, /color/i.test(key) ? looked(own) : coloured(own)];
    return Object.fromEntries(Object.entries(value).map(entry));
  };

  const isNarrow = () => window.matchMedia("(max-width: 600px)").matches;
  const themed = (layout, traces) => {
    const axis = {
      automargin: true, gridcolor: variable("--line"), linecolor: variable("--line"),
      zerolinecolor: variable("--line"), tickfont: {size: isNarrow() ? 10 : 12},
    };
    const axes = {xaxis: {}, yaxis: {}};
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis/.test(name)) axes[name] = layout[name];
    }
    for (const name of Object.keys(axes)) axes[name] = {...axis, ...axes[name]};
    return {
      font: {family: getComputedStyle(document.body).fontFamily, size: 12, color: variable("--text")},
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: {l: 10, r: 14, t: 10, b: 10},
      hoverlabel: {
        bgcolor: variable("--panel"), bordercolor: variable("--quiet"), align: "left",
        font: {color: variable("--text"), size: 12},
      },
      modebar: {bgcolor: "rgba(0,0,0,0)", color: variable("--quiet"), activecolor: variable("--accent")},
      dragmode: isNarrow() ? false : "zoom",
      ...layout, ...axes,
      // A narrow legend has a line for each trace, and is given the room.
      height: layout.height + (isNarrow() && layout.showlegend !== false ? 18 * traces : 0),
      legend: {orientation: "h", x: 0, y: 1, yanchor: "bottom", ...layout.legend},
    };
  };
  const configured = () => ({
    responsive: true, displaylogo: false, displayModeBar: isNarrow() ? false : "hover",
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  });
  // What is in sight is drawn first, the rest one by one while the browser has nothing else to do.
  const idle = () => new Promise((resolve) => (window.requestIdleCallback ?? setTimeout)(resolve));
  const isInSight = (place) => {
    const {top, bottom} = place.getBoundingClientRect();
    return bottom > 0 && top < window.innerHeight;
  };
  const drawAll = async (figures) => {
    const left = [...document.querySelectorAll("[data-figure]")];
    while (left.length > 0) {
      const seen = left.findIndex(isInSight);
      if (seen < 0) {
        document.documentElement.dataset.inSightAfterMs ??= Math.round(performance.now());
        await idle();
      }
      const [place] = left.splice(Math.max(seen, 0), 1);
      const figure = figures[place.dataset.figure];
      await Plotly.react(place, coloured(figure.data), themed(coloured(figure.layout), figure.data.length), configured());
    }
    document.documentElement.dataset.drawnAfterMs ??= Math.round(performance.now());
  };
  const draw = async (figures) => {
    const code = document.createElement("script");
    code.textContent = await inflated("packed-plotly");
    document.head.append(code);
    await drawAll(figures);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(figures));
    window.matchMedia("(max-width: 600px)").addEventListener("change", () => drawAll(figures));
  };

  // The table.
  const body = document.querySelector(".trials tbody");
  const rows = [...body.rows];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const open = new Map();
  const shown = document.getElementById("shown");
  const fold = (row) => {
    open.get(row)?.remove();
    open.delete(row);
    row.querySelector("button").setAttribute("aria-expanded", "false");
  };
  const filter = () => {
    const words = document.getElementById("words").value.toLowerCase().split(/\s+/);
    const outcome = document.getElementById("outcome").value;
    const purpose = document.getElementById("purpose").value;
    let count = 0;
    for (const row of rows) {
      const fits = words.every((word) => texts.get(row).includes(word))
        && (!outcome || row.dataset.outcome === outcome)
        && (!purpose || row.dataset.purpose === purpose);
      row.hidden = !fits;
      if (!fits) fold(row);
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length}`;
  };
  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent;
    return text !== "" && !isNaN(text) ? Number(text) : text;
  };
  const compare = (one, other) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    const alike = typeof one === "number" && typeof other === "number";
    return alike ? one - other : String(one).localeCompare(String(other));
  };
  const sort = (heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keys = new Map(rows.map((row) => [row, key(row, heading.cellIndex)]));
    const turned = (a, b) => (keys.get(a) === "" || keys.get(b) === "" || !down ? 1 : -1);
    rows.sort((a, b) => turned(a, b) * compare(keys.get(a), keys.get(b)));
    for (const row of rows) {
      fold(row);
      body.append(row);
    }
  };
  for (const name of ["words", "outcome", "purpose"]) {
    document.getElementById(name).addEventListener("input", filter);
  }
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  for (const heading of document.querySelectorAll(".trials thead th")) {
    heading.querySelector("button").addEventListener("click", () => sort(heading));
  }

  const explain = (whys) => {
    body.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const row = button.closest("tr");
      if (open.has(row)) return fold(row);
      const told = document.createElement("tr");
      told.className = "why";
      const cell = told.insertCell();
      cell.colSpan = row.cells.length;
      cell.append(element("pre", whys[row.dataset.index]));
      row.after(told);
      open.set(row, told);
      button.setAttribute("aria-expanded", "true");
    });
  };

  if (typeof DecompressionStream === "undefined") {
    document.getElementById("no-plots").hidden = false;
    return;
  }
  inflated("packed-data").then(async (text) => {
    const data = JSON.parse(text);
    explain(data.whys);
    await draw(data.figures);
  });
})();
