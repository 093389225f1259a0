"use strict";
(() => {
  const nonce = document.currentScript.nonce;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const smoothed = {};  // by chart: how much
  const drawn = new Set();
  const touch = matchMedia("(pointer: coarse)").matches;

  // --- Plotly: packed in the page, unpacked here ------------------------------------------------

  const failed = (reason) => {
    for (const plot of document.querySelectorAll(".plot")) {
      plot.textContent = `This browser can't draw the chart (${reason}); its numbers are below.`;
      plot.style.minHeight = "0";
    }
  };

  const unpack = async () => {
    const packed = document.getElementById("plotly");
    if (!packed.textContent) return false;
    const bytes = Uint8Array.from(atob(packed.textContent), (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.nonce = nonce;
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    packed.remove();
    return true;
  };

  // --- Charts -----------------------------------------------------------------------------------

  // A name such as "--c1" stands for a colour of the page, light or dark.
  const painted = (value, colours) => {
    if (value === "--scale") {
      return [[0, "--scale-wrong"], [0.5, "--scale-none"], [1, "--scale-right"]]
        .map(([at, name]) => [at, colour(name, colours)]);
    }
    if (typeof value === "string" && value.startsWith("--")) return colour(value, colours);
    if (Array.isArray(value)) return value.map((item) => painted(item, colours));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, painted(item, colours)]));
  };
  const colour = (name, colours) => colours.getPropertyValue(name).trim() || name;

  // An exponential mean, corrected for its start; gaps stay gaps.
  const smooth = (values, weight) => {
    let mean = 0, share = 0;
    return values.map((value) => {
      if (value === null) return null;
      mean = weight * mean + (1 - weight) * value;
      share = weight * share + (1 - weight);
      return mean / share;
    });
  };

  const traces = (id) => {
    const weight = smoothed[id] || 0;
    return charts[id].data.flatMap((trace) => {
      if (!weight || trace.meta !== "smooth") return [trace];
      const raw = { ...trace, opacity: 0.25, showlegend: false, hoverinfo: "skip", mode: "lines" };
      return [raw, { ...trace, y: smooth(trace.y, weight) }];
    });
  };

  const named = (given) => Boolean(given.ticktext);

  const axis = (given, log) => ({
    gridcolor: "--grid", linecolor: "--line", zerolinecolor: "--line",
    // Axes and legend that all make room for themselves may never agree; numbers fit as it is.
    automargin: named(given),
    hoverformat: ".4g",
    ...given, ...(log ? { type: "log", exponentformat: "e" } : { type: "-" }),
    title: { font: { size: 12 }, standoff: 8, ...given.title },
  });

  const layout = (id) => {
    const box = document.querySelector(`.controls[data-for="${id}"] [data-control="log"]`);
    const given = charts[id].layout;
    const several = charts[id].data.filter((trace) => trace.showlegend !== false).length > 1;
    return {
      height: charts[id].height, autosize: true, showlegend: several,
      margin: { l: 66, r: 12, t: several ? 8 : 16, b: 48 },
      paper_bgcolor: "--card", plot_bgcolor: "--card",
      font: { color: "--text", size: 12, family: "system-ui, sans-serif" },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", xanchor: "left" },
      hoverlabel: { bgcolor: "--card", bordercolor: "--line", font: { color: "--text" }, align: "left", namelength: -1 },
      dragmode: touch ? false : "zoom", hovermode: "closest",
      ...given,
      xaxis: axis(given.xaxis, given.xaxis.type === "log"),
      yaxis: axis(given.yaxis, box ? box.checked : given.yaxis.type === "log"),
    };
  };

  const draw = (id) => {
    const colours = getComputedStyle(document.documentElement);
    const config = {
      displaylogo: false, responsive: true, displayModeBar: touch ? false : "hover",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    };
    drawn.add(id);
    const plot = document.getElementById(id);
    return Plotly.react(plot, painted(traces(id), colours), painted(layout(id), colours), config);
  };

  const drawSection = (section) => {
    if (typeof Plotly === "undefined") return;
    // The window may have changed while a tab was hidden, which Plotly doesn't see.
    for (const plot of section.querySelectorAll(".plot")) drawn.has(plot.id) ? Plotly.Plots.resize(plot) : draw(plot.id);
  };

  const redraw = () => { for (const id of drawn) draw(id); };

  const controls = () => {
    for (const box of document.querySelectorAll(".controls")) {
      const id = box.dataset.for;
      box.addEventListener("input", (event) => {
        if (event.target.dataset.control === "smooth") smoothed[id] = Number(event.target.value);
        draw(id);
      });
      const whole = box.querySelector('[data-control="reset"]');
      if (whole) whole.addEventListener("click", () =>
        Plotly.relayout(id, { "xaxis.autorange": true, "yaxis.autorange": true }));
    }
  };

  // --- Tabs: arrow keys move along them, as in the ARIA practices --------------------------------

  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const sectionOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));

  const select = (chosen, focus) => {
    for (const tab of tabs) {
      const is = tab === chosen;
      tab.setAttribute("aria-selected", is);
      tab.tabIndex = is ? 0 : -1;
      sectionOf(tab).hidden = !is;
    }
    if (focus) chosen.focus();
    // The first tab is in view. Chromium lets the next Tab key go on from what was scrolled to,
    // past the link that skips to the content.
    if (focus || chosen !== tabs[0]) chosen.scrollIntoView({ block: "nearest", inline: "nearest" });
    drawSection(sectionOf(chosen));
  };

  const keys = (event) => {
    const here = tabs.indexOf(document.activeElement), last = tabs.length - 1;
    const to = { ArrowRight: here === last ? 0 : here + 1, ArrowLeft: here === 0 ? last : here - 1, Home: 0, End: last }[event.key];
    if (here < 0 || to === undefined) return;
    event.preventDefault();
    select(tabs[to], true);
    history.replaceState(null, "", `#${sectionOf(tabs[to]).id}`);
  };

  const fromAddress = () => tabs.find((tab) => `#${sectionOf(tab).id}` === location.hash);

  const startTabs = () => {
    document.body.classList.add("tabbed");
    const list = document.querySelector('[role="tablist"]');
    list.hidden = false;
    list.addEventListener("keydown", keys);
    for (const tab of tabs) {
      const section = sectionOf(tab);
      section.setAttribute("role", "tabpanel");
      section.setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", () => {
        select(tab, false);
        history.replaceState(null, "", `#${section.id}`);
      });
    }
    addEventListener("hashchange", () => { const tab = fromAddress(); if (tab) select(tab, false); });
    select(fromAddress() || tabs[0], false);
  };

  // --- Start --------------------------------------------------------------------------------------

  startTabs();
  controls();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => { for (const tab of tabs) drawSection(sectionOf(tab)); });
  unpack().then((there) => {
    if (there) drawSection(document.querySelector("section:not([hidden])"));
    document.documentElement.dataset.ready = "yes";
  }, (error) => failed(error.message));
})();
