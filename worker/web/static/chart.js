// System: two charts of the last half hour, what arrives and how long it takes, with one cursor for both.

const EVERY_MS = 2000;
const HEIGHT = 220;
const SHOWN_S = 1800;

export async function start() {
  const boxes = [...document.querySelectorAll("#charts .chart-box")];
  const source = document.getElementById("charts").dataset.series;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();

  async function read() {
    const response = await fetch(source);
    if (!response.ok) return null;
    const { time, images_per_s, alerts_per_s, p50_s, p95_s, oldest_live_s } = await response.json();
    return [[time, images_per_s, alerts_per_s], [time, p50_s, p95_s, oldest_live_s]];
  }

  const show = (unit) => (_, value) => (value == null ? "–" : `${value.toLocaleString(undefined, { maximumFractionDigits: 2 })} ${unit}`);
  const line = (label, name, unit, dash) =>
    ({ label, stroke: colour(name), width: 2, dash, value: show(unit), points: { size: 5 }, spanGaps: false });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const drawn = [
    [line("images", "--accent", "/s"), line("alerts", "--exact", "/s", [6, 4])],
    [line("median", "--accent", "s"), line("95 % under", "--exact", "s", [6, 4]), line("oldest waiting", "--middle", "s", [2, 3])],
  ];
  const width = (box) => Math.max(200, box.clientWidth);
  const data = (await read()) ?? [[[], [], []], [[], [], [], []]];
  const charts = boxes.map((box, at) => {
    box.replaceChildren();
    return new uPlot({
      width: width(box), height: HEIGHT,
      cursor: { sync: { key: "system" }, drag: { x: false } },
      // A line is told from another by its dashes too.
      legend: { markers: { dash: (chart, at) => ({ 6: "dashed", 2: "dotted" })[chart.series[at].dash?.[0]] ?? "solid" } },
      series: [{ value: (_, value) => (value == null ? "–" : clock.format(value * 1000)) }, ...drawn[at]],
      scales: { x: { range: (_, low, high) => [(high ?? Date.now() / 1000) - SHOWN_S, high ?? Date.now() / 1000] }, y: { range: (_, low, high) => [0, Math.max(at ? 0.1 : 1, (high ?? 0) * 1.08)] } },
      axes: [{ ...axis, space: 90, values: (_, times) => times.map((time) => clock.format(time * 1000)) }, { ...axis, size: 56 }],
    }, data[at], box);
  });
  const observer = new ResizeObserver(() => charts.forEach((chart, at) => chart.setSize({ width: width(boxes[at]), height: HEIGHT })));
  for (const box of boxes) observer.observe(box);
  setInterval(async () => {
    const next = document.hidden ? null : await read().catch(() => null);
    if (next) charts.forEach((chart, at) => chart.setData(next[at]));
  }, EVERY_MS);
}
