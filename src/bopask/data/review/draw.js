// The picture and its layers: vectors over the image, in its own pixels. (0, 0) is the centre of the top-left pixel.
// Knows how each task's answer is drawn (as `bopask show` draws it), how to zoom, and how points are moved, added, removed.

const GREEN = '#3ddc84', CYAN = '#38c8ff', AMBER = '#ffb300', MAGENTA = '#ff5ccd', WHITE = '#f5f7fa', DARK = '#0e1116';
const ROLES = {moved: GREEN, goal: MAGENTA, wanted: GREEN, A: CYAN, B: AMBER, C: MAGENTA};
const FACES = [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]];
const EDGES = [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]];
const FINGERS = [[1, 3, CYAN, 'L'], [2, 4, AMBER, 'R']];
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const ruler = document.createElement('canvas').getContext('2d');

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const minus = (a, b) => [a[0] - b[0], a[1] - b[1]];
const along = (a, d, t) => [a[0] + d[0] * t, a[1] + d[1] * t];
const length = d => Math.hypot(d[0], d[1]);
const unit = d => along([0, 0], d, 1 / Math.max(length(d), 1e-9));

export class Stage {
  layers = {boxes: true, answer: true, labels: true, evidence: false};
  row = null;
  points = [];

  // `moved(points)` is told of every change that a person makes. `adds`: a click on the picture sets the next point.
  constructor(element, moved) {
    this.svg = element;
    this.moved = moved;
    element.addEventListener('wheel', event => this.#wheel(event), {passive: false});
    element.addEventListener('pointerdown', event => this.#press(event));
    element.addEventListener('dblclick', event => this.#insert(event));
    new ResizeObserver(() => this.row && this.fit()).observe(element);
  }

  show(row, points, adds) {
    const same = this.row?.picture === row.picture && this.view;
    this.row = row;
    this.adds = adds;
    this.points = points.map(p => [...p]);
    this.svg.classList.toggle('pointing', Boolean(adds));
    same ? this.draw() : this.fit();
  }

  clear() {
    this.row = null;
    this.svg.replaceChildren();
  }

  // -- zoom ---------------------------------------------------------------------------------------------------------
  fit() {
    const {clientWidth: wide, clientHeight: high} = this.svg, {width, height} = this.row;
    if (!wide || !high) return;
    const px = Math.max(width / wide, height / Math.max(high - 56, 1)); // the tools keep their strip below
    this.view = {x: (width - 1) / 2 - px * wide / 2, y: -0.5 - (px * (high - 56) - height) / 2, px};
    this.draw();
  }

  zoom(factor, at = null) {
    if (!this.row) return;
    const {clientWidth: wide, clientHeight: high} = this.svg, {x, y, px} = this.view;
    const [u, v] = at ?? [x + px * wide / 2, y + px * high / 2];
    const finer = Math.min(Math.max(px / factor, 0.01), 4 * Math.max(this.row.width / wide, this.row.height / high));
    this.view = {x: u - (u - x) * finer / px, y: v - (v - y) * finer / px, px: finer};
    this.draw();
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    return [this.view.x + (event.clientX - box.left) * this.view.px, this.view.y + (event.clientY - box.top) * this.view.px];
  }

  #wheel(event) {
    if (!this.row) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), this.place(event));
  }

