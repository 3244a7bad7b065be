// Replaces the static drawing of each figure by an interactive chart. A figure that cannot be drawn keeps its drawing.
(async () => {
  "use strict";
  if (typeof Plotly === "undefined") return;

  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function themed(figure) {
    const ink = colour("--ink");
    const soft = colour("--soft");
    const line = colour("--line");
    const data = figure.data.map(trace => {
      const own = colour(`--series-${trace.meta.palette}`);
      const copy = { ...trace };
      if (copy.marker) copy.marker = { ...copy.marker, color: own };
      if (copy.line) copy.line = { ...copy.line, color: own };
      return copy;
    });
    const axis = source => ({
      ...source,
      title: { ...source.title, font: { color: ink, size: 13 }, standoff: 10 },
      tickfont: { color: soft },
      gridcolor: line,
      zerolinecolor: line,
      linecolor: soft,
      exponentformat: "power",
      automargin: true,
    });
    const layout = {
      ...figure.layout,
      title: undefined,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 13, color: ink },
      xaxis: axis(figure.layout.xaxis),
      yaxis: axis(figure.layout.yaxis),
      legend: { orientation: "h", x: 0, y: 0, yref: "container", yanchor: "bottom", font: { color: ink } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
      margin: { l: 50, r: 14, t: 32, b: 40 },
      hoverlabel: { namelength: -1 },
      dragmode: "zoom",
    };
    return { data, layout };
  }

  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
  const charts = [];
  for (const source of document.querySelectorAll("script[type='application/json'][id$='-data']")) {
    const holder = document.querySelector(`#${CSS.escape(source.id.slice(0, -"-data".length))} > .plot`);
    const target = document.createElement("div");
    target.className = "interactive";
    holder.append(target);
    holder.classList.add("is-interactive");
    try {
      const figure = JSON.parse(source.textContent);
      const { data, layout } = themed(figure);
      await Plotly.newPlot(target, data, layout, config);
      charts.push({ target, figure });
    } catch (error) {
      holder.classList.remove("is-interactive");
      target.remove();
      console.error(`${source.id}: ${error.message}`);
    }
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const { target, figure } of charts) {
      const { data, layout } = themed(figure);
      Plotly.react(target, data, layout, config);
    }
  });
})();
