// Tab Tune: what is being learned, followed over the job's events, and what was tuned before.
(() => {
  const { make, ask, job, ended, words, time } = window.studio;
  let stage = null, shelf = null, tell = () => {}, at = null;

  const button = (label, kind, act) => make("button", { type: "button", class: kind, onclick: act }, label);
  const sheet = (one) => `/v1/jobs/${one.id}/content?variant=sheet`;

  async function begin(element, trigger) {
    [stage, shelf, tell] = [element.querySelector("#tune-stage"), element.querySelector("#tuned"), trigger];
    list();
    try {
      const running = (await ask("/v1/jobs?limit=100")).data.find((one) => one.task === "tune" && !ended(one));
      if (running) follow(running.id);
    } catch {
      // the page says elsewhere that the studio doesn't answer
    }
  }

  async function follow(id) {
    if (!id) return;
    at?.stream.close();
    const screen = make("div", { class: "sheet" }, make("p", { class: "hint" }, "The first samples come after a while."));
    const bar = make("div", { class: "bar", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, make("i"));
    const line = make("span", { class: "facts" }), acts = make("span", { class: "acts" });
    const node = make("figure", { class: "tile", "data-job": id }, screen, bar, make("figcaption", {}, line, acts));
    const self = at = { id, node, screen, bar, line, acts, stream: new EventSource(`/v1/jobs/${id}/events`) };
    stage.replaceChildren(node);
    self.stream.addEventListener("job", (event) => draw(self, JSON.parse(event.data)));
    self.stream.addEventListener("preview", (event) => {
      const said = JSON.parse(event.data);
      picture(self, said.image, `Samples after ${said.step} steps`);
    });
    self.stream.addEventListener("deleted", () => {
      self.stream.close();
      node.remove();
    });
    if (innerWidth < 900) node.scrollIntoView({ block: "nearest" });
  }

  function picture(self, source, alt) {
    self.screen.replaceChildren(make("img", { src: source, alt }));
    self.node.dataset.preview = alt;
  }

  function draw(self, one) {
    self.node.dataset.state = one.state;
    self.node.dataset.step = one.step;
    self.bar.setAttribute("aria-valuenow", one.progress);
    self.bar.firstChild.style.width = `${one.progress}%`;
    self.line.textContent = one.tuned ? `Learned in ${one.step} steps · ${time(one.ended_at - one.started_at)}`
      : one.keeping && one.state === "running" ? "Ending, to keep what was learned" : words(one);
    stage.setAttribute("aria-busy", !ended(one));
    const move = (what) => () => ask(`/v1/jobs/${one.id}/${what}`, { method: "POST" }).then((now) => draw(self, now)).catch(() => {});
    const acts = [];
    if (one.state === "running" && one.step && !one.keeping) acts.push(button("Stop and keep", "solid", move("keep")));
    if (["queued", "running"].includes(one.state)) acts.push(button("Cancel", "act", move("cancel")));
    if (one.tuned) acts.push(button("Make with it", "solid", () => tell("select", { system: one.tuned })));
    const labels = acts.map((act) => act.textContent).join();
    if (labels !== self.labels) self.acts.replaceChildren(...acts); // else a press could miss its button
    self.labels = labels;
    if (!ended(one)) return;
    self.stream.close();
    if (one.state === "failed") self.line.setAttribute("role", "alert");
    if (one.tuned) picture(self, sheet(one), `Samples after ${one.step} steps`);
    list();
  }

  async function list() {
    let tuned;
    try {
      tuned = (await ask("/v1/systems")).data.filter((one) => one.tuned);
    } catch {
      return;
    }
    const cards = tuned.map((one) => make("li", { class: "card", "data-system": one.name },
      make("img", { class: "samples", src: sheet({ id: one.tuned.job }), alt: "", loading: "lazy" }),
      make("span", { class: "prompt" }, one.tuned.prompt),
      make("div", { class: "line" }, make("span", { class: "facts" }, `${one.tuned.frames} frames · ${one.tuned.steps} steps`)),
      make("div", { class: "acts" }, button("Make with it", "act", () => tell("select", { system: one.name })), ...erase(one.tuned.job))));
    shelf.replaceChildren(...(cards.length ? [make("p", { class: "label" }, "Tuned so far"), make("ul", { class: "cards" }, ...cards)] : []));
  }

  function erase(id) {
    const sure = button("Delete for good", "act danger", async () => {
      await ask(`/v1/jobs/${id}`, { method: "DELETE" }).catch(() => {});
      if (at?.id === id) at.node.remove();
      list();
    });
    sure.hidden = true;
    const first = button("Delete", "act", () => {
      [first.hidden, sure.hidden] = [true, false];
      sure.focus();
    });
    return [first, sure];
  }

  window.studio.tune = { begin, follow };
})();
