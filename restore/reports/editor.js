"use strict";
// A mask editor. The mask is one byte a pixel of the picture, painted and saved by this script alone:
// a canvas would blur edges, has a largest size, and some browsers change what is read from it.
function editor(root) {
  const view = root.querySelector(".canvas");
  const pen = view.getContext("2d"), picture = root.querySelector("img");
  const width = Number(root.dataset.width), height = Number(root.dataset.height);
  const found = root.dataset.runs, fileName = root.dataset.file;
  const status = root.querySelector("[role=status]"), slider = root.querySelector("[data-size]");
  const UNDO_BYTES = 64e6, NEAREST = 32, MARK = [255, 45, 85, 150];  // the colour of what is marked

  let mask = readRuns(found);
  let count = mask.reduce((sum, value) => sum + value, 0);  // pixels that are marked
  let tool = "brush", size = 1, hidden = false, unsaved = false;
  let scale = 1, x = width / 2, y = height / 2, fitting = true;  // what is seen: its scale and centre
  let cursor = null, spot = { x: width / 2, y: height / 2 };  // of the pointer, of the keyboard
  const past = [], future = [], fingers = new Map();
  let stroke = null, pinch = null, drag = null, held = false, frame = 0;

  const overlay = document.createElement("canvas"), veil = overlay.getContext("2d");
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // The mask

  function readRuns(text) {  // lengths of runs in base 36, black and white in turn
    const all = new Uint8Array(width * height);
    let at = 0, value = 0;
    for (const run of text ? text.split(" ") : []) {
      const end = at + parseInt(run, 36);
      if (value) all.fill(1, at, end);
      at = end; value = 1 - value;
    }
    return all;
  }
  function paint(from, to) {  // a line as wide as the brush, its ends at pixels' centres
    const value = stroke.value;
    const [ax, ay, bx, by] = [from.x, from.y, to.x, to.y].map((v) => Math.floor(v) + 0.5);
    const radius = size / 2, dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
    const left = clamp(Math.floor(Math.min(ax, bx) - radius), 0, width);
    const right = clamp(Math.ceil(Math.max(ax, bx) + radius), 0, width);
    const top = clamp(Math.floor(Math.min(ay, by) - radius), 0, height);
    const bottom = clamp(Math.ceil(Math.max(ay, by) + radius), 0, height);
    stroke.keep(top, bottom);
    for (let row = top; row < bottom; row++)
      for (let column = left; column < right; column++) {
        const px = column + 0.5 - ax, py = row + 0.5 - ay;
        const along = length ? clamp((px * dx + py * dy) / length, 0, 1) : 0;
        const ex = px - along * dx, ey = py - along * dy, at = row * width + column;
        if (ex * ex + ey * ey <= radius * radius && mask[at] !== value) {
          mask[at] = value; count += value ? 1 : -1;
        }
      }
    drawVeil(left, top, right, bottom);
  }
  class Change {  // what a stroke changes: its rows as they were, eight pixels a byte
    constructor(value, last) { this.value = value; this.last = last; this.rows = new Map(); }
    keep(top, bottom) {  // each row when it is first touched
      for (let row = top; row < bottom; row++)
        if (!this.rows.has(row)) this.rows.set(row, pack(row));
    }
    get bytes() { return this.rows.size * Math.ceil(width / 8); }
    swap() {  // the mask as it was, for what it is
      for (const [row, bits] of this.rows) {
        this.rows.set(row, pack(row));
        for (let column = 0; column < width; column++) {
          const at = row * width + column, value = (bits[column >> 3] >> (column & 7)) & 1;
          count += value - mask[at]; mask[at] = value;
        }
      }
    }
  }
  function pack(row) {
    const bits = new Uint8Array(Math.ceil(width / 8));
    for (let column = 0; column < width; column++)
      if (mask[row * width + column]) bits[column >> 3] |= 1 << (column & 7);
    return bits;
  }
  function begin(value, last) { finish(); stroke = new Change(value, last); }
  function finish() {
    if (!stroke) return;
    if (stroke.rows.size) { past.push(stroke); future.length = 0; unsaved = true; }
    stroke = null;
    while (past.length > 1 && past.reduce((sum, one) => sum + one.bytes, 0) > UNDO_BYTES) past.shift();
    tell();
  }
  function abandon() { if (stroke) { stroke.swap(); stroke = null; redraw(); } }
  function step(from, to) {
    finish();
    const change = from.pop();
    if (!change) return;
    change.swap(); to.push(change); unsaved = true;
    redraw(); tell();
  }
  function setAll(make) {  // as one stroke
    begin(); stroke.keep(0, height);
    mask = make(); count = mask.reduce((sum, value) => sum + value, 0);
    finish(); redraw();
  }

  // What is seen

  const ratio = () => window.devicePixelRatio || 1;
  const corner = () => ({ left: x - view.clientWidth / 2 / scale, top: y - view.clientHeight / 2 / scale });
  function toPicture(event) {
    const box = view.getBoundingClientRect(), { left, top } = corner();
    return { x: left + (event.clientX - box.left) / scale, y: top + (event.clientY - box.top) / scale };
  }
  const fitted = () => Math.min(view.clientWidth / width, view.clientHeight / height, NEAREST);
  function zoomTo(value, at = { x, y }) {  // the point `at` of the picture stays where it is
    const before = scale;
    fitting = false;
    scale = clamp(value, Math.min(fitted(), 1), NEAREST);
    x = clamp(at.x + (x - at.x) * before / scale, 0, width);
    y = clamp(at.y + (y - at.y) * before / scale, 0, height);
    redraw(); tell();
  }
  function fit() { fitting = true; scale = fitted(); x = width / 2; y = height / 2; redraw(); tell(); }
  function move(dx, dy) {  // in pixels of the screen
    fitting = false;
    x = clamp(x - dx / scale, 0, width); y = clamp(y - dy / scale, 0, height);
    redraw();
  }
  function redraw() { drawVeil(0, 0, width, height); }
  function drawVeil(left, top, right, bottom) {  // the marks over a box of the picture
    const near = scale * ratio(), from = corner();
    const place = (value, start, most) => clamp((value - start) * near, 0, most);
    const x0 = Math.floor(place(left, from.left, overlay.width)), y0 = Math.floor(place(top, from.top, overlay.height));
    const x1 = Math.ceil(place(right, from.left, overlay.width)), y1 = Math.ceil(place(bottom, from.top, overlay.height));
    if (x1 > x0 && y1 > y0) {
      const shown = veil.createImageData(x1 - x0, y1 - y0), samples = Math.min(4, Math.ceil(1 / near));
      const columns = lookup(x0, x1, from.left, near, samples, width), rows = lookup(y0, y1, from.top, near, samples, height);
      const colour = new Uint32Array(shown.data.buffer), mark = new Uint32Array(new Uint8Array(MARK).buffer)[0];
      for (let v = 0, at = 0; v < rows.length; v += samples)
        for (let u = 0; u < columns.length; u += samples, at++)
          if (anyMarked(rows, v, columns, u, samples)) colour[at] = mark;
      veil.putImageData(shown, x0, y0);
    }
    frame = frame || requestAnimationFrame(draw);
  }
  function lookup(from, to, start, near, samples, most) {  // pixels of the picture under those of the screen
    const all = new Int32Array((to - from) * samples);
    for (let n = 0; n < all.length; n++) {
      const value = Math.floor(start + (from + (n + 0.5) / samples) / near);
      all[n] = value >= 0 && value < most ? value : -1;
    }
    return all;
  }
  function anyMarked(rows, v, columns, u, samples) {
    for (let j = v; j < v + samples; j++)
      for (let i = u; i < u + samples; i++)
        if (rows[j] >= 0 && columns[i] >= 0 && mask[rows[j] * width + columns[i]]) return true;
    return false;
  }
  function draw() {
    frame = 0;
    const near = scale * ratio(), { left, top } = corner();
    pen.clearRect(0, 0, view.width, view.height);
    pen.imageSmoothingEnabled = near < 2;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, -left * near, -top * near, width * near, height * near);
    if (!hidden) pen.drawImage(overlay, 0, 0);
    const at = cursor || (document.activeElement === view ? spot : null);
    if (at && tool !== "move") ring((at.x - left) * near, (at.y - top) * near, Math.max(size / 2 * near, 2));
  }
  function ring(across, down, radius) {
    for (const [line, colour] of [[3, "#000c"], [1.2, "#fff"]]) {
      pen.lineWidth = line * ratio(); pen.strokeStyle = colour;
      pen.beginPath(); pen.arc(across, down, radius, 0, 2 * Math.PI);
      pen.moveTo(across - 2, down); pen.lineTo(across + 2, down);
      pen.moveTo(across, down - 2); pen.lineTo(across, down + 2);
      pen.stroke();
    }
  }
  function tell(words) {
    const share = 100 * count / (width * height);
    const marked = !count ? "nothing marked yet" : share < 0.01 ? "under 0.01 % marked" : `${share.toFixed(share < 1 ? 2 : 1)} % marked`;
    status.textContent = words || `${width}×${height} pixels, ${marked}, zoom ${Math.round(100 * scale)} %`;
    root.querySelector("[data-do=undo]").disabled = !past.length;
    root.querySelector("[data-do=redo]").disabled = !future.length;
    root.querySelector("[data-do=save]").disabled = !count;
  }
  function choose(name) {
    tool = name;
    for (const button of root.querySelectorAll("[data-tool]"))
      button.setAttribute("aria-pressed", String(button.dataset.tool === name));
    view.dataset.tool = name;
    redraw();
  }
  function resize(value) {
    size = clamp(Math.round(value), 1, Number(root.dataset.largest));
    slider.value = String(Math.round(100 * Math.log(size) / Math.log(Math.max(Number(root.dataset.largest), 2))));
    root.querySelector("output").textContent = `${size} px`;
    slider.setAttribute("aria-valuetext", `${size} pixels`);
    redraw();
  }

  // The file: a PNG of 8-bit grey, 0 and 255

  async function save() {
    if (!count) { tell("Nothing is marked yet: paint what is to be restored."); return; }
    if (count === width * height) { tell("All is marked: leave something to restore the rest from."); return; }
    const lines = new Uint8Array((width + 1) * height);  // each begins with its filter, 0: none
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++)
        lines[row * (width + 1) + 1 + column] = mask[row * width + column] ? 255 : 0;
    const header = new Uint8Array(13), sides = new DataView(header.buffer);
    sides.setUint32(0, width); sides.setUint32(4, height); header[8] = 8;
    const parts = [new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", header),
      chunk("IDAT", await deflate(lines)), chunk("IEND", new Uint8Array(0))];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(parts, { type: "image/png" }));
    link.download = fileName;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60e3);
    unsaved = false;
    tell(`Saved as ${fileName}: white is what will be restored.`);
  }
  function chunk(name, data) {
    const whole = new Uint8Array(data.length + 12), number = new DataView(whole.buffer);
    number.setUint32(0, data.length);
    whole.set(new TextEncoder().encode(name), 4); whole.set(data, 8);
    number.setUint32(data.length + 8, crc(whole.subarray(4, data.length + 8)));
    return whole;
  }
  const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  function crc(data) {
    let value = 0xffffffff;
    for (const byte of data) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
    return (value ^ 0xffffffff) >>> 0;
  }
  async function deflate(data) {
    if (!window.CompressionStream) return store(data);
    const stream = new Blob([data]).stream().pipeThrough(new CompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  function store(data) {  // as zlib does without compressing, for browsers that cannot
    const blocks = Math.max(1, Math.ceil(data.length / 65535)), all = new Uint8Array(data.length + 5 * blocks + 6);
    all.set([0x78, 0x01]);
    for (let n = 0, at = 2; n < blocks; n++) {
      const part = data.subarray(n * 65535, (n + 1) * 65535), long = part.length;
      all.set([n === blocks - 1 ? 1 : 0, long & 255, long >> 8, ~long & 255, (~long >> 8) & 255], at);
      all.set(part, at + 5); at += 5 + long;
    }
    let a = 1, b = 0;
    for (const byte of data) { a = (a + byte) % 65521; b = (b + a) % 65521; }
    new DataView(all.buffer).setUint32(all.length - 4, ((b << 16) | a) >>> 0);
    return all;
  }

  // Mouse, pen and fingers

  const erases = (event) => tool === "eraser" || event.button === 2 || event.button === 5;
  view.addEventListener("contextmenu", (event) => event.preventDefault());
  view.addEventListener("pointerdown", (event) => {
    view.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    cursor = event.pointerType === "touch" ? null : toPicture(event);
    if (fingers.size === 2) {  // two fingers zoom and move, and what the first painted was not meant
      abandon(); drag = null; pinch = spread();
    } else if (fingers.size === 1 && (tool === "move" || event.button === 1)) {
      drag = { x: event.clientX, y: event.clientY };
    } else if (fingers.size === 1) {
      begin(erases(event) ? 0 : 1, toPicture(event));
      paint(stroke.last, stroke.last);
    }
  });
  view.addEventListener("pointermove", (event) => {
    cursor = event.pointerType === "touch" ? null : toPicture(event);
    if (!fingers.has(event.pointerId)) { frame = frame || requestAnimationFrame(draw); return; }
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pinch) {
      const now = spread();
      move(now.x - pinch.x, now.y - pinch.y);
      zoomTo(scale * now.apart / pinch.apart, toPicture({ clientX: now.x, clientY: now.y }));
      pinch = now;
    } else if (drag) {
      move(event.clientX - drag.x, event.clientY - drag.y);
      drag = { x: event.clientX, y: event.clientY };
    } else if (stroke) {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) {
        const to = toPicture(one);
        paint(stroke.last, to);
        stroke.last = to;
      }
    }
  });
  function lift(event) {
    if (!fingers.delete(event.pointerId)) return;
    if (event.type === "pointercancel") abandon();
    if (stroke) spot = stroke.last;
    finish();
    if (fingers.size < 2) pinch = null;
    drag = null;
  }
  for (const name of ["pointerup", "pointercancel"]) view.addEventListener(name, lift);
  view.addEventListener("pointerleave", () => { cursor = null; frame = frame || requestAnimationFrame(draw); });
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(scale * Math.exp(-clamp(event.deltaY, -200, 200) / 300), toPicture(event));
  }, { passive: false });
  function spread() {
    const [a, b] = [...fingers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
  }

  // Keys and buttons

  const deeds = {
    undo: () => step(past, future),
    redo: () => step(future, past),
    nearer: () => zoomTo(scale * 1.5),
    farther: () => zoomTo(scale / 1.5),
    fit,
    exact: () => zoomTo(1 / ratio()),
    clear: () => setAll(() => new Uint8Array(width * height)),
    found: () => setAll(() => readRuns(found)),
    hide: () => {
      hidden = !hidden;
      root.querySelector("[data-do=hide]").setAttribute("aria-pressed", String(hidden));
      redraw();
    },
    save,
  };
  const keys = {
    b: () => choose("brush"), e: () => choose("eraser"), m: () => choose("move"),
    "[": () => resize(Math.min(size - 1, size / 1.25)), "]": () => resize(Math.max(size + 1, size * 1.25)),
    "+": deeds.nearer, "=": deeds.nearer, "-": deeds.farther, 0: deeds.fit, 1: deeds.exact,
    h: deeds.hide, s: deeds.save, u: deeds.undo,
  };
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.tool) choose(button.dataset.tool);
    if (button?.dataset.do) deeds[button.dataset.do]();
  });
  slider.addEventListener("input", () => resize(Math.exp(slider.value / 100 * Math.log(Number(root.dataset.largest)))));
  addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      const deed = key === "z" ? (event.shiftKey ? "redo" : "undo") : { y: "redo", s: "save" }[key];
      if (deed) { event.preventDefault(); deeds[deed](); }
    } else if (!event.altKey && key in keys) {
      event.preventDefault(); keys[key]();
    }
  });
  view.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      event.preventDefault();
      if (held || tool === "move") return;
      held = true; cursor = null;
      begin(tool === "eraser" ? 0 : 1, spot);
      paint(spot, spot);
    } else if (event.key in arrows) {
      event.preventDefault();
      const [across, down] = arrows[event.key], by = event.shiftKey ? 1 : Math.max(1, Math.round(size / 2));
      if (tool === "move") { move(-80 * across, -80 * down); return; }
      const before = spot;
      spot = { x: clamp(spot.x + across * by, 0, width - 1), y: clamp(spot.y + down * by, 0, height - 1) };
      cursor = null;
      if (held) paint(before, spot);
      follow();
    }
  });
  view.addEventListener("keyup", (event) => { if (event.key === " ") letGo(); });
  view.addEventListener("blur", letGo);
  view.addEventListener("focus", redraw);
  function letGo() { if (held) { held = false; finish(); } redraw(); }
  function follow() {  // keep the keyboard's place in sight
    const { left, top } = corner(), across = view.clientWidth / scale, down = view.clientHeight / scale;
    if (spot.x < left || spot.x > left + across) x = spot.x;
    if (spot.y < top || spot.y > top + down) y = spot.y;
    redraw();
  }

  onbeforeunload = (event) => { if (unsaved) event.preventDefault(); };
  new ResizeObserver(() => {
    view.width = overlay.width = Math.max(1, Math.round(view.clientWidth * ratio()));
    view.height = overlay.height = Math.max(1, Math.round(view.clientHeight * ratio()));
    if (fitting) fit(); else redraw();
  }).observe(view);
  picture.decode().then(redraw, redraw);
  choose("brush");
  resize(Number(root.dataset.start));
  fit();
}

document.querySelectorAll(".editor").forEach(editor);
