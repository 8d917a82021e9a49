// A recording is uploaded, chosen at once, and can be listened to.
(() => {
  const box = document.querySelector("[data-recordings]");
  if (!box) return;
  const choice = box.querySelector("select");
  const file = box.querySelector("input[type=file]");
  const said = box.querySelector("[data-recording-said]");
  const player = box.querySelector("[data-player]");

  function offer() {
    const url = choice.selectedOptions[0] && choice.selectedOptions[0].dataset.url;
    player.hidden = !url;
    if (url) player.src = url;
  }

  async function send(chosen) {
    said.textContent = `Uploading ${chosen.name}`;
    const body = new FormData();
    body.append("file", chosen);
    try {
      const answer = await fetch(box.dataset.recordings, {
        method: "POST",
        body,
        headers: { "X-CSRF-Token": file.dataset.token, Accept: "application/json" },
      });
      if (!answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const told = page.querySelector(".empty-subtitle");
        throw new Error(told ? told.textContent.trim() : "The recording could not be kept.");
      }
      const kept = await answer.json();
      let option = [...choice.options].find((one) => one.value === kept.sha256);
      if (!option) {
        option = new Option(`${kept.name} (${kept.length})`, kept.sha256);
        option.dataset.url = kept.url;
        choice.add(option, 1);
      }
      option.selected = true;
      said.textContent = `${kept.name} is chosen.`;
      offer();
      choice.dispatchEvent(new Event("input", { bubbles: true }));
    } catch (problem) {
      said.textContent = problem.message;
    }
    file.value = "";
  }

  file.addEventListener("change", () => { if (file.files[0]) send(file.files[0]); });
  choice.addEventListener("change", offer);
  offer();
})();
