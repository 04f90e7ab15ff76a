// Compare: four views of two pictures, one zoom for both.

export function start() {
  const box = document.getElementById("comparison");
  const modes = document.getElementById("modes");
  const flip = document.getElementById("flip");
  const slide = document.getElementById("slide");
  const range = slide.querySelector("input");
  const [first, second] = [...box.querySelectorAll(".picture")].map((image) =>
    Panzoom(image, { minScale: 1, maxScale: 8, panOnlyWhenZoomed: true, cursor: "default" }));
  const cut = box.querySelector("figure:last-child .stage");
  modes.hidden = false;

  function show() {
    const mode = modes.querySelector("input[name=mode]:checked").value;
    box.className = `comparison ${mode === "side" ? "side" : `over ${mode}`}`;
    flip.hidden = mode !== "flip";
    slide.hidden = mode !== "slide";
    cut.style.clipPath = mode === "slide" ? `inset(0 0 0 ${100 - range.value}%)` : "";
  }

  // Whatever one does, the other follows; `silent` keeps it from answering.
  for (const [leader, follower] of [[first, second], [second, first]]) {
    const element = leader === first ? box.querySelector(".picture") : box.querySelectorAll(".picture")[1];
    element.addEventListener("panzoomchange", ({ detail: { x, y, scale } }) => {
      if (follower.getScale() === scale && follower.getPan().x === x && follower.getPan().y === y) return;
      follower.zoom(scale, { silent: true, force: true });
      follower.pan(x, y, { silent: true, force: true });
    });
    element.parentElement.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.shiftKey) leader.zoomWithWheel(event);
    }, { passive: false });
  }
  modes.addEventListener("change", show);
  range.addEventListener("input", show);
  flip.addEventListener("click", () => box.classList.toggle("flipped"));
  document.getElementById("zoom-in").addEventListener("click", () => first.zoomIn());
  document.getElementById("zoom-out").addEventListener("click", () => first.zoomOut());
  document.getElementById("zoom-reset").addEventListener("click", () => first.reset());
  show();
}
