// The pad of a stroke: pointer -> ordered points -> the field, and what is typed there -> the pad.
(() => {
  const SVG = "http://www.w3.org/2000/svg";

  function parse(text) {
    const points = text.split(";").filter((pair) => pair.trim()).map((pair) => pair.split(",").map(Number));
    return points.every((point) => point.length === 2 && point.every(Number.isFinite)) ? points : null;
  }

  studio.pad = (element, field) => {
    const pad = element.querySelector("svg.pad"), line = pad.querySelector("polyline"), dots = pad.querySelector("g");
    const { width, height } = pad.viewBox.baseVal;
    const near = width / 48;
    let points = [], drawing = false;

    function draw() {
      line.setAttribute("points", points.map((point) => point.join(",")).join(" "));
      dots.replaceChildren(...[points[0], points.at(-1)].filter(Boolean).map(([x, y], index) => {
        const dot = document.createElementNS(SVG, "circle");
        for (const [name, value] of Object.entries({ cx: x, cy: y, r: width / 40, class: index ? "to" : "from" })) dot.setAttribute(name, value);
        return dot;
      }));
    }
    function place(event) {
      const box = pad.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * width, y = ((event.clientY - box.top) / box.height) * height;
      return [Math.round(Math.min(Math.max(x, 0), width)), Math.round(Math.min(Math.max(y, 0), height))];
    }
    function say() {
      const input = document.querySelector(`#${field} textarea, #${field} input`);
      if (!input) return;
      input.value = points.map((point) => point.join(",")).join(";");
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }

    pad.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      pad.setPointerCapture(event.pointerId);
      [drawing, points] = [true, [place(event)]];
      draw();
    });
    pad.addEventListener("pointermove", (event) => {
      if (!drawing) return;
      const next = place(event), before = points.at(-1);
      if (Math.hypot(next[0] - before[0], next[1] - before[1]) < near) return;
      points.push(next);
      draw();
    });
    for (const end of ["pointerup", "pointercancel"])
      pad.addEventListener(end, () => {
        if (!drawing) return;
        drawing = false;
        if (points.length < 2) points = [];
        draw();
        say();
      });
    document.addEventListener("input", (event) => {
      if (!event.target.closest?.(`#${field}`)) return;
      const typed = parse(event.target.value);
      if (typed) points = typed;
      draw();
    });
  };
})();
