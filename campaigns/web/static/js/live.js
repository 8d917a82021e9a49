// Keeps a page up to date while it is open: one stream of numbers from the server, and nothing is
// loaded again. Where the page itself must look different (another status, another campaign), the
// parts of it that are marked so are fetched and put in the place of the old ones.
(() => {
  const root = document.querySelector("[data-watch]");
  if (!root) return;
  const lost = document.getElementById("connection");
  const lostText = lost.textContent;
  const again = (root.dataset.again || "").split(" ").filter(Boolean);
  const AGAIN_AT_MOST = 2000; // milliseconds between two fetches of the page
  const HIDDEN_AFTER = 30000; // a page nobody looks at gives its connection back
  let source = null;
  let shape = null;
  let stale = false; // the page is laid out for what is no longer so
  let fetchedAt = 0;
  let fetching = false;
  let hidden = null;
  const rendered = document.querySelector('[data-live="as_of"] time');
  let shownAt = rendered ? Date.parse(rendered.dateTime) : 0;

  const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  const percent = (share) => (share === null || share === undefined ? "—" : `${Math.round(100 * share)} %`);
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeZone: root.dataset.zone,
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  // As campaigns/clocks.py writes it: on the viewer's clock, which the foot of the page names.
  const onClock = (at, seconds) => {
    const part = Object.fromEntries(clock.formatToParts(at).map((one) => [one.type, one.value]));
    const month = part.month.slice(0, 3); // some browsers write "Sept"
    const time = `${part.hour}:${part.minute}${seconds ? `:${part.second}` : ""}`;
    return `${part.weekday} ${part.day} ${month} ${part.year}, ${time}`;
  };
  const instant = (iso) => onClock(new Date(iso), true);
  // Everybody is sent the same sentences, whose instants are in UTC.
  const WRITTEN = /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\d{1,2} [A-Z][a-z]{2} \d{4}), (\d\d:\d\d(:\d\d)?) UTC\b/g;
  const retold = (text) =>
    text.replace(WRITTEN, (whole, day, time, seconds) => {
      const at = new Date(`${day} ${time} UTC`);
      return Number.isNaN(at.getTime()) ? whole : onClock(at, Boolean(seconds));
    });
  const status = (name) => name.charAt(0).toUpperCase() + name.slice(1).replace("_", " ");

  // The value at a place such as "campaigns.7.sentence"; "*" takes every one of a list.
  function at(page, place) {
    return place.split(".").reduce((value, name) => {
      if (value === undefined || value === null) return undefined;
      if (name === "*") return value;
      if (Array.isArray(value) && value.every((one) => one !== null && typeof one === "object")) {
        if (!/^\d+$/.test(name)) return value.map((one) => one[name]);
        if (value.length && value[0].id !== undefined) return value.find((one) => String(one.id) === name);
      }
      return value[name];
    }, page);
  }

  function rate(page) {
    const running = page.campaigns.filter((one) => one.status === "running");
    const calls = running.reduce((sum, one) => sum + one.calls, 0);
    const answered = running.reduce((sum, one) => sum + (one.answer_rate || 0) * one.calls, 0);
    return percent(calls ? answered / calls : null);
  }

  function health(told) {
    if (told.blocked) return `Nobody is called: ${retold(told.blocked)}.`;
    return told.ok ? "Everything is up and calls can be placed." : "Something needs attention.";
  }

  function written(page, value, how) {
    if (how === "percent") return percent(value);
    if (how === "instant") return instant(value);
    if (how === "status") return status(value);
    if (how === "sum") return whole.format(value.reduce((sum, one) => sum + one, 0));
    if (how === "running") return whole.format(value.filter((one) => one === "running").length);
    if (how === "rate") return rate(page);
    if (how === "health") return health(value);
    return typeof value === "number" ? whole.format(value) : retold(String(value));
  }

  function showTexts(page) {
    for (const element of document.querySelectorAll("[data-live]")) {
      const value = at(page, element.dataset.live);
      if (value === undefined) continue;
      if (value === null && !["percent", "rate"].includes(element.dataset.as)) continue;
      const text = written(page, value, element.dataset.as);
      // Writing only what changed keeps a selection, and a screen reader's place, where they are.
      if (element.textContent !== text) element.textContent = text;
      if (element.dataset.as === "status") element.className = `badge status-${value}`;
    }
    for (const element of root.querySelectorAll("[data-unless]")) {
      const [part, whole] = [at(page, element.dataset.live), at(page, element.dataset.unless)];
      if (typeof part !== "string" || typeof whole !== "string") continue;
      element.hidden = whole.includes(part.replace(/^The /, "").replace(/\.+$/, ""));
    }
    for (const element of root.querySelectorAll("[data-ok]")) {
      const ok = at(page, element.dataset.ok);
      if (ok === undefined) continue;
      element.classList.toggle("is-ok", ok);
      element.classList.toggle("is-bad", !ok);
    }
    for (const rect of root.querySelectorAll("[data-live-width]")) {
      const share = at(page, rect.dataset.liveWidth);
      if (share !== undefined) rect.setAttribute("width", Math.round(10000 * share) / 100);
    }
  }

  function showBars(page) {
    for (const bar of root.querySelectorAll("[data-bar]")) {
      const one = bar.dataset.bar ? at(page, bar.dataset.bar.replace(/\.$/, "")) : page;
      if (!one || !one.recipients) continue;
      const people = one.recipients;
      const counts = {
        reached: people.completed,
        missed: people.exhausted + people.expired + people.removed,
        blocked: people.blocked,
        review: people.review,
        phone: people.in_flight,
      };
      let start = 0;
      for (const part of bar.querySelectorAll("[data-part-of-bar]")) {
        const width = people.total ? (100 * counts[part.dataset.partOfBar]) / people.total : 0;
        part.setAttribute("x", start.toFixed(2));
        part.setAttribute("width", width.toFixed(2));
        start += width;
      }
      const name = bar.getAttribute("aria-label").replace(/: [^:]*$/, "");
      bar.setAttribute("aria-label", `${name}: ${whole.format(one.done)} of ${whole.format(people.total)} done`);
    }
  }

  function showLists(page) {
    for (const list of root.querySelectorAll("[data-list]")) {
      const all = at(page, list.dataset.list);
      if (all === undefined) continue;
      const lines = all.filter((line) => line !== page.sentence); // that one is said already
      const shown = [...list.children].map((one) => one.textContent);
      list.hidden = lines.length === 0;
      if (shown.join("\n") === lines.join("\n")) continue;
      list.replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
    }
    for (const list of root.querySelectorAll("[data-log]")) {
      const lines = (at(page, list.dataset.log) || []).slice(0, 6);
      const key = lines.map((line) => line.id).join(" ");
      if (!lines.length || list.dataset.shown === key) continue;
      list.dataset.shown = key;
      list.replaceChildren(...lines.map(logLine));
    }
  }

  function logLine(line) {
    const item = document.createElement("li");
    const time = document.createElement("time");
    const text = document.createElement("span");
    time.dateTime = line.at;
    time.textContent = instant(line.at);
    text.textContent = line.sentence;
    item.append(time, text);
    return item;
  }

  // What decides how the page is laid out; when it changes, the marked parts are fetched.
  function shapeOf(page) {
    const ids = (page.campaigns || []).map((one) => one.id);
    return JSON.stringify([ids, again.map((place) => at(page, place))]);
  }

  async function fetchParts() {
    if (fetching) return;
    fetching = true;
    stale = false;
    await new Promise((done) => setTimeout(done, Math.max(0, fetchedAt + AGAIN_AT_MOST - Date.now())));
    fetchedAt = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
      else stale = true;
    } catch {
      stale = true; // asked again with the next numbers
    } finally {
      fetching = false;
    }
  }

  function replaceParts(page) {
    for (const part of document.querySelectorAll("[data-part]")) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      // Not under somebody's fingers: whoever is at work in it sees it change afterwards.
      if (!fresh || part.contains(document.activeElement)) {
        if (fresh) stale = true;
        continue;
      }
      const open = [...part.querySelectorAll("details")].map((one) => one.open);
      part.replaceChildren(...fresh.childNodes);
      part.querySelectorAll("details").forEach((one, place) => {
        one.open = open[place] || false;
      });
    }
  }

  function show(page) {
    // The stream's first word may be a moment older than the page, which knows of a pause since.
    if (Date.parse(page.as_of) < shownAt) return;
    shownAt = Date.parse(page.as_of);
    showTexts(page);
    showBars(page);
    showLists(page);
    const now = shapeOf(page);
    if (shape !== null && shape !== now) stale = true;
    shape = now;
    if (stale) fetchParts();
    document.dispatchEvent(new CustomEvent("outdial:live", { detail: page }));
  }

  function say(text) {
    lost.textContent = text || lostText;
    lost.hidden = false;
  }

  function watch() {
    hidden = null;
    source = new EventSource(root.dataset.watch);
    source.addEventListener("update", (event) => {
      lost.hidden = true;
      show(JSON.parse(event.data));
    });
    source.addEventListener("trouble", (event) => say(JSON.parse(event.data).sentence));
    for (const name of ["gone", "signed-out"]) {
      source.addEventListener(name, (event) => {
        say(JSON.parse(event.data).sentence);
        source.close();
      });
    }
    source.onerror = () => {
      say();
      // A browser tries again by itself unless the answer was no stream at all.
      if (source.readyState === EventSource.CLOSED) setTimeout(watch, 5000);
    };
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      hidden = setTimeout(() => {
        source.close();
        source = null;
      }, HIDDEN_AFTER);
      return;
    }
    if (source === null) watch();
    else clearTimeout(hidden);
  });
  window.addEventListener("pagehide", () => source && source.close());
  watch();
})();
