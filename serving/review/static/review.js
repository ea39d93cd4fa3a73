// What the keyboard adds to the pages. Every page works without it: it only presses buttons and follows links.
"use strict";

(function () {
  const byId = (id) => document.getElementById(id);
  const isTyping = (element) => element.closest("input:not([type=radio]):not([type=checkbox]), textarea, select");

  // --- the rows of the queue ---

  const rows = Array.from(document.querySelectorAll("#queue .row"));
  let place = -1;

  function chooseRow(next) {
    if (!rows.length) return;
    if (place >= 0) rows[place].classList.remove("current");
    place = Math.max(0, Math.min(rows.length - 1, next));
    rows[place].classList.add("current");
    rows[place].querySelector("a").focus();
    rows[place].scrollIntoView({ block: "nearest" });
  }

  // --- the targets of a ticket ---

  const targets = Array.from(document.querySelectorAll("fieldset.target"));
  let current = 0;

  function chooseTarget(next) {
    if (!targets.length) return;
    targets[current].classList.remove("current");
    current = (next + targets.length) % targets.length;
    targets[current].classList.add("current");
    const chosen = targets[current].querySelector("input:checked") || targets[current].querySelector("input");
    chosen.focus();
    targets[current].scrollIntoView({ block: "nearest" });
  }

  function answer(number) {
    if (!targets.length) return;
    const choice = targets[current].querySelector(`input[data-number="${number}"]`);
    if (!choice) return;
    choice.checked = true;
    choice.dispatchEvent(new Event("change", { bubbles: true }));
    choice.focus();
    // An audit asks for each target: the next one without an answer is up.
    if (!targets[current].dataset.suggested) {
      const open = targets.findIndex((target) => !target.querySelector("input:checked"));
      if (open >= 0) chooseTarget(open);
    }
  }

  function isChanged(target) {
    const chosen = target.querySelector("input:checked");
    const other = target.querySelector("input[type=text]");
    return Boolean(other && other.value.trim()) || Boolean(chosen && chosen.value !== target.dataset.suggested);
  }

  function showChanges() {
    for (const target of targets) target.classList.toggle("changed", Boolean(target.dataset.suggested) && isChanged(target));
    const accept = byId("action-accept");
    const correct = byId("action-correct");
    if (!accept || !correct) return;
    const any = targets.some(isChanged);
    accept.classList.toggle("primary", !any);
    correct.classList.toggle("primary", any);
  }

  function accept() {
    const correct = byId("action-correct");
    const any = correct && targets.some(isChanged);
    const button = any ? correct : document.querySelector('[data-key="a"]');
    if (button) button.click();
  }

  // --- keys ---

  function press(key) {
    const found = document.querySelector(`[data-key="${key}"]`);
    if (found) found.click();
    return Boolean(found);
  }

  const actions = {
    j: () => (rows.length ? chooseRow(place + 1) : press("j")),
    k: () => (rows.length ? chooseRow(place - 1) : press("k")),
    a: accept,
    e: () => chooseTarget(targets.length && targets[current].classList.contains("current") ? current + 1 : current),
    u: () => press("u"),
    t: () => press("t"),
    q: () => press("q"),
    "/": () => {
      const filters = byId("filters");
      if (!filters) return;
      filters.open = true;
      byId("filter-q").focus();
    },
    "?": () => {
      const keys = byId("keys");
      if (!keys) return;
      keys.open = !keys.open;
      if (keys.open) keys.scrollIntoView({ block: "nearest" });
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !(event.target instanceof Element)) return;
    if (event.key === "Escape" && isTyping(event.target)) {
      event.target.blur();
      return;
    }
    if (isTyping(event.target)) return;
    if (/^[0-9]$/.test(event.key) && targets.length) {
      answer(event.key);
      event.preventDefault();
    } else if (Object.hasOwn(actions, event.key) && !event.repeat) {
      actions[event.key]();
      event.preventDefault();
    } else if (Object.hasOwn(actions, event.key) && (event.key === "j" || event.key === "k") && rows.length) {
      actions[event.key]();
    }
  });

  // --- forms ---

  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      // The server knows a form that comes twice; this spares the wait.
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
      window.setTimeout(() => delete form.dataset.sent, 4000);
    });
  }
  window.addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));

  for (const moment of document.querySelectorAll("time[datetime]")) {
    const at = new Date(moment.dateTime);
    if (!Number.isNaN(at.valueOf())) moment.title = at.toLocaleString(document.documentElement.lang);
  }

  document.addEventListener("change", showChanges);
  document.addEventListener("input", showChanges);
  showChanges();
  document.documentElement.classList.add("has-keys");
  if (targets.length) targets[0].classList.add("current");
})();
