"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  // Sort, filter and epoch survive the reload of a page that is watched.
  const memory = {
    get(key) {
      try {
        return JSON.parse(sessionStorage.getItem(`ib-report ${location.pathname} ${key}`));
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        sessionStorage.setItem(`ib-report ${location.pathname} ${key}`, JSON.stringify(value));
      } catch {
        return; // a browser that keeps nothing for files: the page works without
      }
    },
  };

  // "rate R (nats)" is "R" in a hover text, "epoch" itself.
  const named = (title) => (title || "").replace(/\s*\([^()]*\)$/, "").split(/[\s,]+/).at(title?.startsWith("I(") ? 0 : -1);

  // Hover texts are made here from the run's row or the point's, so that the page carries each of them once.
  function prepare(plot) {
    for (const trace of plot.traces) {
      const z = trace.type === "scatter3d" ? ", z = %{z:.4g}" : "";
      if (trace.customdata) {
        trace.text = trace.customdata.map((run, i) => {
          const epoch = trace.epochs ? `<br>epoch ${trace.epochs[i]}` : "";
          const step = trace.steps ? `<br>step ${trace.steps[i]}` : "";
          return data.runs[run] + epoch + step;
        });
        const [x, y] = ["xaxis", "yaxis"].map((axis) => named(plot.layout[axis]?.title?.text) || axis[0]);
        trace.hovertemplate ||= `%{text}<br>${x} = %{x:.4g}<br>${y} = %{y:.4g}${z}<extra></extra>`;
        delete trace.epochs;
        delete trace.steps;
      }
      if (trace.points) {
        trace.text = trace.points.map((point, i) => {
          const [multipliers, runs] = data.points[point];
          return [multipliers, trace.details[i], runs].filter(Boolean).join("<br>");
        });
        trace.hovertemplate = "%{text}<extra></extra>";
        delete trace.points;
        delete trace.details;
      }
    }
    return plot;
  }

  // Space needs WebGL, which a browser may not have; the figure shows the same.
  const webgl = (() => {
    let known;
    return () => (known ??= document.createElement("canvas").getContext("webgl") !== null);
  })();

  function instead(canvas, plot) {
    const picture = document.createElement("img");
    picture.src = plot.picture;
    picture.alt = `${plot.picture}: this browser has no WebGL to draw the plot with`;
    canvas.replaceChildren(picture);
    canvas.dataset.drawn = "true";
  }

  // Sharing would upload the plot, and a selection does nothing here.
  const modeBarButtonsToRemove = ["sendChartToCloud", "select2d", "lasso2d"];
  const config = {
    responsive: true, displaylogo: false, modeBarButtonsToRemove, toImageButtonOptions: { format: "svg" },
  };
  function draw(plot) {
    const canvas = document.getElementById(plot.id);
    if (plot.picture && !webgl()) return instead(canvas, plot);
    prepare(plot);
    return Plotly.newPlot(canvas, plot.traces, plot.layout, config).then(() => {
      canvas.dataset.drawn = "true";
      Playback.drawn(plot.id);
      canvas.on("plotly_click", (event) => {
        const run = event.points[0].customdata;
        const row = document.querySelector(`tr[data-run="${run}"]`);
        if (row === null) return;
        document.querySelectorAll("tr.picked").forEach((other) => other.classList.remove("picked"));
        row.classList.add("picked");
        row.scrollIntoView({ block: "center" });
      });
    });
  }

  data.plots.forEach(Playback.keep);
  Playback.start(data.playback, memory);

  // A plot is drawn when it comes into the window; the tables are there from the start.
  const waiting = new Map(data.plots.map((plot) => [plot.id, plot]));
  let queue = Promise.resolve();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const plot = waiting.get(entry.target.id);
        if (!entry.isIntersecting || plot === undefined) continue;
        waiting.delete(entry.target.id);
        observer.unobserve(entry.target);
        queue = queue.then(() => draw(plot)); // one after the other, so that the first is on the screen at once
      }
    },
    { rootMargin: "50px" },
  );
  for (const id of waiting.keys()) observer.observe(document.getElementById(id));
  window.addEventListener("beforeprint", () => {
    for (const plot of waiting.values()) draw(plot);
    waiting.clear();
  });

  function value(row, column) {
    const cell = row.cells[column];
    const text = cell.textContent.trim();
    return cell.className === "n" ? Number(text) : text;
  }

  function compare(a, b) {
    const missing = (v) => v === "" || v === "–" || Number.isNaN(v);
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b)); // last, in either direction
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  }

  function sort(table, column, descending) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    rows.sort(([a], [b]) => {
      const order = compare(a, b);
      const absent = [a, b].some((v) => v === "" || v === "–");
      return descending && !absent ? -order : order;
    });
    body.append(...rows.map(([, row]) => row));
    [...table.tHead.rows[0].cells].forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    memory.set(`sort ${table.id}`, [column, descending]);
  }

  function filter(table, input) {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += Number(!row.hidden);
    }
    const count = document.querySelector(`[data-shown="${table.id}"]`);
    count.textContent = words.length ? `${shown} of ${table.tBodies[0].rows.length} rows` : "";
    memory.set(`filter ${table.id}`, input.value);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(table, column, head.getAttribute("aria-sort") === "ascending"));
      head.replaceChildren(button);
    });
    const input = document.querySelector(`[data-filter="${table.id}"]`);
    input.hidden = false;
    input.value = memory.get(`filter ${table.id}`) || "";
    input.addEventListener("input", () => filter(table, input));
    if (input.value) filter(table, input);
    const sorted = memory.get(`sort ${table.id}`);
    if (sorted !== null && sorted[0] < table.tHead.rows[0].cells.length) sort(table, ...sorted);
  }
  document.documentElement.dataset.ready = "true";
})();
