"use strict";
// A viewer: pictures over one another, a divider between two of them, zoom and pan.
function viewer(root) {
  const view = root.querySelector(".view"), stage = root.querySelector(".stage");
  const divider = root.querySelector(".divider");
  const width = Number(root.dataset.width), height = Number(root.dataset.height);
  const after = stage.querySelector('[data-name="after"]');
  const others = [...stage.querySelectorAll('img:not([data-name="after"])')];
  let left = root.querySelector("[data-left]")?.dataset.left;
  let share = 0.5, zoom = 0, x = width / 2, y = height / 2;  // zoom 0 fits; x, y: the centre

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const shifted = (room, size, centre) =>
    size <= room ? (room - size) / 2 : clamp(room / 2 - centre, room - size, 0);
  const place = () => {
    const across = view.clientWidth, down = view.clientHeight, scale = zoom || across / width;
    const dx = zoom ? shifted(across, width * scale, x * scale) : 0;
    const dy = zoom ? shifted(down, height * scale, y * scale) : 0;
    return { across, down, scale, dx, dy };
  };

  function draw() {
    const { across, scale, dx, dy } = place();
    stage.style.width = `${width * scale}px`;
    stage.style.height = `${height * scale}px`;
    stage.style.transform = `translate(${dx}px, ${dy}px)`;
    stage.classList.toggle("sharp", scale >= 2);
    view.classList.toggle("near", zoom > 0);
    if (!divider) return;
    const difference = stage.classList.contains("difference");
    const cut = clamp(share * across - dx, 0, width * scale);
    after.style.clipPath = difference ? "none" : `inset(0 0 0 ${cut}px)`;
    for (const image of others) {
      image.hidden = image.dataset.name !== left;
      image.style.clipPath = difference ? "none" : `inset(0 ${width * scale - cut}px 0 0)`;
    }
    const percent = Math.round(share * 100);
    divider.style.left = `${share * 100}%`;
    divider.setAttribute("aria-valuenow", percent);
    const shown = others.find((image) => !image.hidden)?.dataset.title;
    divider.setAttribute("aria-valuetext", `${percent} % ${shown}, ${100 - percent} % ${after.dataset.title}`);
    divider.setAttribute("aria-label", `Divider: ${shown} to its left, ${after.dataset.title} to its right`);
    root.querySelector(".tag.left").textContent = shown;
    root.querySelector(".tag.left").style.opacity = share > 0.15 ? 1 : 0;
    root.querySelector(".tag.right").style.opacity = share < 0.85 ? 1 : 0;
  }
  const pressed = (name, value) => {
    for (const button of root.querySelectorAll(`[data-${name}]`))
      button.setAttribute("aria-pressed", button.dataset[name] === value);
  };
  function slide(value) { share = clamp(value, 0, 1); draw(); }
  function enlarge(value) { zoom = value; pressed("zoom", String(value)); draw(); }
  function pan(dx, dy) {  // in pixels of the screen, from what is seen now
    const { across, down, scale, ...now } = place();
    const middle = (room, size, at, shift, old) =>
      size <= room ? old : room / 2 - clamp(at + shift, room - size, 0);
    x = middle(across, width * scale, now.dx, dx, x * scale) / scale;
    y = middle(down, height * scale, now.dy, dy, y * scale) / scale;
    draw();
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { zoom: nearer, left: other, difference } = button.dataset;
    if (nearer !== undefined) enlarge(Number(nearer));
    if (other !== undefined) { left = other; pressed("left", other); draw(); }
    if (difference !== undefined) {
      const on = stage.classList.toggle("difference");
      root.classList.toggle("difference-on", on);
      button.setAttribute("aria-pressed", on);
      draw();
    }
  });

  let from = null;  // where a drag began
  view.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const grip = Boolean(divider) && event.target === divider;
    from = { x: event.clientX, y: event.clientY, grip, moved: false };
    view.setPointerCapture(event.pointerId);
  });
  view.addEventListener("pointermove", (event) => {
    if (!from) return;
    const dx = event.clientX - from.x, dy = event.clientY - from.y;
    if (!from.moved && Math.hypot(dx, dy) < 4) return;
    from.moved = true;
    if (zoom && !from.grip) {
      pan(dx, dy);
      from.x = event.clientX; from.y = event.clientY;
    } else if (divider) {
      const box = view.getBoundingClientRect();
      slide((event.clientX - box.left) / box.width);
    }
  });
  view.addEventListener("pointerup", (event) => {
    const was = from;
    from = null;
    if (!was || was.moved) return;
    if (was.grip) { divider.focus(); return; }
    if (zoom) { enlarge(0); return; }
    const box = view.getBoundingClientRect(), fit = place().scale;
    x = (event.clientX - box.left) / fit;
    y = (event.clientY - box.top) / fit;
    enlarge([1, 2, 4].find((step) => step > fit * 1.05) || 4);
  });
  view.addEventListener("pointercancel", () => { from = null; });

  const steps = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1 };
  divider?.addEventListener("keydown", (event) => {
    if (event.key in steps) slide(share + steps[event.key]);
    else if (event.key === "Home") slide(0);
    else if (event.key === "End") slide(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const moves = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] };
  view.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") enlarge(Math.min(zoom * 2 || 1, 4));
    else if (event.key === "-") enlarge(zoom > 1 ? zoom / 2 : 0);
    else if (event.key === "0") enlarge(0);
    else if (zoom && event.key in moves) pan(...moves[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  new ResizeObserver(draw).observe(view);
  draw();
}

// Many pictures: a grid, of which one at a time opens.
function gallery(grid) {
  const dialog = document.querySelector("dialog"), inside = dialog.querySelector(".inside");
  const items = [...grid.children];
  let at = -1;
  const isShown = (item) => !item.hidden && item.querySelector("template").content.childElementCount;
  function open(index) {
    at = index;
    inside.replaceChildren(items[at].querySelector("template").content.cloneNode(true));
    if (!dialog.open) dialog.showModal();
    inside.querySelectorAll(".viewer").forEach(viewer);
    dialog.scrollTop = 0;
    history.replaceState(null, "", `#${items[at].id}`);
  }
  function step(by) {
    for (let index = at + by; index >= 0 && index < items.length; index += by)
      if (isShown(items[index])) { open(index); return; }
  }
  grid.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item && event.target.closest(".open") && isShown(item)) open(items.indexOf(item));
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    const button = event.target.closest("[data-step]");
    if (button) step(Number(button.dataset.step));
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", () => {
    inside.replaceChildren();
    history.replaceState(null, "", " ");
    items[at]?.querySelector(".open").focus();
  });
  const choices = [...document.querySelectorAll("[data-show]")];
  for (const button of choices)
    button.addEventListener("click", () => {
      for (const one of choices) one.setAttribute("aria-pressed", one === button);
      for (const item of items) item.hidden = Boolean(button.dataset.show) && item.dataset.status !== button.dataset.show;
    });
  const linked = items.findIndex((item) => `#${item.id}` === location.hash);
  if (linked >= 0 && isShown(items[linked])) open(linked);
}

document.querySelectorAll("main > article .viewer").forEach(viewer);
document.querySelectorAll(".grid").forEach(gallery);
