// What the tabs share, and tab Make: jobs are followed over the service's event streams.
window.studio = (() => {
  const REMEMBERED = "mutoscope.run", THEME = "mutoscope.theme", STREAMS = 2;
  const ENDED = ["completed", "failed", "cancelled"];
  const GONE = "The studio doesn't answer; see whether its command is still running.";

  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name === "class") node.className = value;
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  async function ask(path, options) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error(GONE);
    }
    if (!answer.ok) {
      const body = await answer.json().catch(() => null);
      throw new Error(body?.error?.message ?? `The studio answered ${answer.status}.`);
    }
    return answer.json();
  }

  const job = (id) => ask(`/v1/jobs/${id}`);
  const file = (id, variant) => `/v1/jobs/${id}/content?variant=${variant}`;
  const ended = (one) => ENDED.includes(one.state);
  const still = (one) => (one.files?.video ?? "").startsWith("image/");
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  function name(one) {
    const words = one.request.prompt.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60);
    const plain = words.replace(/^-|-$/g, "") || one.request.system;
    return `${plain}-${one.request.seed}.${still(one) ? "png" : "mp4"}`;
  }

  function shown(one) {
    const source = file(one.id, "video"), what = one.request.prompt;
    if (still(one)) return make("img", { src: source, alt: what });
    const video = make("video", {
      src: source, loop: true, autoplay: !calm(), playsinline: true, controls: true,
      preload: "auto", "aria-label": what, poster: file(one.id, "thumbnail"),
    });
    video.muted = true; // the attribute alone doesn't allow playing by itself
    return video;
  }

  const download = (one) =>
    make("a", { class: "act", href: file(one.id, "video"), download: name(one) }, "Download");

  function note(sentence, kind = "error") {
    const place = document.querySelector("#note .said") ?? document.getElementById("note");
    if (!place) return;
    place.replaceChildren(
      sentence ? make("p", { class: kind, role: kind === "error" ? "alert" : "status" }, sentence) : "",
    );
  }

  // The stage of tab Make

  let stage = null, tiles = [];

  function words(one) {
    const left = one.eta === null || one.eta === undefined ? "" : ` · ${time(one.eta)} to go`;
    if (one.state === "queued") return one.position > 1 ? `Waiting, number ${one.position} in line` : "Next in line";
    if (one.state === "running") return one.step ? `Step ${one.step} of ${one.steps}${left}` : "Starting";
    if (one.state === "cancelling") return "Stopping";
    if (one.state === "cancelled") return "Cancelled";
    if (one.state === "failed") return one.error?.message ?? "It failed";
    const took = one.started_at && one.ended_at ? ` · made in ${time(one.ended_at - one.started_at)}` : "";
    return `Seed ${one.request.seed}${took}`;
  }

  function time(seconds) {
    if (seconds < 10) return `${Math.max(seconds, 0.1).toFixed(1)} s`;
    return seconds < 100 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
  }

  function tile(one) {
    const [width, height] = one.request.size;
    const screen = make("div", { class: "screen", style: `aspect-ratio:${width}/${height}` });
    const bar = make("div", { class: "bar", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, make("i"));
    const line = make("span", { class: "facts" }), acts = make("span", { class: "acts" });
    const node = make("figure", { class: "tile", "data-job": one.id }, screen, bar, make("figcaption", {}, line, acts));
    const self = { job: one, node, screen, bar, line, acts, stream: null };
    draw(self, one);
    return self;
  }

  function draw(self, one) {
    const before = self.drawn;
    self.job = one;
    self.drawn = one.state;
    self.node.dataset.state = one.state;
    self.node.dataset.step = one.step;
    self.line.textContent = words(one);
    self.bar.setAttribute("aria-valuenow", one.progress);
    self.bar.firstChild.style.width = `${one.progress}%`;
    if (before === one.state) return;
    if (one.state === "completed") {
      self.screen.replaceChildren(shown(one));
      self.acts.replaceChildren(
        download(one),
        make("button", { type: "button", class: "act", onclick: () => studio.details(one.id) }, "Details"),
      );
    } else if (ended(one)) {
      if (one.state === "failed") self.line.setAttribute("role", "alert");
      if (!self.screen.querySelector("img")) self.screen.replaceChildren(make("span", { class: "blank" }, one.state));
    } else if (!self.screen.firstChild) self.screen.replaceChildren(make("span", { class: "blank wait" }));
    busy();
  }

  function preview(self, step, image) {
    if (ended(self.job)) return;
    let picture = self.screen.querySelector("img");
    if (!picture) {
      picture = make("img", { class: "preview" });
      self.screen.replaceChildren(picture);
    }
    picture.alt = `Preview after step ${step}`;
    picture.src = image;
    self.node.dataset.preview = step;
  }

  function listen(self) {
    const stream = new EventSource(`/v1/jobs/${self.job.id}/events`);
    self.stream = stream;
    stream.addEventListener("job", (event) => {
      if (self.lost) note((self.lost = ""));
      const one = JSON.parse(event.data);
      if (ended(one)) close(self);
      draw(self, one);
      if (ended(one)) follow();
    });
    stream.addEventListener("preview", (event) => {
      const said = JSON.parse(event.data);
      preview(self, said.step, said.image);
    });
    stream.addEventListener("deleted", () => {
      close(self);
      self.node.remove();
      tiles = tiles.filter((other) => other !== self);
      lay();
      follow();
    });
    stream.addEventListener("error", () => {
      if (self.stream === stream) note((self.lost = GONE));
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => self.stream === stream && listen(self), 2000);
    });
  }

  function close(self) {
    self.stream?.close();
    self.stream = null;
  }

  async function follow() {
    // A browser has six connections to a server: what runs is heard, what waits is asked for.
    const open = tiles.filter((self) => self.stream).length;
    const waiting = tiles.filter((self) => !self.stream && !ended(self.job));
    waiting.slice(0, STREAMS - open).forEach(listen);
    for (const self of waiting.slice(Math.max(STREAMS - open, 0))) {
      try {
        draw(self, await job(self.job.id));
      } catch (error) {
        note(error.message);
      }
    }
  }

  function busy() {
    const at = tiles.some((self) => !ended(self.job));
    document.body.classList.toggle("busy", at);
    if (stage) stage.setAttribute("aria-busy", at);
  }

  function lay() {
    if (!stage) return;
    stage.dataset.count = tiles.length;
    if (tiles.length) stage.replaceChildren(...tiles.map((self) => self.node));
    else stage.replaceChildren(document.getElementById("blank").content.cloneNode(true));
    busy();
  }

  function put(jobs) {
    tiles.forEach(close);
    tiles = jobs.map(tile);
    lay();
    follow();
  }

  async function show(ids) {
    const list = typeof ids === "string" ? JSON.parse(ids || "[]") : ids;
    if (!list.length) return;
    remember(list);
    try {
      put(await Promise.all(list.map(job)));
      if (innerWidth < 900) stage.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
    } catch (error) {
      note(error.message);
    }
  }

  function remember(list) {
    try {
      localStorage.setItem(REMEMBERED, JSON.stringify(list));
    } catch {
      // a browser that keeps nothing shows what runs all the same
    }
  }

  function remembered() {
    try {
      return JSON.parse(localStorage.getItem(REMEMBERED) ?? "[]");
    } catch {
      return [];
    }
  }

  async function back() {
    // After loading the page: what was last made here, else whatever runs.
    try {
      const known = (await ask("/v1/jobs?limit=100")).data.filter((one) => one.task === "make");
      const last = remembered(), mine = known.filter((one) => last.includes(one.id)).reverse();
      const running = known.filter((one) => !ended(one)).reverse();
      const first = mine.some((one) => !ended(one)) || !running.length ? mine : running;
      put(first.slice(0, 9));
    } catch (error) {
      note(error.message);
    }
  }

  async function cancel() {
    for (const self of tiles.filter((one) => !ended(one.job)).reverse()) {
      try {
        draw(self, await ask(`/v1/jobs/${self.job.id}/cancel`, { method: "POST" }));
      } catch {
        // it has ended meanwhile: its stream says how
      }
      close(self);
    }
    follow();
  }

  function begin(element) {
    stage = element.querySelector("#stage");
    back();
  }

  // Keys and colours

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("#prompt textarea");
    const plain = typing && !event.shiftKey && !event.isComposing;
    if (event.key === "Enter" && (plain || event.ctrlKey || event.metaKey) && onMake()) {
      event.preventDefault();
      event.stopPropagation();
      document.getElementById("make")?.click();
    }
    if (event.key === "Escape" && document.body.classList.contains("busy") && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      cancel();
    }
  }, true);

  const onMake = () => Boolean(document.getElementById("make")?.offsetParent);

  function dark(wanted) {
    document.body.classList.toggle("dark", wanted);
    document.querySelector("#theme")?.setAttribute("aria-pressed", wanted);
  }

  function colours(element) {
    const said = localStorage.getItem(THEME);
    dark(said ? said === "dark" : document.body.classList.contains("dark") || matchMedia("(prefers-color-scheme: dark)").matches);
    element.querySelector("#theme").addEventListener("click", () => {
      const now = !document.body.classList.contains("dark");
      localStorage.setItem(THEME, now ? "dark" : "light");
      dark(now);
    });
  }

  return { make, ask, job, file, ended, still, calm, shown, download, note, time, words, show, cancel, begin, colours, last: () => remembered()[0] ?? "" };
})();
