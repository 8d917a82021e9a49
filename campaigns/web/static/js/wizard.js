// Every step: columns are put into a text by a button, and nothing typed is lost by accident.
(() => {
  document.documentElement.classList.add("has-script");

  document.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-insert]");
    if (!chip) return;
    const field = document.getElementById(chip.dataset.into);
    field.setRangeText(chip.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  const form = document.querySelector("#message-form, #when-form, #pace-form");
  if (!form) return;
  let touched = false;
  form.addEventListener("input", () => { touched = true; });
  document.addEventListener("submit", () => { touched = false; });
  window.addEventListener("beforeunload", (event) => { if (touched) event.preventDefault(); });
})();
