"use strict";
(() => {
  const thin = "\u202f";
  const round = (n) => String(Math.round(n * 100) / 100);
  const grouped = (n) => {
    const [whole, rest] = round(n).split(".");
    return whole.replace(/\B(?=(\d{3})+$)/g, thin) + (rest ? "." + rest : "");
  };
  const short = (n) => {
    for (const [size, sign] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (Math.abs(n) >= size) return round(n / size) + thin + sign;
    }
    return round(n);
  };
  const time = (ms) => {
    for (const [size, sign] of [[864e5, "d"], [36e5, "h"], [6e4, "min"], [1e3, "s"]]) {
      if (Math.abs(ms) >= size) return round(ms / size) + thin + sign;
    }
    return round(ms) + thin + "ms";
  };
  const onAxis = {
    usd: (n) => "$" + (Math.abs(n) < 0.1 && n ? String(+n.toFixed(4)) : grouped(n)),
    ms: time,
    share: (n) => round(n * 100) + thin + "%",
    bytes: (n) => short(n) + "B",
    hours: (n) => round(n) + thin + "h",
    days: (n) => round(n) + thin + "d",
  };
  // The signs differ as well as the colours.
  const marks = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect"];
  const dashes = ["solid", "dashed", "dotted", [8, 3, 2, 3], [2, 6], [12, 4]];

  const element = (tag, text, name) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  };
  const tip = (data, at) => {
    const box = element("div", undefined, "tip");
    box.append(element("b", data.labels[at]));
    for (const one of data.series) {
      const line = element("div");
      line.append(element("span", one.name), element("b", one.texts[at]));
      box.append(line);
    }
    return box;
  };

  const options = (data, narrow) => {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue("--" + name).trim();
    const many = data.series.length > 1;
    const isBar = data.kind === "bar";
    const words = { color: color("quiet"), fontSize: 12, fontFamily: getComputedStyle(document.body).fontFamily };
    const places = {
      type: "category", data: data.labels, inverse: data.isLying, boundaryGap: isBar,
      axisLine: { lineStyle: { color: color("line") } }, axisTick: { show: false },
      axisLabel: { ...words, hideOverlap: true, interval: data.isLying ? 0 : "auto",
        ...(data.isLying && { width: narrow ? 110 : 200, overflow: "truncate" }) },
    };
    const values = {
      type: "value", splitNumber: narrow ? 3 : 4, splitLine: { lineStyle: { color: color("line") } },
      axisLabel: { ...words, hideOverlap: true, formatter: onAxis[data.unit] || short },
      minInterval: data.unit === "count" || data.unit === "tokens" ? 1 : 0,
    };
    return {
      animation: false, textStyle: words,
      color: [1, 2, 3, 4, 5, 6].map((n) => color("series-" + n)),
      grid: { left: 4, right: 14, top: 14, bottom: 4, containLabel: true },
      tooltip: {
        trigger: "axis", confine: true, backgroundColor: color("raised"), borderColor: color("line"),
        textStyle: { color: color("text") }, axisPointer: { type: isBar ? "shadow" : "line" },
        formatter: (points) => tip(data, points[0].dataIndex),
      },
      xAxis: data.isLying ? values : places,
      yAxis: data.isLying ? places : values,
      series: data.series.map((one, n) => ({
        name: one.name, type: data.kind, data: one.values, stack: isBar && many ? "all" : undefined,
        symbol: marks[n % marks.length], symbolSize: 6, showSymbol: data.labels.length <= 40,
        lineStyle: { width: 2, type: dashes[n % dashes.length] }, barMaxWidth: data.isLying ? 14 : 28,
        emphasis: { focus: many ? "series" : "none" },
      })),
    };
  };

  const charts = [...document.querySelectorAll(".chart")].map((box) => {
    const data = JSON.parse(box.nextElementSibling.textContent);
    if (data.isLying) {
      box.classList.remove("lying");
      box.style.height = data.labels.length * 26 + 46 + "px";
    }
    return { box, data, chart: echarts.init(box, null, { renderer: "canvas" }) };
  });
  const draw = () => charts.forEach(({ box, data, chart }) => {
    chart.resize();
    chart.setOption(options(data, box.clientWidth < 500), true);
  });
  if (charts.length) {
    draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    matchMedia("print").addEventListener("change", draw);
    addEventListener("resize", draw);
  }

  // What is folded is printed, but for what the charts show already.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(":not(figure) > details:not([open])")];
    opened.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));
})();
