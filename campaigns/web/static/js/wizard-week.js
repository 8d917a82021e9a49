// Calling hours: presets fill the week in, ranges are added and removed. Without it the form works
// all the same, with an empty range to fill in on every day.
(() => {
  for (const week of document.querySelectorAll("[data-week]")) {
    const changed = () => {
      for (const day of week.querySelectorAll("[data-week-day]")) {
        day.classList.toggle("is-closed", ranges(day).length === 0);
      }
      week.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const spare = (day) => day.querySelector("[data-week-spare]");
    const ranges = (day) =>
      [...day.querySelectorAll("[data-week-range]")].filter((one) => !one.closest("[data-week-spare]"));

    function add(day, opens, closes) {
      const range = spare(day).querySelector("[data-week-range]").cloneNode(true);
      const [from, to] = range.querySelectorAll("input");
      from.value = opens;
      to.value = closes;
      const place = ranges(day).length + 1;
      from.setAttribute("aria-label", from.getAttribute("aria-label").replace(/\d+$/, place));
      to.setAttribute("aria-label", to.getAttribute("aria-label").replace(/\d+$/, place));
      range.querySelector("[data-week-remove]").hidden = false;
      spare(day).before(range);
      return from;
    }

    for (const button of week.querySelectorAll("[hidden]")) {
      if (!button.closest("[data-week-spare]")) button.hidden = false;
    }

    week.addEventListener("click", (event) => {
      const day = event.target.closest("[data-week-day]");
      const preset = event.target.closest("[data-week-preset]");
      if (preset) {
        const table = JSON.parse(preset.dataset.weekPreset);
        for (const each of week.querySelectorAll("[data-week-day]")) {
          for (const range of ranges(each)) range.remove();
          for (const [opens, closes] of table[each.dataset.weekDay] || []) {
            add(each, opens, closes === "24:00" ? "00:00" : closes);
          }
        }
        changed();
      } else if (event.target.closest("[data-week-add]")) {
        add(day, "09:00", "17:00").focus();
        changed();
      } else if (event.target.closest("[data-week-remove]")) {
        event.target.closest("[data-week-range]").remove();
        day.querySelector("[data-week-add]").focus();
        changed();
      }
    });
  }
})();
