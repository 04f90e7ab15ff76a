// Search: a picture that is dropped or pasted goes the way of a chosen file.

export function start() {
  const area = document.getElementById("drop");
  const form = document.getElementById("upload");
  const input = form.querySelector("input[type=file]");
  const distance = document.querySelector("form[role=search] select[name=max_distance]");
  document.getElementById("drop-hint").hidden = false;

  function send(files) {
    const image = [...files].find((file) => file.type.startsWith("image/"));
    if (!image) return false;
    const transfer = new DataTransfer();
    transfer.items.add(image);
    input.files = transfer.files;
    form.requestSubmit();
    return true;
  }

  form.addEventListener("submit", () => { form.querySelector("[name=max_distance]").value = distance.value; });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); area.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) area.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    if (!send(event.dataTransfer.files)) {
      const url = event.dataTransfer.getData("text/uri-list").split("\n")[0];
      if (url) { document.getElementById("q").value = url; document.querySelector("form[role=search]").requestSubmit(); }
    }
  });
  document.addEventListener("paste", (event) => { if (send(event.clipboardData.files)) event.preventDefault(); });
}
