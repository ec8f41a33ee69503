// Draws what the cache covers of a query: time goes to the right, a row for each step and caller, the
// darker the more of a cell's time is held. A table tells the same in words.

"use strict";

{
  const CELLS = 72;
  const SHADES = 5;
  const MOST_RUNS = 500;
  const WORDS = { serves: "served", pending: "pending", in_doubt: "in doubt", expired: "expired" };

  const form = document.getElementById("coverage-form");
  const answer = document.getElementById("coverage-answer");
  const said = document.getElementById("coverage-said");

  const make = (name, attributes = {}, ...children) => {
    const isSvg = name === "svg" || name === "rect" || name === "title";
    const element = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children); // texts, never HTML
    return element;
  };

  const moment = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");

  function span(ms) {
    if (ms === null || ms === undefined) return "–";
    const units = [["d", 86400000], ["h", 3600000], ["min", 60000], ["s", 1000]];
    const [name, size] = units.find(([, length]) => Math.abs(ms) >= length) || ["ms", 1];
    return `${+(ms / size).toFixed(1)} ${name}`;
  }

  const isServed = (run) => run.state === "serves";

  /** How much of a time the runs of a row cover, between 0 and 1; a step lasts until the next. */
  function covered(row, isMeant, from, to) {
    let sum = 0;
    for (const run of row.runs) {
      if (isMeant(run)) sum += Math.max(0, Math.min(run.to_ms + row.step_ms, to) - Math.max(run.from_ms, from));
    }
    return Math.min(1, sum / (to - from));
  }

  function cell(row, place, data) {
    const width = (data.end_ms - data.start_ms) / CELLS;
    const from = data.start_ms + place * width;
    const served = covered(row, isServed, from, from + width);
    const other = covered(row, (run) => !isServed(run), from, from + width);
    const shade = served ? Math.max(1, Math.round(served * SHADES)) : other ? "doubt" : 0;
    const told = served || !other ? `${Math.round(served * 100)} % held` : "held, but not served";
    const title = make("title", {}, `${moment(from)}: ${told}`);
    const x = (place * 100) / CELLS;
    return make(
      "rect",
      { class: `heat-${shade}`, x: `${x}%`, width: `${100 / CELLS - 0.12}%`, height: "100%" },
      title,
    );
  }

  function nameOf(row) {
    const parameters = (row.parameters || []).map(([name, value]) => `${name}=${value}`);
    const phase = row.phase_ms ? `phase ${span(row.phase_ms)}` : "";
    const caller = row.is_own ? "" : row.caller || "others";
    return [`step ${span(row.step_ms)}`, phase, caller, ...parameters].filter(Boolean).join(", ");
  }

  function drawn(row, data) {
    const share = covered(row, isServed, data.start_ms, data.end_ms);
    const name = nameOf(row);
    const label = `${name}: ${Math.round(share * 100)} % of the time held`;
    const cells = Array.from({ length: CELLS }, (_, place) => cell(row, place, data));
    return [make("bdi", {}, name), make("svg", { role: "img", "aria-label": label }, ...cells)];
  }

  function axis(data) {
    const marks = [0, 0.5, 1].map((part) => moment(data.start_ms + part * (data.end_ms - data.start_ms)));
    return make("div", { class: "axis", "aria-hidden": "true" }, ...marks.map((mark) => make("span", {}, mark)));
  }

  function legend() {
    const swatch = (shade, text) => {
      const ground = make("rect", { class: `heat-${shade}`, width: "100%", height: "100%" });
      return make("span", {}, make("svg", { "aria-hidden": "true" }, ground), text);
    };
    const swatches = [swatch(0, "nothing held"), swatch(2, "some"), swatch(5, "all"), swatch("doubt", "held, not served")];
    return make("p", { class: "legend" }, ...swatches);
  }

  function told(data) {
    const runs = data.rows.flatMap((row) => row.runs.map((run) => [row, run]));
    const rows = runs.slice(0, MOST_RUNS).map(([row, run]) => {
      const cells = [nameOf(row), moment(run.from_ms), moment(run.to_ms)];
      cells.push(WORDS[run.state] || run.state, span(run.expires_in_ms));
      return make("tr", {}, ...cells.map((text) => make("td", {}, make("bdi", {}, String(text ?? "")))));
    });
    const titles = ["Kept for", "First step (UTC)", "Last step", "State", "Expires in"];
    const head = make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)));
    const caption = make("caption", {}, runs.length > MOST_RUNS ? `The first ${MOST_RUNS} of ${runs.length} runs` : "Runs of steps that are kept");
    const table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...rows));
    const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs that are kept" }, table);
    return make("details", {}, make("summary", {}, "The same as a table"), scroll);
  }

  function draw(data) {
    if (!data.rows.length || !(data.end_ms > data.start_ms)) {
      answer.hidden = true;
      said.textContent = data.whole
        ? `Such a query is never cut and kept: ${data.whole}.`
        : "Nothing of this query is kept for that time.";
      return;
    }
    const map = make("div", { class: "map" }, ...data.rows.flatMap((row) => drawn(row, data)), make("span"), axis(data));
    answer.replaceChildren(legend(), map, told(data));
    answer.hidden = false;
    const left = [[data.rows_left_out, "rows"], [data.runs_left_out, "runs"]].filter(([number]) => number);
    said.textContent = left.length ? `Not shown: ${left.map((pair) => pair.join(" ")).join(", ")}.` : "";
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "asking …";
    try {
      const query = new URLSearchParams(new FormData(form));
      const response = await fetch(`api/v1/thanoxy/coverage?${query}`, { headers: headersOf(form) });
      const body = await response.json();
      if (body.status === "success") draw(body.data);
      else said.textContent = body.error || `The answer was ${response.status}.`;
    } catch {
      said.textContent = "There was no answer that can be read.";
    }
  });
}
