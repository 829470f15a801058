// Theme, links into Airflow, buttons, refresh. The pages work without it.
"use strict";
(() => {
  const root = document.documentElement;
  const body = document.body;
  const framed = window.parent !== window;
  const plain = new URLSearchParams(location.search).has("plain");
  const base = body.dataset.base;

  // A page that was opened alone moves itself into Airflow's UI.
  if (!framed && !plain) {
    location.replace(`${base}/plugin/search${location.pathname}${location.search}${location.hash}`);
    return;
  }

  const COLOURS = {
    "--bg": "--chakra-colors-bg", "--fg": "--chakra-colors-fg", "--muted": "--chakra-colors-fg-muted",
    "--border": "--chakra-colors-border-emphasized", "--soft": "--chakra-colors-bg-muted", "--font": "--chakra-fonts-body",
  };

  function copyTheme() {
    const outer = window.parent.document.documentElement;
    const dark = outer.classList.contains("dark");
    root.classList.toggle("dark", dark);
    root.classList.toggle("light", !dark);
    const styles = getComputedStyle(outer);
    for (const [ours, theirs] of Object.entries(COLOURS)) {
      const value = styles.getPropertyValue(theirs).trim();
      if (value) root.style.setProperty(ours, value);
    }
  }

  if (framed) {
    copyTheme();
    new MutationObserver(copyTheme).observe(window.parent.document.documentElement, {
      attributes: true, attributeFilter: ["class", "style"],
    });
  }

  // The frame's sandbox lets no link of ours change the outer page, a click on one of its own does.
  function goOut(href) {
    if (!framed) { location.assign(href); return; }
    const link = window.parent.document.createElement("a");
    link.href = href;
    window.parent.document.body.appendChild(link);
    link.click();
    link.remove();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (link && framed && !event.defaultPrevented && event.button === 0) {
      event.preventDefault();
      goOut(link.getAttribute("href"));
    }
  });

  // Buttons: a dialog that says what will happen, and a second press, which asks Airflow's own API.
  for (const button of document.querySelectorAll("button[data-dialog]")) {
    const dialog = document.getElementById(button.dataset.dialog);
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  }
  for (const button of document.querySelectorAll("dialog button[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  for (const form of document.querySelectorAll("dialog form[data-dag]")) {
    form.addEventListener("submit", (event) => { event.preventDefault(); startRun(form); });
  }

  function answersOf(form) {
    const conf = JSON.parse(form.dataset.conf);
    for (const field of form.elements) {
      if (!field.name) continue;
      conf[field.name] = field.type === "checkbox" ? field.checked : field.value || null;
    }
    return conf;
  }

  async function startRun(form) {
    const said = form.querySelector("[role=status]");
    const press = form.querySelector("button[type=submit]");
    press.disabled = true;
    said.textContent = "Asking Airflow…";
    const dag = encodeURIComponent(form.dataset.dag);
    // An answer may be lost of a run that was started. Pressed again, it has the same id: Airflow then refuses a second one.
    const conf = answersOf(form), answers = JSON.stringify(conf);
    if (form.dataset.answers !== answers) {
      form.dataset.answers = answers;
      form.dataset.run = `manual__${new Date().toISOString()}_${Math.random().toString(36).slice(2, 10)}`;
    }
    const run = form.dataset.run;
    let mayBeStarted = true;
    try {
      const answer = await fetch(`${base}/api/v2/dags/${dag}/dagRuns`, {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ dag_run_id: run, logical_date: null, conf }),
      });
      mayBeStarted = answer.status >= 500;
      if (!answer.ok && answer.status !== 409) throw new Error(`Airflow says ${answer.status}${await detailOf(answer)}`);
      showRun(said, dag, run);
    } catch (error) {
      said.textContent = `${error.message}.${mayBeStarted ? " Press again: it starts no second run." : ""}`;
      press.disabled = false;
    }
  }

  // Of Airflow alone: a gateway's page is no JSON.
  async function detailOf(answer) {
    if (!(answer.headers.get("Content-Type") || "").includes("json")) return "";
    const detail = (await answer.json()).detail;
    return `: ${typeof detail === "string" ? detail : JSON.stringify(detail)}`;
  }

  function showRun(said, dag, run) {
    const link = document.createElement("a");
    link.href = `${base}/dags/${dag}/runs/${encodeURIComponent(run)}`;
    link.dataset.airflow = "";
    link.textContent = `Run ${run} has been started`;
    said.replaceChildren(link);
  }

  // A run at work: the progress of each part from the task state store, until it has ended.
  const progress = document.querySelector("[data-progress]");
  if (progress) poll(progress);

  async function poll(place) {
    const { dag, run } = place.dataset;
    const api = `${base}/api/v2/dags/${encodeURIComponent(dag)}/dagRuns/${encodeURIComponent(run)}`;
    const said = place.querySelector("[role=status]");
    // Only what was seen at work can have brought anything new: else a page would reload for ever.
    let atWork = false;
    for (;;) {
      if (!document.hidden) {
        try {
          const state = (await read(api)).state;
          if (state === "success" || state === "failed") {
            if (atWork) location.reload(); else said.textContent = `The run has ended: ${state}. Reload to see its receipt.`;
            return;
          }
          atWork = true;
          await showProgress(place, api, state);
        } catch (error) {
          said.textContent = `Airflow does not answer: ${error.message}`;
        }
      }
      await new Promise((done) => setTimeout(done, 5000));
    }
  }

  async function read(address) {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  async function showProgress(place, api, state) {
    const found = await read(`${api}/taskInstances?state=running&limit=50`);
    const tasks = found.task_instances;
    const more = found.total_entries > tasks.length ? ` and ${found.total_entries - tasks.length} more` : "";
    place.querySelector("[role=status]").textContent =
      `The run is ${state}. At work: ${tasks.map((task) => nameOf(task)).join(", ") || "nothing"}${more}.`;
    const bars = [];
    for (const task of tasks.filter((each) => ["scan", "encode", "index"].includes(each.task_id))) {
      const stored = await read(`${api}/taskInstances/${task.task_id}/state-store?map_index=${task.map_index}`);
      const entry = stored.task_state_store.find((each) => each.key === "progress");
      if (entry) bars.push(barOf(task, entry.value));
    }
    place.querySelector("ul").replaceChildren(...bars);
  }

  function nameOf(task) {
    return task.map_index >= 0 ? `${task.task_id} ${task.map_index}` : task.task_id;
  }

  function barOf(task, value) {
    const item = document.createElement("li");
    const bar = document.createElement("progress");
    bar.max = value.total;
    bar.value = value.done;
    bar.setAttribute("aria-label", nameOf(task));
    const left = value.seconds_left === null ? "unknown" : `${value.seconds_left} s`;
    const words = `${nameOf(task)}: ${value.done.toLocaleString("en")} of ${value.total.toLocaleString("en")}, ` +
      `${value.per_second}/s, time left ${left}`;
    item.append(words, bar);
    return item;
  }
})();
