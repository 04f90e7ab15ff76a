// Live: what arrives waits behind a button, so that nothing moves under the reader's eyes.

const LIMIT = 200;

export function start(showTimes) {
  const [arrived, alerts, state, button, count, pause] = ["arrived", "alerts", "state", "show-new", "new-count", "pause"]
    .map((id) => document.getElementById(id));
  let isPaused = false;
  document.querySelector(".stream").hidden = false;

  function tell(text) {
    if (state.textContent !== text) state.textContent = text;
  }

  function refresh() {
    const waiting = arrived.children.length;
    count.textContent = waiting;
    button.hidden = !waiting || isPaused;
    if (isPaused) tell(`Paused; ${waiting} waiting`);
    document.title = document.title.replace(/^(\(\d+\) )?/, waiting && !isPaused ? `(${waiting}) ` : "");
  }

  function trim(list, limit) {
    while (list.children.length > limit) list.lastElementChild.remove();
  }

  arrived.addEventListener("htmx:sse:after:connection", () => { if (!isPaused) tell("Connected"); });
  arrived.addEventListener("htmx:sse:error", () => tell("Connection lost; trying again …"));
  arrived.addEventListener("htmx:sse:close", () => tell("Connection lost; trying again …"));
  new MutationObserver(() => { trim(arrived, LIMIT); refresh(); }).observe(arrived, { childList: true });

  button.addEventListener("click", () => {
    const fresh = [...arrived.children];
    for (const item of fresh) item.classList.add("fresh");
    showTimes(arrived);
    alerts.prepend(...fresh);
    trim(alerts, LIMIT);
    document.getElementById("empty")?.remove();
    refresh();
    fresh[0]?.querySelector(".open")?.focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  });
  // Only now, so that the first word of the connection is heard.
  arrived.setAttribute("hx-sse:connect", arrived.dataset.events);
  htmx.process(arrived);

  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", isPaused);
    if (!isPaused) tell("Connected");
    refresh();
  });
}
