// A campaign's charts, drawn on canvas from numbers of the server, each with a table of the same
// numbers. They follow the theme, the window's width and, while the campaign runs, the calls.
(() => {
  const root = document.querySelector("[data-charts]");
  if (!root || !window.echarts) return;
  const REFRESH = 15000; // milliseconds between two readings while numbers come in
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const charts = new Map();
  let numbers = null;
  let readAt = 0;
  let seenCalls = null;

  const style = () => getComputedStyle(document.documentElement);
  const colour = (name) => style().getPropertyValue(name).trim();
  const ENDINGS = {
    answered_human: ["--od-reached", 1],
    answered: ["--od-reached", 0.75],
    answered_machine: ["--od-reached", 0.5],
    no_answer: ["--od-missed", 1],
    busy: ["--od-missed", 0.65],
    rejected: ["--od-blocked", 1],
    invalid_number: ["--od-blocked", 0.65],
    failed: ["--od-bad", 1],
    carrier_congestion: ["--od-bad", 0.65],
    canceled: ["--od-missed", 0.4],
    opted_out: ["--od-blocked", 0.4],
    unknown: ["--od-review", 1],
  };

  function shared() {
    const text = colour("--tblr-secondary");
    const ink = colour("--od-ink");
    const line = { lineStyle: { color: colour("--od-track") } };
    return {
      animation: !still,
      animationDuration: 300,
      aria: { enabled: true },
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
      // A tooltip made of elements would need styles in attributes, which the page does not allow.
      tooltip: {
        renderMode: "richText",
        trigger: "axis",
        confine: true,
        backgroundColor: colour("--od-surface"),
        borderColor: colour("--od-track"),
        textStyle: { color: ink, fontSize: 12 },
        axisPointer: { type: "shadow", shadowStyle: { color: colour("--od-track"), opacity: 0.4 } },
      },
      grid: { left: 8, right: 12, top: 36, bottom: 4, containLabel: true },
      axis: {
        axisLine: line,
        axisTick: { show: false },
        splitLine: line,
        axisLabel: { color: text },
        nameTextStyle: { color: text },
      },
    };
  }

  const draw = {
    dispositions({ dispositions: { labels, series } }) {
      if (!series.length) return null;
      const base = shared();
      return {
        ...base,
        grid: { ...base.grid, top: 12, bottom: 40 },
        legend: { type: "scroll", bottom: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: { color: base.textStyle.color }, pageTextStyle: { color: base.textStyle.color }, pageIconColor: base.textStyle.color, pageIconInactiveColor: colour("--od-track") },
        xAxis: { ...base.axis, type: "category", data: labels, splitLine: { show: false } },
        yAxis: { ...base.axis, type: "value", minInterval: 1 },
        series: series.map((one) => {
          const [name, opacity] = ENDINGS[one.key];
          return { name: one.name, type: "bar", stack: "calls", barMaxWidth: 40, data: one.values, itemStyle: { color: colour(name), opacity } };
        }),
      };
    },
    minutes({ minutes: { labels, calls, cap } }) {
      if (!calls.some(Boolean)) return null;
      const base = shared();
      const blue = colour("--od-phone");
      const warn = colour("--od-blocked");
      const most = Math.max(...calls, 1);
      const shown = cap <= 4 * most;
      return {
        ...base,
        xAxis: { ...base.axis, type: "category", data: labels, boundaryGap: false, splitLine: { show: false } },
        yAxis: { ...base.axis, type: "value", minInterval: 1, name: shown ? "" : `The cap, ${cap} a minute, is far above`, nameLocation: "end", nameTextStyle: { align: "left", color: base.textStyle.color }, max: shown ? Math.ceil(1.1 * Math.max(cap, most)) : null },
        series: [
          {
            name: "Calls",
            type: "line",
            data: calls,
            showSymbol: false,
            lineStyle: { color: blue, width: 2 },
            itemStyle: { color: blue },
            areaStyle: { color: blue, opacity: 0.15 },
            markLine: shown
              ? { silent: true, symbol: "none", lineStyle: { color: warn, type: "dashed" }, label: { formatter: `cap ${cap}`, color: warn, position: "insideEndTop" }, data: [{ yAxis: cap }] }
              : undefined,
          },
        ],
      };
    },
    heat({ heat: { days, cells } }) {
      if (!cells.length) return null;
      const base = shared();
      const hours = [...Array(24).keys()].map((hour) => String(hour).padStart(2, "0"));
      return {
        ...base,
        grid: { ...base.grid, top: 8, bottom: 44 },
        tooltip: {
          ...base.tooltip,
          trigger: "item",
          formatter: ({ data: { value, cell } }) => `${days[cell.day]} ${hours[cell.hour]}:00\n${value[2]} % answered\n${cell.answered} of ${cell.calls} calls`,
        },
        xAxis: { ...base.axis, type: "category", data: hours, splitLine: { show: false }, splitArea: { show: false } },
        yAxis: { ...base.axis, type: "category", data: days, inverse: true, splitLine: { show: false } },
        visualMap: {
          min: 0,
          max: 100,
          orient: "horizontal",
          left: "center",
          bottom: 0,
          itemHeight: 120,
          itemWidth: 10,
          text: ["100 % answered", "0 %"],
          textStyle: { color: base.textStyle.color },
          inRange: { color: [colour("--od-track"), colour("--od-reached")] },
        },
        series: [
          {
            type: "heatmap",
            data: cells.map((cell) => ({ value: [cell.hour, cell.day, cell.percent], cell })),
            itemStyle: { borderColor: colour("--od-surface"), borderWidth: 2, borderRadius: 3 },
          },
        ],
      };
    },
  };

  const tables = {
    dispositions: ({ dispositions: { labels, series } }) => [
      ["", ...series.map((one) => one.name)],
      ...labels.map((label, place) => [label, ...series.map((one) => one.values[place])]).filter((row) => row.slice(1).some(Boolean)),
    ],
    minutes: ({ minutes: { labels, calls, cap } }) => [
      ["Minute", "Calls", "Cap"],
      ...labels.map((label, place) => [label, calls[place], cap]).filter((row) => row[1]),
    ],
    heat: ({ heat: { days, cells } }) => [
      ["Day", "Hour", "Calls", "Answered", "Share"],
      ...cells.map((cell) => [days[cell.day], `${String(cell.hour).padStart(2, "0")}:00`, cell.calls, cell.answered, `${cell.percent} %`]),
    ],
  };

  function showTable(name) {
    const place = root.querySelector(`[data-chart-table="${name}"]`);
    const [head, ...rows] = tables[name](numbers);
    const table = document.createElement("table");
    table.className = "table table-sm";
    const line = (values, tag, scope) => {
      const row = document.createElement("tr");
      values.forEach((value, column) => {
        const first = column === 0 || tag === "th";
        const cell = document.createElement(first ? "th" : tag);
        if (first) cell.scope = scope;
        if (typeof value === "number") cell.className = "num";
        cell.textContent = value;
        row.append(cell);
      });
      return row;
    };
    const top = document.createElement("thead");
    top.append(line(head, "th", "col"));
    const body = document.createElement("tbody");
    body.append(...rows.map((row) => line(row, "td", "row")));
    table.append(top, body);
    place.replaceChildren(rows.length ? table : "There are no numbers yet.");
  }

  function show() {
    for (const element of root.querySelectorAll("[data-chart]")) {
      const name = element.dataset.chart;
      const option = draw[name](numbers);
      const none = element.parentElement.querySelector(".chart-none");
      element.hidden = option === null;
      if (none) none.hidden = option !== null;
      showTable(name);
      if (option === null) continue;
      if (!charts.has(name)) charts.set(name, window.echarts.init(element, null, { renderer: "canvas" }));
      charts.get(name).setOption(option, { notMerge: true });
    }
  }

  async function read() {
    readAt = Date.now();
    try {
      const answer = await fetch(root.dataset.charts, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      numbers = await answer.json();
    } catch {
      return; // the page says by itself that the connection is lost
    }
    show();
  }

  document.addEventListener("outdial:theme", () => numbers && show());
  document.addEventListener("outdial:live", ({ detail }) => {
    const moved = seenCalls !== null && seenCalls !== detail.calls;
    seenCalls = detail.calls;
    if ((moved || (numbers && !numbers.dispositions.series.length && detail.calls)) && Date.now() - readAt > REFRESH) read();
  });
  new ResizeObserver(() => charts.forEach((chart) => chart.resize())).observe(root);
  read();
})();
