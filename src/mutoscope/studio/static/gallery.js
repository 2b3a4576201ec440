// Tab Gallery: a job opened, and two compared in step.
(() => {
  const { make, ask, job, file, still, shown, download, time } = window.studio;
  const picked = new Map();
  let tell = () => {}, root = null;

  // The board: cards come from Python; clicks are heard here, wherever they land.

  studio.board = (element, trigger, watch) => {
    [root, tell] = [element, trigger];
    element.addEventListener("click", (event) => {
      const open = event.target.closest("[data-open]");
      if (open) studio.details(open.dataset.open);
    });
    element.addEventListener("change", (event) => {
      const box = event.target.closest("[data-pick]");
      if (!box) return;
      if (box.checked) picked.set(box.dataset.pick, true);
      else picked.delete(box.dataset.pick);
      while (picked.size > 2) picked.delete(picked.keys().next().value);
      checks();
    });
    element.addEventListener("pointerover", (event) => play(event.target.closest(".open")));
    watch("value", checks);
    checks();
  };

  function play(open) {
    // A finished clip moves while the pointer is on it.
    if (!open || open.dataset.kind === "picture" || studio.calm()) return;
    const screen = open.querySelector(".screen");
    if (!screen?.querySelector("img") || screen.querySelector("video")) return;
    const video = make("video", { src: file(open.dataset.open, "video"), loop: true, playsinline: true, tabindex: -1 });
    video.muted = true;
    screen.append(video);
    video.play().catch(() => {});
    open.addEventListener("pointerleave", () => video.remove(), { once: true });
  }

  function checks() {
    for (const box of root.querySelectorAll("[data-pick]")) box.checked = picked.has(box.dataset.pick);
    const bar = document.getElementById("picked");
    if (!bar) return;
    bar.hidden = picked.size === 0;
    bar.replaceChildren(
      make("span", {}, picked.size === 1 ? "Choose another to compare" : "Two chosen"),
      make("button", { type: "button", class: "solid", disabled: picked.size < 2, onclick: () => compare(...picked.keys()) }, "Compare"),
      make("button", { type: "button", class: "act", onclick: () => (picked.clear(), checks()) }, "Clear"),
    );
  }

  // Dialogs: the browser's own, which keep the focus inside and close on Escape

  function dialog(id, label, ...children) {
    document.getElementById(id)?.remove();
    const shut = make("button", { type: "button", class: "shut", "aria-label": "Close", onclick: () => box.close() }, "×");
    const box = make("dialog", { id, "aria-label": label }, shut, ...children);
    box.addEventListener("close", () => box.remove());
    box.addEventListener("click", (event) => event.target === box && box.close());
    document.querySelector(".gradio-container").append(box);
    box.showModal();
    return box;
  }

  const row = (name, value) =>
    value === "" || value === null || value === undefined ? [] : [make("dt", {}, name), make("dd", {}, String(value))];

  function facts(one, read) {
    const asked = one.request, still = asked.frames === 1;
    return make("dl", { class: "about" },
      ...row("Read as", read),
      ...row("System", asked.system),
      ...row("Seed", asked.seed),
      ...row("Size", `${asked.size[0]} × ${asked.size[1]}`),
      ...(still ? [] : row("Length", `${asked.frames} frames at ${asked.fps} a second`)),
      ...row("Steps", `${asked.steps}, ${asked.sampler}`),
      ...row("Guidance", asked.guidance),
      ...row("Not", asked.negative),
      ...Object.entries(asked.settings).flatMap(([key, value]) => row(key, value)),
      ...asked.conditions.flatMap((item) => row(item.kind, item.source)),
      ...row("Asked", new Date(one.created_at * 1000).toLocaleString()),
      ...row("Made in", one.state === "completed" && one.started_at ? time(one.ended_at - one.started_at) : ""),
    );
  }

  studio.details = async (id) => {
    let one;
    try {
      one = await job(id);
    } catch (error) {
      dialog("details", "Clip", make("p", { class: "error", role: "alert" }, error.message));
      return;
    }
    const done = one.state === "completed", read = done ? await reading(id) : "";
    const said = make("p", { class: "error", role: "alert" });
    const screen = make("div", { class: "screen", style: `aspect-ratio:${one.request.size.join("/")}` },
      done ? shown(one) : make("span", { class: "blank" }, studio.words(one)));
    const text = make("pre", { tabindex: 0 });
    const record = make("details", { class: "record", ontoggle: () => text.textContent || fill(id, text) },
      make("summary", {}, "Its record"), text);
    const acts = make("div", { class: "acts" },
      make("button", { type: "button", class: "solid", onclick: () => again(box, id) }, "Change and make again"),
      done ? download(one) : null,
      ...erase(id, said, () => box.close()));
    const box = dialog("details", one.request.prompt,
      make("div", { class: "two" }, screen,
        make("div", {}, make("h2", {}, one.request.prompt || (one.request.segments.length ? "A story" : "Without words")), facts(one, read), acts, said, done ? record : null)));
  };

  async function reading(id) {
    // What the network read where it isn't the prompt: an extended one.
    try {
      return (await ask(`/v1/jobs/${id}/record`)).words;
    } catch {
      return "";
    }
  }

  async function fill(id, place) {
    try {
      place.textContent = JSON.stringify(await ask(`/v1/jobs/${id}/record`), null, 2);
    } catch (error) {
      place.textContent = error.message;
    }
  }

  function again(box, id) {
    box.close();
    tell("select", { job: id });
  }

  function erase(id, said, after) {
    const sure = make("button", { type: "button", class: "act danger", hidden: true, onclick: gone }, "Delete for good");
    const first = make("button", { type: "button", class: "act", onclick: () => {
      [first.hidden, sure.hidden] = [true, false];
      sure.focus();
    } }, "Delete");
    async function gone() {
      try {
        await ask(`/v1/jobs/${id}`, { method: "DELETE" });
      } catch (error) {
        said.textContent = error.message;
        return;
      }
      picked.delete(id);
      after();
      tell("delete", { job: id });
    }
    return [first, sure];
  }

  // Two clips in step: frames are drawn from the sheets, so both are exact whatever the codec does

  const frameAt = (clip, seconds) => Math.min(clip.frames - 1, Math.floor(seconds * clip.fps + 1e-6));

  async function sheet(id) {
    const one = await job(id), picture = new Image();
    picture.src = file(id, "spritesheet");
    await picture.decode();
    const [width, height] = one.request.size;
    const canvas = make("canvas", { width, height, role: "img", "aria-label": one.request.prompt });
    return { one, picture, canvas, columns: Math.round(picture.naturalWidth / width), frames: one.request.frames, fps: one.request.fps };
  }

  function paint(clip, seconds) {
    const index = frameAt(clip, seconds), { width, height } = clip.canvas;
    const [left, top] = [(index % clip.columns) * width, Math.floor(index / clip.columns) * height];
    clip.canvas.dataset.frame = index;
    clip.canvas.getContext("2d").drawImage(clip.picture, left, top, width, height, 0, 0, width, height);
  }

  async function compare(left, right) {
    let clips;
    try {
      clips = await Promise.all([sheet(left), sheet(right)]);
    } catch (error) {
      dialog("compare", "Compare", make("p", { class: "error", role: "alert" }, error.message));
      return;
    }
    const fps = Math.max(...clips.map((clip) => clip.fps));
    const length = Math.max(...clips.map((clip) => clip.frames / clip.fps)), last = Math.max(Math.round(length * fps) - 1, 0);
    let at = 0, playing = !studio.calm() && last > 0, since = performance.now();
    const slider = make("input", { type: "range", min: 0, max: last, step: 1, value: 0, "aria-label": "Frame",
      oninput: () => go(Number(slider.value)) });
    const where = make("output", {}), pause = make("button", { type: "button", class: "solid", onclick: () => run(!playing) });
    const step = (by) => go((at + by + last + 1) % (last + 1));
    const box = dialog("compare", "Compare two clips",
      make("div", { class: "pair" }, ...clips.map(({ one, canvas }) =>
        make("figure", {}, make("div", { class: "screen" }, canvas),
          make("figcaption", {}, make("strong", {}, one.request.prompt), make("span", { class: "facts" }, differing(one.request, clips)))))),
      make("div", { class: "wheel" },
        make("button", { type: "button", class: "act", "aria-label": "Frame before", onclick: () => step(-1) }, "‹"),
        pause,
        make("button", { type: "button", class: "act", "aria-label": "Next frame", onclick: () => step(1) }, "›"),
        slider, where));
    box.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        event.preventDefault();
        step(event.key === "ArrowLeft" ? -1 : 1);
      }
    });

    function show(index) {
      at = index;
      slider.value = index;
      where.textContent = `frame ${index + 1} of ${last + 1}`;
      for (const clip of clips) paint(clip, index / fps);
    }
    function go(index) {
      run(false);
      show(index);
    }
    function run(on) {
      playing = on && last > 0;
      since = performance.now() - (at / fps) * 1000;
      pause.textContent = playing ? "Pause" : "Play";
      if (playing) requestAnimationFrame(tick);
    }
    function tick(now) {
      if (!playing || !box.isConnected) return;
      const index = Math.floor((Math.max(now - since, 0) / 1000) * fps) % (last + 1);
      if (index !== at) show(index);
      requestAnimationFrame(tick);
    }
    show(0);
    run(playing);
    pause.focus();
  }

  function differing(asked, clips) {
    // What sets a clip apart from the other, else its seed.
    const [one, other] = clips.map((clip) => clip.one.request);
    const keys = ["system", "seed", "steps", "guidance", "sampler", "negative", "frames", "fps"];
    const apart = keys.filter((key) => one[key] !== other[key]).map((key) => `${key} ${asked[key] || "none"}`);
    const alike = one.system === other.system; // else every knob differs, which says nothing
    for (const key of new Set(!alike ? [] : [...Object.keys(one.settings), ...Object.keys(other.settings)]))
      if (one.settings[key] !== other.settings[key]) apart.push(`${key} ${asked.settings[key] ?? "as shipped"}`);
    return apart.join(" · ") || `seed ${asked.seed}`;
  }
})();
