// A preset fills the table of retries in; whoever changes the table makes rules of their own.
(() => {
  const table = document.querySelector("[data-retry-table]");
  if (!table) return;
  const form = table.closest("form");
  const own = form.querySelector("input[name=preset][value=own]");

  form.addEventListener("change", (event) => {
    const preset = event.target.closest("[data-retries]");
    if (!preset) return;
    for (const [name, value] of Object.entries(JSON.parse(preset.dataset.retries))) {
      const field = form.elements[name];
      if (field instanceof RadioNodeList) field.value = value;
      else if (field.type === "checkbox") field.checked = value === "yes";
      else field.value = value;
    }
  });
  table.addEventListener("input", () => { own.checked = true; });
})();
