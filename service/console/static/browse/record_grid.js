// The gallery, page by page, as a grid of cards.

import { announce } from "../parts/announcements.js";
import { element } from "../parts/elements.js";
import { count, plural } from "../parts/formats.js";
import { recordCard } from "./record_card.js";
import { ready, showLoading, showProblem } from "../parts/states.js";

const PAGE = 48;

// Returns {root, start, end, remove, focus, selected, selectAll}:
//   start(filter, wanted)
//                     shows the first of what passes a filter, null for all: a page, or as many as
//                     are wanted; resolves to whether they are shown, false also where something
//                     else is asked for meanwhile
//   end()             when the view goes
//   remove(ids)       takes cards away and puts the focus onto what stands there then; returns
//                     whether anything does
//   focus(id)         puts the focus onto a record, where it is shown
//   selected()        the selected records
//   selectAll(flag)   selects all that are shown, or none
// `onCount({shown, isAll})` is called when there are more or fewer cards, `onSelection(count)` when
// more or fewer are selected, and `onEmpty(container)` fills the grid where nothing is found.
export function recordGrid({ api, pageLimit, maySelect, onCount, onSelection, onEmpty }) {
  const list = element("ul", { class: "record-grid", "aria-label": "Records" });
  const foot = element("div", { class: "grid-foot" });
  const root = element("div", {}, element("h2", { class: "unseen" }, "Sightings"), list, foot);
  const cards = new Map();
  const chosen = new Map();
  let turn = 0;
  let isAll = false;

  function start(filter, wanted = PAGE) {
    turn += 1;
    isAll = false;
    cards.clear();
    selectAll(false);
    list.replaceChildren();
    return load(filter, null, Math.max(wanted, PAGE));
  }

  // In as many calls as the service needs for that many records; each page is shown as it comes.
  async function load(filter, cursor, wanted = PAGE) {
    const mine = turn;
    const added = [];
    let next = cursor;
    let left = wanted;
    showLoading(foot, cursor === null ? "Reading the gallery…" : "Reading more…");
    try {
      do {
        const limit = Math.min(left, pageLimit);
        const page = await api.get(`/gallery?${asked(filter, next, limit)}`);
        if (mine !== turn) return false;
        added.push(...page.records.filter(({ id }) => !cards.has(id)).map(add));
        next = page.next_cursor;
        left -= limit;
        isAll = next === null;
        onCount({ shown: cards.size, isAll });
      } while (!isAll && left > 0);
    } catch (problem) {
      if (mine === turn) showProblem(foot, problem, { retry: () => load(filter, next, left) });
      return false;
    }
    showFoot(() => load(filter, next));
    tell(added, cursor !== null);
    return true;
  }

  function showFoot(more) {
    ready(foot);
    foot.replaceChildren();
    if (!isAll) foot.append(element("button", { type: "button", onclick: more }, "Load more"));
    if (cards.size === 0) onEmpty(foot);
  }

  function tell(added, isMore) {
    if (isMore) {
      added[0]?.querySelector("a").focus();
      announce(`${plural(added.length, "more sighting")}, ${count(cards.size)} shown.`);
    } else if (cards.size > 0) {
      announce(`${plural(cards.size, "sighting")} shown.`);
    }
  }

  function add(record) {
    const made = recordCard(record, {
      onSelect: maySelect
        ? (isSelected) => {
            if (isSelected) chosen.set(record.id, record);
            else chosen.delete(record.id);
            onSelection(chosen.size);
          }
        : null,
    });
    cards.set(record.id, { ...made, record });
    list.append(made.card);
    return made.card;
  }

  function remove(ids) {
    let next = null;
    for (const id of ids) {
      const found = cards.get(id);
      if (!found) continue;
      next = found.card.nextElementSibling ?? found.card.previousElementSibling;
      found.card.remove();
      cards.delete(id);
      chosen.delete(id);
    }
    onSelection(chosen.size);
    next?.querySelector("a").focus();
    onCount({ shown: cards.size, isAll });
    if (cards.size > 0) return next !== null;
    // Neither while more are being read.
    if (isAll) onEmpty(foot);
    else foot.querySelector("button")?.click();
    return false;
  }

  // What is still being asked for is shown and told no more.
  function end() {
    turn += 1;
  }

  function selectAll(flag) {
    chosen.clear();
    for (const { record, select } of cards.values()) {
      select(flag);
      if (flag) chosen.set(record.id, record);
    }
    onSelection(chosen.size);
  }

  function focus(id) {
    cards.get(id)?.card.querySelector("a").focus({ preventScroll: true });
  }

  return { root, start, end, remove, focus, selectAll, selected: () => [...chosen.values()] };
}

function asked(filter, cursor, limit) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (cursor !== null) query.set("cursor", cursor);
  if (filter !== null) query.set("filter", JSON.stringify(filter));
  return query;
}