  // -- points -------------------------------------------------------------------------------------------------------
  #press(event) {
    if (!this.row || event.button > 1) return;
    const handle = event.target.closest?.('.handle'), index = handle ? Number(handle.dataset.index) : -1;
    const start = [event.clientX, event.clientY], {x, y} = this.view;
    const grip = handle ? minus(this.points[index], this.place(event)) : null;
    let far = false;
    const move = now => {
      const d = [now.clientX - start[0], now.clientY - start[1]];
      if (!far && length(d) < 4) return;
      far = true;
      if (handle) this.#set(index, along(this.place(now), grip, 1));
      else {
        this.svg.classList.add('panning');
        this.view = {...this.view, x: x - d[0] * this.view.px, y: y - d[1] * this.view.px};
        this.draw();
      }
    };
    const stop = now => {
      this.svg.removeEventListener('pointermove', move);
      this.svg.removeEventListener('pointerup', stop);
      this.svg.removeEventListener('pointercancel', stop);
      this.svg.classList.remove('panning');
      if (handle) this.#focus(index);
      else if (!far && now.type === 'pointerup' && this.adds) this.#add(this.place(now));
    };
    this.svg.setPointerCapture(event.pointerId);
    this.svg.addEventListener('pointermove', move);
    this.svg.addEventListener('pointerup', stop);
    this.svg.addEventListener('pointercancel', stop);
  }

  #set(index, point) {
    this.points[index] = this.#kept(point);
    this.draw();
    this.moved(this.points);
  }

  #kept([u, v]) { // on the image, to a hundredth of a pixel
    const keep = (value, size) => Math.round(Math.min(Math.max(value, -0.5), size - 0.5) * 100) / 100;
    return [keep(u, this.row.width), keep(v, this.row.height)];
  }

  #add(point) {
    const {width, height, form} = this.row;
    if (this.points.length >= form.most || point[0] < -0.5 || point[1] < -0.5 || point[0] > width - 0.5 || point[1] > height - 0.5) return;
    this.points.push(this.#kept(point));
    this.draw();
    this.moved(this.points);
  }

  #insert(event) { // between the two neighbours that it lies nearest to
    const {form} = this.row ?? {};
    if (!form || this.adds || form.kind !== 'points' || form.least === form.most || this.points.length >= form.most) return;
    if (event.target.closest?.('.handle')) return;
    const at = this.place(event);
    const detour = i => length(minus(at, this.points[i])) + length(minus(at, this.points[i + 1])) - length(minus(this.points[i], this.points[i + 1]));
    let best = this.points.length - 1;
    for (let i = 0; i + 1 < this.points.length; i++) if (best === this.points.length - 1 || detour(i) < detour(best)) best = i;
    this.points.splice(best + 1, 0, this.#kept(at));
    this.draw();
    this.moved(this.points);
  }

  remove(index = this.points.length - 1) {
    if (index < 0 || (!this.adds && (this.row.form.least === this.row.form.most || this.points.length <= this.row.form.least))) return;
    this.points.splice(index, 1);
    this.draw();
    this.moved(this.points);
  }

  #focus(index) {
    this.svg.querySelector(`.handle[data-index="${index}"]`)?.focus({preventScroll: true});
  }

  #key(event, index) {
    const step = event.shiftKey ? 10 : 1;
    const by = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]}[event.key];
    if (by) this.#set(index, along(this.points[index], by, 1));
    else if (event.key === 'Delete' || event.key === 'Backspace') this.remove(index);
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.#focus(index);
  }

  // -- layers -------------------------------------------------------------------------------------------------------
  draw() {
    const {row, view, points, layers} = this;
    if (!row || !view) return;
    const focused = document.activeElement?.dataset?.index;
    this.svg.setAttribute('viewBox', `${view.x} ${view.y} ${view.px * this.svg.clientWidth} ${view.px * this.svg.clientHeight}`);
    if (this.photo?.dataset.of !== row.picture) {
      this.photo = svg('image', {href: row.picture, x: -0.5, y: -0.5, width: row.width, height: row.height, preserveAspectRatio: 'none'});
      this.photo.dataset.of = row.picture;
    }
    this.photo.setAttribute('image-rendering', view.px < 0.2 ? 'pixelated' : 'auto');
    this.halo = svg('g', {class: 'halo'});
    this.ink = svg('g', {class: 'ink'});
    this.words = svg('g', {class: 'labels'});
    if (layers.boxes) for (const box of row.boxes ?? []) this.#box(box);
    if (layers.evidence) this.#alternatives(row);
    if (layers.answer) (this[`paint_${row.task}`] ?? this.paint_points).call(this, points, row);
    const grounds = svg('rect', {x: -0.5, y: -0.5, width: row.width, height: row.height, fill: '#2c313a'});
    const handles = layers.answer && row.form.kind === 'points' ? points.map((p, i) => this.#handle(p, i)) : [];
    this.svg.replaceChildren(grounds, this.photo, this.halo, this.ink, ...(layers.labels ? [this.words] : []), ...handles);
    if (focused !== undefined) this.#focus(focused);
  }

  #handle([u, v], i) {
    const name = this.row.form.names[i] ?? `Point ${i + 1}`;
    const handle = svg('circle', {
      class: 'handle', cx: u, cy: v, r: 11 * this.view.px, tabindex: 0, role: 'button', 'data-index': i,
      'vector-effect': 'non-scaling-stroke', 'aria-label': `${name}: ${Math.round(u)}, ${Math.round(v)}. Arrow keys move it.`,
    });
    handle.append(svg('title', {}, name));
    handle.addEventListener('keydown', event => this.#key(event, i));
    return handle;
  }

  line(points, colour, width = 2.2, dashed = false) {
    const d = points.map(p => p.join(',')).join(' ');
    const shared = {points: d, fill: 'none', 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'vector-effect': 'non-scaling-stroke',
      ...(dashed ? {'stroke-dasharray': '6 6'} : {})};
    this.halo.append(svg('polyline', {...shared, stroke: DARK, 'stroke-opacity': 0.72, 'stroke-width': width + 2.6}));
    this.ink.append(svg('polyline', {...shared, stroke: colour, 'stroke-width': width}));
  }

  fill(points, colour, opacity) {
    this.halo.append(svg('polygon', {points: points.map(p => p.join(',')).join(' '), fill: colour, 'fill-opacity': opacity}));
  }

  dot([u, v], colour, radius = 3.4) {
    this.ink.append(svg('circle', {cx: u, cy: v, r: radius * this.view.px, fill: colour, stroke: DARK, 'stroke-opacity': 0.75,
      'stroke-width': 1.4, 'vector-effect': 'non-scaling-stroke'}));
  }

  ring([u, v], colour, radius, width = 2.4) {
    const at = {cx: u, cy: v, r: radius * this.view.px, fill: 'none', 'vector-effect': 'non-scaling-stroke'};
    this.halo.append(svg('circle', {...at, stroke: DARK, 'stroke-opacity': 0.72, 'stroke-width': width + 2.4}));
    this.ink.append(svg('circle', {...at, stroke: colour, 'stroke-width': width}));
  }

  label([u, v], words, colour, away = [0, 0], size = 12.5) {
    const {px} = this.view;
    this.words.append(svg('text', {
      x: u + away[0] * px, y: v + away[1] * px, fill: colour, stroke: DARK, 'stroke-width': 3.2 * px, 'stroke-opacity': 0.9, 'paint-order': 'stroke',
      'stroke-linejoin': 'round', 'font-size': size * px, 'font-weight': 700, 'text-anchor': 'middle', 'dominant-baseline': 'central',
    }, String(words)));
  }

  number(point, value, colour, radius = 8.5) {
    const {px} = this.view;
    this.words.append(
      svg('circle', {cx: point[0], cy: point[1], r: radius * px, fill: colour, stroke: DARK, 'stroke-opacity': 0.8, 'stroke-width': 1.6, 'vector-effect': 'non-scaling-stroke'}),
      svg('text', {x: point[0], y: point[1], fill: DARK, 'font-size': (value > 9 ? 10 : 12) * px, 'font-weight': 700, 'text-anchor': 'middle', 'dominant-baseline': 'central'}, String(value)),
    );
  }

  #box({role, bbox}) {
    const {px} = this.view, {width, height} = this.row, colour = ROLES[role] ?? AMBER;
    const [u0, v0, u1, v1] = [Math.max(bbox[0], 0), Math.max(bbox[1], 0), Math.min(bbox[2], width - 1), Math.min(bbox[3], height - 1)];
    this.line([[u0, v0], [u1, v0], [u1, v1], [u0, v1], [u0, v0]], colour, 2.2, !role);
    if (!role) return;
    ruler.font = `700 12px ${FONT}`;
    const wide = (ruler.measureText(role).width + 12) * px, high = 18 * px, top = Math.max(v0 - high, -0.5);
    this.words.append(
      svg('rect', {x: u0, y: top, width: wide, height: high, rx: 3 * px, fill: colour, stroke: DARK, 'stroke-opacity': 0.7, 'stroke-width': 1.2, 'vector-effect': 'non-scaling-stroke'}),
      svg('text', {x: u0 + wide / 2, y: top + high / 2, fill: DARK, 'font-size': 12 * px, 'font-weight': 700, 'text-anchor': 'middle', 'dominant-baseline': 'central'}, role),
    );
  }

  #alternatives(row) {
    for (const way of row.ways ?? []) this.line(way, WHITE, 1.8, true);
    for (const [centre, ...rest] of row.grasps ?? []) {
      this.line([rest[2], rest[0], centre, rest[1], rest[3]], WHITE, 1.6, true);
    }
  }

  paint_pose(points) {
    const whole = points.length === 8;
    const turn = face => face.reduce((sum, a, i) => sum + points[a][0] * points[face[(i + 1) % 4]][1] - points[face[(i + 1) % 4]][0] * points[a][1], 0);
    const seen = whole ? FACES.map(face => turn(face) < 0) : FACES.map(() => true);
    if (!seen.some(Boolean)) seen.fill(true);
    if (whole && seen[1]) this.fill(FACES[1].map(i => points[i]), CYAN, 0.2);
    if (whole && seen[2]) this.fill(FACES[2].map(i => points[i]), WHITE, 0.1);
    const edges = EDGES.filter(([a, b]) => a < points.length && b < points.length)
      .map(([a, b]) => ({a, b, solid: FACES.some((face, f) => seen[f] && face.includes(a) && face.includes(b))}));
    for (const {a, b, solid} of edges.sort((p, q) => p.solid - q.solid)) {
      this.line([points[a], points[b]], b < 4 ? AMBER : a >= 4 ? CYAN : WHITE, solid ? 2.4 : 1.4, !solid);
    }
    const middle = points.reduce((m, p) => along(m, p, 1 / points.length), [0, 0]);
    points.forEach((p, i) => {
      this.dot(p, i < 4 ? AMBER : CYAN);
      const out = points.length > 1 ? unit(minus(p, middle)) : [0, -1];
      this.label(p, i, i ? WHITE : GREEN, along([0, 0], out, i ? 13 : 17));
    });
    if (points.length) this.ring(points[0], GREEN, 7.5, 2.2);
  }

  paint_grasp(points) {
    const [centre, left, right, leftTip, rightTip] = points;
    if (leftTip && rightTip) {
      const back = minus(centre, along(leftTip, minus(rightTip, leftTip), 0.5));
      this.line([centre, along(centre, back, 0.8)], GREEN, 5);
    }
    if (left) this.line([left, centre], GREEN, 4);
    if (right) this.line([centre, right], GREEN, 4);
    for (const [b, t, colour, name] of FINGERS) {
      if (points[t]) this.line([points[b], points[t]], colour, 4);
      for (const i of [b, t]) if (points[i]) this.dot(points[i], colour, 4.4);
      if (points[b]) this.label(points[b], name, colour, along([0, 0], unit(minus(points[b], centre)), 16), 14);
    }
    if (centre) this.dot(centre, WHITE, 4);
  }

  paint_trajectory(points) {
    const {px} = this.view, shades = [GREEN, '#9ecb42', AMBER, '#ff866a', MAGENTA];
    const shade = i => shades[Math.min(Math.floor((i / Math.max(points.length - 1, 1)) * shades.length), shades.length - 1)];
    for (let i = 0; i + 1 < points.length; i++) {
      this.line([points[i], points[i + 1]], shade(i), 3.2);
      const d = minus(points[i + 1], points[i]);
      if (length(d) / px < 40) continue;
      const u = unit(d), tip = along(points[i + 1], u, -13 * px), wing = s => along(along(tip, u, -9 * px), [u[1], -u[0]], s * 5 * px);
      this.ink.append(svg('polygon', {points: [tip, wing(1), wing(-1)].map(p => p.join(',')).join(' '), fill: shade(i), stroke: DARK,
        'stroke-opacity': 0.6, 'stroke-width': 1, 'vector-effect': 'non-scaling-stroke'}));
    }
    if (points.length > 1) {
      const end = points.at(-1);
      this.ring(end, MAGENTA, 13);
      for (const d of [[1, 0], [0, 1], [-1, 0], [0, -1]]) this.line([along(end, d, 12 * px), along(end, d, 19 * px)], MAGENTA);
    }
    if (points.length) this.ring(points[0], GREEN, 13);
    points.forEach((p, i) => { this.dot(p, WHITE, 3); this.number(p, i + 1, WHITE, 8); });
  }

  paint_rearrangement(points) {
    points.forEach((p, i) => { this.ring(p, AMBER, 12.5, 2.2); this.number(p, i + 1, AMBER, 9.5); });
  }

  paint_points(points) {
    points.forEach((p, i) => { this.dot(p, CYAN); this.number(p, i + 1, CYAN); });
  }
}
