"use strict";
// Plays a study back: its planes and frontiers as they were at an epoch, by a slider that the keyboard moves as well.
const Playback = (() => {
  const box = document.getElementById("playback");
  const [button, slider, output] = ["button", "input", "output"].map((name) => box.querySelector(name));
  const HOVER = "median at this epoch<br>x = %{x:.4g}<br>y = %{y:.4g}<extra></extra>"; // the texts are of the end
  const plots = [];
  let records, epochs, remember, timer, asked;

  // Index of the last epoch up to `epoch` in ascending epochs; −1 before the first.
  function upTo(all, epoch) {
    let [low, high] = [0, all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle] <= epoch) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  function median(values) {
    const known = values.filter((value) => value !== null).sort((a, b) => a - b);
    const half = known.length >> 1;
    if (known.length === 0) return null;
    return known.length % 2 ? known[half] : (known[half - 1] + known[half]) / 2;
  }

  // The lower convex hull of points, from the least x to the least y.
  function hull(points) {
    const found = [];
    for (const point of points.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
      const turns = ([a, b], [c, d]) => (c - a) * (point[1] - b) - (d - b) * (point[0] - a);
      while (found.length > 1 && turns(found.at(-2), found.at(-1)) <= 0) found.pop();
      if (!found.length || point[1] < found.at(-1)[1]) found.push(point);
    }
    return found;
  }

  // Keeps what a plot shows at the end; to be called before its traces change.
  function keep(plot) {
    if (!plot.plays) return;
    const traces = plot.traces.map(({ x, y, epochs: at, customdata: runs, points, play, xaxis }) => {
      return { x, y, at, runs, points, play, axis: xaxis || "x" };
    });
    for (const trace of plot.traces) delete trace.play; // plotly.js knows no such key
    plots.push({ id: plot.id, axes: plot.plays, traces, paths: plot.plays === "plane" ? paths(traces) : null });
  }

  // Panel and run → its points [epoch, x, y]; a flagged point is in one of two traces only.
  function paths(traces) {
    const found = new Map();
    for (const trace of traces.filter((one) => one.play === "line")) {
      trace.runs.forEach((run, i) => {
        if (trace.at[i] === null || trace.x[i] === null) return;
        const key = `${trace.axis} ${run}`;
        if (!found.has(key)) found.set(key, new Map());
        found.get(key).set(trace.at[i], [trace.at[i], trace.x[i], trace.y[i]]);
      });
    }
    for (const [key, path] of found) found.set(key, [...path.values()].sort((a, b) => a[0] - b[0]));
    return found;
  }

  // The points [x, y] of a plane's trace at an epoch.
  function ofPlane(plot, trace, epoch) {
    if (trace.play === "line") {
      return trace.x.map((x, i) => (trace.at[i] !== null && trace.at[i] <= epoch ? [x, trace.y[i]] : [null, null]));
    }
    return trace.runs.map((run) => {
      const path = plot.paths.get(`${trace.axis} ${run}`) || [];
      const i = upTo(path.map(([at]) => at), epoch);
      return i < 0 ? [null, null] : path[i].slice(1);
    });
  }

  // Where a run was in a frontier; where it ended if it has no records beyond, or none at all.
  function ofRun(plot, run, epoch, end) {
    const record = records.runs[run];
    if (!record) return end;
    const i = upTo(record.epochs, epoch);
    if (i < 0) return [null, null];
    return i === record.epochs.length - 1 ? end : plot.axes.map((name) => record[name]?.[i] ?? null);
  }

  function ofFrontier(plot, epoch) {
    const now = new Map();
    for (const trace of plot.traces.filter((one) => one.play === "runs")) {
      trace.runs.forEach((run, i) => now.set(run, ofRun(plot, run, epoch, [trace.x[i], trace.y[i]])));
    }
    const medians = (trace) =>
      trace.points.map((point) => {
        const members = records.members[point].map((run) => now.get(run) || [null, null]);
        return [0, 1].map((axis) => median(members.map((member) => member[axis])));
      });
    return plot.traces.map((trace, i) => {
      if (trace.play === "runs") return trace.runs.map((run) => now.get(run));
      if (trace.play === "medians") return medians(trace);
      if (trace.play === "hull") return hull(medians(plot.traces[i + 1]).filter((point) => point[0] !== null));
      return null;
    });
  }

  // All records of a frontier's runs within its axes, so that these stand still.
  function span(plot, axis) {
    const runs = plot.traces.filter((trace) => trace.play === "runs").flatMap((trace) => trace.runs);
    const ends = plot.traces.flatMap((trace) => [trace.x, trace.y][axis]);
    const all = runs.flatMap((run) => records.runs[run]?.[plot.axes[axis]] || []).concat(ends);
    const known = all.filter((value) => value !== null);
    const [low, high] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
    const margin = 0.05 * (high - low) || 1;
    return [low - margin, high + margin];
  }

  function show(plot, epoch) {
    const canvas = document.getElementById(plot.id);
    if (canvas.dataset.drawn !== "true") return;
    const atEnd = epoch === null;
    if (atEnd && !plot.moved) return;
    const moving = plot.traces.map((trace, i) => i).filter((i) => plot.traces[i].play);
    const points = atEnd || plot.paths ? null : ofFrontier(plot, epoch);
    const [xs, ys] = [0, 1].map((axis) =>
      moving.map((i) => {
        const trace = plot.traces[i];
        if (atEnd) return axis ? trace.y : trace.x;
        return (points ? points[i] : ofPlane(plot, trace, epoch)).map((point) => point[axis]);
      }),
    );
    const hovers = moving.map((i) => {
      plot.traces[i].hover ??= canvas.data[i].hovertemplate ?? "";
      return atEnd || plot.traces[i].play !== "medians" ? plot.traces[i].hover : HOVER;
    });
    const layout = {};
    if (!plot.paths && (atEnd || !plot.moved)) {
      ["xaxis", "yaxis"].forEach((name, axis) => {
        if (atEnd) layout[`${name}.autorange`] = true;
        else layout[`${name}.range`] = span(plot, axis);
      });
    }
    const barred = moving.map((i) => atEnd && plot.traces[i].play === "medians"); // they are of the end
    const more = plot.paths ? {} : { "error_x.visible": barred, "error_y.visible": barred, hovertemplate: hovers };
    plot.moved = !atEnd;
    canvas.dataset.epoch = atEnd ? "" : epoch;
    return Plotly.update(canvas, { x: xs, y: ys, ...more }, layout, moving);
  }

  const current = () => (Number(slider.value) === epochs.length - 1 ? null : epochs[Number(slider.value)]);

  function showAll() {
    const epoch = current();
    const last = epochs.at(-1);
    output.textContent = epoch === null ? `epoch ${last}, the last` : `epoch ${epoch} of ${last}`;
    slider.setAttribute("aria-valuetext", output.textContent);
    remember.set("epoch", epoch);
    asked ??= requestAnimationFrame(() => {
      asked = undefined;
      for (const plot of plots) show(plot, current());
    });
  }

  function play(on) {
    clearInterval(timer);
    timer = on ? setInterval(step, Math.min(Math.max(8000 / epochs.length, 60), 500)) : undefined;
    button.textContent = on ? "Pause" : "Play";
    remember.set("playing", on);
  }

  function step() {
    slider.value = Number(slider.value) + 1;
    showAll();
    if (current() === null) play(false);
  }

  // Shows the slider where there are epochs to move along. `memory` outlives the reload of a page that is watched.
  function start(found, memory) {
    [records, epochs, remember] = [found, found.epochs, memory];
    if (epochs.length < 2 || plots.length === 0) return;
    slider.max = epochs.length - 1;
    const before = memory.get("epoch");
    slider.value = before === null ? slider.max : Math.max(upTo(epochs, before), 0);
    box.hidden = false;
    slider.addEventListener("input", () => {
      play(false);
      showAll();
    });
    button.addEventListener("click", () => {
      if (timer === undefined && current() === null) slider.value = 0;
      play(timer === undefined);
      showAll();
    });
    showAll();
    if (memory.get("playing")) play(true);
  }

  // To be called when a plot has been drawn.
  function drawn(id) {
    const plot = plots.find((one) => one.id === id);
    return plot && epochs.length > 1 ? show(plot, current()) : undefined;
  }

  return { keep, start, drawn };
})();
