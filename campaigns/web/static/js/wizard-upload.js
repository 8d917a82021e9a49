// A list is dropped or chosen, and goes up with its progress shown. The server says where to go on.
(() => {
  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const progress = form.querySelector(".drop-progress");
  const bar = progress.querySelector("progress");
  const words = form.querySelector("[data-upload-words]");
  const problem = form.querySelector(".drop-problem");
  const most = Number(form.dataset.mostMb);
  const [, token] = form.action.split("csrf=");
  let request = null;

  const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  function refuse(text) {
    request = null;
    progress.hidden = true;
    problem.hidden = false;
    problem.querySelector("[data-upload-problem]").textContent = text;
    input.value = "";
  }

  function explained(answer) {
    try {
      return JSON.parse(answer.responseText).detail;
    } catch {
      const page = new DOMParser().parseFromString(answer.responseText, "text/html");
      const told = page.querySelector(".empty-subtitle");
      return (told && told.textContent.trim()) || "The file could not be stored. Try again.";
    }
  }

  function send(file) {
    if (request) return;
    problem.hidden = true;
    if (file.size > most * 1024 * 1024) {
      refuse(`${file.name} is larger than ${most} MB. Nothing was uploaded. Split it.`);
      return;
    }
    const body = new FormData();
    body.append("file", file);
    request = new XMLHttpRequest();
    request.open("POST", form.action.split("?")[0]);
    request.setRequestHeader("X-CSRF-Token", decodeURIComponent(token));
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.total ? (100 * event.loaded) / event.total : 0;
      words.textContent = event.loaded < event.total
        ? `Uploading ${file.name}: ${size(event.loaded)} of ${size(event.total)}`
        : `${file.name} has arrived; it is being looked at.`;
    });
    request.addEventListener("load", () => {
      const answer = request;
      if (answer.status >= 200 && answer.status < 300 && answer.responseText.startsWith("{")) {
        window.location.assign(JSON.parse(answer.responseText).to);
      } else {
        refuse(explained(answer));
      }
    });
    request.addEventListener("error", () => refuse("The upload was cut off. Nothing was stored. Try again."));
    request.addEventListener("abort", () => refuse("The upload was cancelled. Nothing was stored."));
    words.textContent = `Uploading ${file.name}`;
    bar.value = 0;
    progress.hidden = false;
    request.send(body);
  }

  input.addEventListener("change", () => { if (input.files[0]) send(input.files[0]); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.files[0]) send(input.files[0]);
  });
  form.querySelector("[data-upload-cancel]").addEventListener("click", () => { if (request) request.abort(); });
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.add("is-over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      if (name === "drop" || !form.contains(event.relatedTarget)) form.classList.remove("is-over");
    });
  }
  form.addEventListener("drop", (event) => {
    const files = event.dataTransfer.files;
    if (files.length > 1) refuse("Drop one file at a time.");
    else if (files[0]) send(files[0]);
  });
})();
