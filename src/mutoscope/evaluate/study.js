"use strict";
// A study in one page: pairs shown blind, one question at a time, answers kept and downloaded.
// Order and sides are drawn from the rater's name, so that a page loaded again goes on as it was.

const study = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
let state = null;
let shown = 0;
let chosen = null;

function seeded(text) {
  let h = 2166136261; // FNV-1a, then mulberry32
  for (const one of new TextEncoder().encode(text)) h = Math.imul(h ^ one, 16777619);
  return () => {
    h = (h + 0x6d2b79f5) | 0;
    let t = Math.imul(h ^ (h >>> 15), 1 | h);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function drawn(rater) {
  const random = seeded(`${study.id}\n${rater}`);
  const all = study.pairs.flatMap((_, pair) =>
    study.questions.map((_, question) => ({ pair, question, flipped: random() < 0.5, repeat: false })));
  for (let k = all.length - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [all[k], all[other]] = [all[other], all[k]];
  }
  const half = Math.ceil(all.length / 2);
  for (const one of all.slice(0, Math.min(study.repeats, half))) {
    const at = half + Math.floor(random() * (all.length - half + 1));
    all.splice(at, 0, { ...one, flipped: !one.flipped, repeat: true });
  }
  return all;
}

function keep() {
  try { localStorage.setItem(study.id, JSON.stringify(state)); } catch { /* the page works without */ }
}

function kept() {
  try { return JSON.parse(localStorage.getItem(study.id)); } catch { return null; }
}

function begin(rater) {
  const before = kept();
  state = before && before.rater === rater ? before : { rater, trials: drawn(rater), answers: [] };
  $("start").hidden = true;
  show();
}

function show() {
  const at = state.answers.length;
  const total = state.trials.length;
  $("why").hidden = true;
  $("ask").hidden = at >= total;
  $("end").hidden = at < total;
  $("download").hidden = at === 0;
  $("count").textContent = `${Math.min(at + 1, total)} of ${total}`;
  if (at >= total) return;
  const trial = state.trials[at];
  const pair = study.pairs[trial.pair];
  const clips = trial.flipped ? [pair.clips[1], pair.clips[0]] : pair.clips;
  $("question").textContent = study.questions[trial.question].text;
  $("prompt").textContent = pair.prompt;
  chosen = null;
  ["left", "right"].forEach((side, k) => { $(side).src = clips[k]; });
  replay();
  shown = performance.now();
}

function replay() {
  for (const side of ["left", "right"]) {
    $(side).currentTime = 0;
    $(side).play().catch(() => {});
  }
}

function choose(choice) {
  if ($("ask").hidden || chosen !== null) return;
  chosen = { choice, ms: Math.round(performance.now() - shown) };
  const reasons = study.questions[state.trials[state.answers.length].question].reasons;
  if (choice === "tie" || reasons.length === 0) return answer([]);
  $("why").replaceChildren($("why").firstElementChild, ...reasons.map((text, k) => {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = text;
    label.append(box, ` ${k + 1} ${text}`);
    return label;
  }), confirm());
  $("why").hidden = false;
  $("next").focus();
}

function confirm() {
  const button = document.createElement("button");
  button.id = "next";
  button.textContent = "Next (Enter)";
  button.onclick = () => answer([...document.querySelectorAll("#why input:checked")].map((b) => b.value));
  return button;
}

function answer(reasons) {
  state.answers.push({ ...chosen, reasons });
  keep();
  show();
}

function undo() {
  if (chosen !== null) { chosen = null; $("why").hidden = true; return; }
  if (state && state.answers.length > 0) { state.answers.pop(); keep(); show(); }
}

function cell(value) {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function table() {
  const head = ["study", "rater", "trial", "pair", "prompt", "question", "left", "right", "choice",
    "reasons", "repeat", "ms"];
  const rows = state.answers.map((one, k) => {
    const trial = state.trials[k];
    const pair = study.pairs[trial.pair];
    const sides = trial.flipped ? ["y", "x"] : ["x", "y"];
    return [study.id, state.rater, k + 1, trial.pair + 1, pair.prompt,
      study.questions[trial.question].name, ...sides, one.choice, one.reasons.join("; "),
      trial.repeat ? "yes" : "no", one.ms];
  });
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
  link.download = `study-${state.rater.replace(/[^\w-]+/g, "-")}.csv`;
  link.click();
}

document.addEventListener("keydown", (event) => {
  if (!state || event.ctrlKey || event.metaKey || event.altKey) return;
  // A button or a box that has the focus is worked by these keys itself.
  const own = { BUTTON: [" ", "Enter"], INPUT: [" "] }[event.target.tagName] ?? [];
  if (own.includes(event.key)) return;
  const reasons = [...document.querySelectorAll("#why:not([hidden]) input")];
  const digit = Number(event.key);
  const act = {
    ArrowLeft: () => choose("left"), ArrowRight: () => choose("right"),
    ArrowDown: () => study.ties && choose("tie"), " ": replay, Backspace: undo,
    Enter: () => reasons.length > 0 && $("next").click(),
  }[event.key];
  if (digit >= 1 && digit <= reasons.length) reasons[digit - 1].checked = !reasons[digit - 1].checked;
  else if (act) act();
  else return;
  event.preventDefault();
});

$("choose-left").onclick = () => choose("left");
$("choose-right").onclick = () => choose("right");
$("choose-tie").onclick = () => choose("tie");
$("choose-tie").hidden = !study.ties;
$("undo").onclick = undo;
$("download").onclick = download;
$("start").onsubmit = (event) => {
  event.preventDefault();
  begin($("rater").value.trim());
};
const before = kept();
if (before) $("rater").value = before.rater;
