// System: images, alerts and the age of the oldest live image over the last half hour.

const EVERY_MS = 2000;

export async function start() {
  const box = document.getElementById("chart");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();

  async function read() {
    const response = await fetch(box.dataset.series);
    if (!response.ok) return null;
    const { time, images_per_s: images, alerts_per_s: alerts, oldest_live_s: ages } = await response.json();
    return [time, images, alerts, ages];
  }

  const line = (label, name, scale, dash) => ({ label, stroke: colour(name), width: 2, scale, dash });
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 } };
  const data = (await read()) ?? [[], [], [], []];
  box.replaceChildren();
  const chart = new uPlot({
    width: box.clientWidth - 24,
    height: 240,
    series: [
      {},
      line("images/s", "--accent", "rate"),
      line("alerts/s", "--exact", "rate", [6, 4]),
      line("oldest live image, s", "--middle", "age", [2, 3]),
    ],
    scales: { rate: { range: (_, low, high) => [0, Math.max(1, high)] }, age: { range: (_, low, high) => [0, Math.max(1, high)] } },
    axes: [axis, { ...axis, scale: "rate", label: "per second" }, { ...axis, scale: "age", side: 1, label: "seconds", grid: { show: false } }],
  }, data, box);
  new ResizeObserver(() => chart.setSize({ width: box.clientWidth - 24, height: 240 })).observe(box);
  setInterval(async () => { const next = await read().catch(() => null); if (next) chart.setData(next); }, EVERY_MS);
}
