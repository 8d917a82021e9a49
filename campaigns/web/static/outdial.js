// Keeps a page up to date. Without this script the pages show the same, as of when they were loaded.
"use strict";

const main = document.getElementById("main");
const lost = document.getElementById("connection");

function showTexts(texts) {
  for (const element of document.querySelectorAll("[data-live]")) {
    const text = texts[element.dataset.live];
    // Writing only what changed keeps a selection, and a screen reader's place, where they are.
    if (text !== undefined && element.textContent !== text) element.textContent = text;
  }
}

function showStates(states) {
  for (const element of document.querySelectorAll("[data-state]")) {
    const state = states[element.dataset.state];
    if (state === undefined || element.classList.contains(`is-${state}`)) continue;
    for (const name of [...element.classList]) {
      if (name.startsWith("is-")) element.classList.remove(name);
    }
    element.classList.add(`is-${state}`);
  }
}

function showBars(bars) {
  for (const svg of document.querySelectorAll("[data-bar]")) {
    const parts = bars[svg.dataset.bar] || [];
    parts.forEach(([, start, width], place) => {
      svg.children[place].setAttribute("x", start);
      svg.children[place].setAttribute("width", width);
    });
  }
}

async function refreshValues(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  const page = await answer.json();
  const shown = document.querySelector("[data-campaigns]").dataset.campaigns;
  if (page.campaigns.join(" ") !== shown) {
    location.reload();
    return;
  }
  showTexts(page.texts);
  showStates(page.states);
  showBars(page.bars);
}

async function refreshWhole() {
  const answer = await fetch(location.href);
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (main.contains(document.activeElement) || String(getSelection())) return;
  for (const open of main.querySelectorAll("details[open]")) {
    page.getElementById(open.id)?.setAttribute("open", "");
  }
  main.replaceChildren(...page.getElementById("main").childNodes);
}

function keepFresh(refresh, seconds) {
  let failures = 0;
  const again = async () => {
    if (!document.hidden) {
      try {
        await refresh();
        failures = 0;
      } catch {
        failures += 1;
      }
      lost.hidden = failures < 2;
    }
    setTimeout(again, seconds * 1000 * Math.min(1 + failures, 10));
  };
  setTimeout(again, seconds * 1000);
}

if (main.dataset.refreshJson) keepFresh(() => refreshValues(main.dataset.refreshJson), 1);
if (main.dataset.refreshHtml) keepFresh(refreshWhole, Number(main.dataset.refreshHtml));
