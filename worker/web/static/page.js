// What every page does: keys, moving among items, times in the reader's zone, the pieces that only some pages have.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const find = (selector) => document.querySelector(selector);

function showTimes(root) {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of all("time[datetime]:not([title])", root)) {
    time.title = time.textContent;
    time.textContent = format.format(new Date(time.dateTime));
  }
}

function move(step) {
  const items = all(".item").filter((item) => item.offsetParent);
  const at = items.findIndex((item) => item.contains(document.activeElement));
  const next = items[Math.min(items.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  next?.querySelector(".open")?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const current = () => document.activeElement?.closest(".item") ?? find(".item");
const press = (selector) => () => { const button = find(selector); if (button && !button.closest("[hidden]")) button.click(); };
const isTyping = (event) =>
  event.target.closest("input:not([type=radio]):not([type=range]), select, textarea, dialog[open]");

function bindKeys() {
  const pages = Object.fromEntries(all("nav a[data-key]").map((a) => [`g ${a.dataset.key}`, () => a.click()]));
  const keys = {
    ...pages,
    j: () => move(1),
    k: () => move(-1),
    c: () => current()?.querySelector(".compare")?.click(),
    n: () => (find("#show-new") ? press("#show-new") : press("a[rel=next]"))(),
    p: press("#pause"),
    f: press("#flip"),
    b: press("#blur button"),
    "+": press("#zoom-in"),
    "Shift++": press("#zoom-in"),
    "=": press("#zoom-in"),
    "-": press("#zoom-out"),
    0: press("#zoom-reset"),
    "/": () => (find("#q") ? find("#q").focus() : location.assign("/search")),
    "Shift+?": press("#show-keys"),
    "?": press("#show-keys"),
  };
  const guarded = Object.entries(keys).map(([key, act]) => [
    key,
    (event) => {
      event.preventDefault();
      act();
    },
  ]);
  const ignore = (event) => event.repeat || event.isComposing || Boolean(isTyping(event));
  tinykeys.tinykeys(window, Object.fromEntries(guarded), { ignore });
  const show = find("#show-keys");
  show.hidden = false;
  document.documentElement.dataset.keys = "bound";
  show.addEventListener("click", () => find("#keys").showModal());
}

// What a link leads to is opened.
const openTarget = () => { const target = document.getElementById(decodeURIComponent(location.hash.slice(1))); if (target?.matches("details")) target.open = true; };

showTimes(document);
bindKeys();
openTarget();
window.addEventListener("hashchange", openTarget);
document.addEventListener("htmx:after:swap", () => showTimes(document));
find("input[type=range][name=distance]")?.addEventListener("input", (event) => {
  event.target.parentElement.querySelector("output").value = event.target.value;
});
for (const [selector, module] of [
  ["#arrived", "./live.js"], ["#drop", "./drop.js"], ["#comparison", "./compare.js"], ["#charts", "./chart.js"],
]) {
  if (find(selector)) import(module).then(({ start }) => start(showTimes));
}
