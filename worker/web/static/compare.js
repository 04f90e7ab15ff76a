// Compare: four views of two pictures, one zoom for both.

const STEPS = [1, 2, 4, 8];
const MOVE = 40;

export function start() {
  const box = document.getElementById("comparison");
  const modes = document.getElementById("modes");
  const flip = document.getElementById("flip");
  const shown = document.getElementById("shown");
  const slide = document.getElementById("slide");
  const range = slide.querySelector("input");
  const level = document.getElementById("zoom-level");
  const pictures = [...box.querySelectorAll(".picture")];
  const [first, second] = pictures.map((image) =>
    Panzoom(image, { minScale: STEPS[0], maxScale: STEPS.at(-1), panOnlyWhenZoomed: true, contain: "outside", cursor: "default" }));
  const cut = box.querySelector("figure:last-child .stage");
  modes.hidden = false;

  function show() {
    const mode = modes.querySelector("input[name=mode]:checked").value;
    box.className = `comparison ${mode === "side" ? "side" : `over ${mode}`}`;
    flip.parentElement.hidden = mode !== "flip";
    tellShown();
    slide.hidden = mode !== "slide";
    cut.style.clipPath = mode === "slide" ? `inset(0 0 0 ${100 - range.value}%)` : "";
    tellZoom();
    const url = new URL(location);
    if (mode === "side") url.searchParams.delete("view"); else url.searchParams.set("view", mode);
    history.replaceState(history.state, "", url);
  }

  function tellShown() {
    const text = `Shown: ${box.classList.contains("flipped") ? "first" : "second"}`;
    if (shown.value !== text) shown.value = text;
  }

  function tellZoom() {
    const scale = first.getScale();
    level.value = `${Number(scale.toFixed(1))}x`;
    // A thumbnail has 256 pixels: magnified, they are shown as they are.
    box.classList.toggle("magnified", scale > 2);
  }

  const zoom = (scale) => { first.zoom(scale, { force: true }); if (scale === 1) first.pan(0, 0, { force: true }); };
  const steps = {
    in: () => zoom(STEPS.find((step) => step > first.getScale() + 0.01) ?? STEPS.at(-1)),
    out: () => zoom(STEPS.findLast((step) => step < first.getScale() - 0.01) ?? STEPS[0]),
    reset: () => zoom(STEPS[0]),
  };

  // Whatever one does, the other follows; `silent` keeps it from answering.
  for (const [leader, follower, element] of [[first, second, pictures[0]], [second, first, pictures[1]]]) {
    element.addEventListener("panzoomchange", ({ detail: { x, y, scale } }) => {
      if (follower.getScale() !== scale) follower.zoom(scale, { silent: true, force: true });
      const { x: atX, y: atY } = follower.getPan();
      if (atX !== x || atY !== y) follower.pan(x, y, { silent: true, force: true });
      tellZoom();
    });
    element.parentElement.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.shiftKey) leader.zoomWithWheel(event);
    }, { passive: false });
  }
  modes.addEventListener("change", show);
  range.addEventListener("input", show);
  flip.addEventListener("click", () => { box.classList.toggle("flipped"); tellShown(); });
  for (const [name, act] of Object.entries(steps)) document.getElementById(`zoom-${name}`).addEventListener("click", act);
  box.addEventListener("keydown", (event) => {
    const [x, y] = { ArrowLeft: [MOVE, 0], ArrowRight: [-MOVE, 0], ArrowUp: [0, MOVE], ArrowDown: [0, -MOVE] }[event.key] ?? [0, 0];
    if ((!x && !y) || first.getScale() === 1) return;
    event.preventDefault();
    first.pan(x / first.getScale(), y / first.getScale(), { relative: true });
  });
  show();
}
