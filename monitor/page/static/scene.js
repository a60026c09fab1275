/* What all drawings share: colours from the style sheet, shapes, one ECharts custom series a drawing, tooltips. */

export const NARROW = window.matchMedia("(max-width: 860px)");
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Colours of the present scheme: colour("accent") reads --accent. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

export const clock = (at) => new Date(at).toISOString().slice(11, 16);
export const day = (at) => {
  const when = new Date(at);
  return `${DAYS[when.getUTCDay()]} ${when.getUTCDate()} ${MONTHS[when.getUTCMonth()]}`;
};

/** Three significant digits, thousands by a space. */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.01 || size === 0 ? 2 : 4;
  let text = size.toFixed(digits);
  if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  else text = text.replace(/\B(?=(\d{3})+$)/g, "\u00a0");
  return value < 0 ? `−${text}` : text;
}

export const rect = (x, y, width, height, style) => ({ type: "rect", shape: { x, y, width, height }, style });
export const line = (points, style) => ({ type: "polyline", shape: { points }, style: { fill: "none", ...style } });
export const area = (points, fill) => ({ type: "polygon", shape: { points }, style: { fill } });
export const disc = (cx, cy, r, fill) => ({ type: "circle", shape: { cx, cy, r }, style: { fill } });
export function segment(x1, y1, x2, y2, stroke, lineWidth = 1, lineDash = null) {
  return { type: "line", shape: { x1, y1, x2, y2 }, style: { stroke, lineWidth, lineDash } };
}
export function text(words, x, y, fill, more = {}) {
  const { align = "left", weight = 400, size = 11, ...rest } = more;
  const family = getComputedStyle(document.body).fontFamily;
  return {
    type: "text", style: { text: words, x, y, fill, align, verticalAlign: "middle", font: `${weight} ${size}px ${family}`, ...rest },
  };
}
/** Width of words as `text` draws them. */
export function textWidth(words, size = 11, weight = 400) {
  textWidth.context ??= document.createElement("canvas").getContext("2d");
  textWidth.context.font = `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  return textWidth.context.measureText(words).width;
}

function tile(size, paint) {
  const ratio = window.devicePixelRatio || 1;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  paint(pen);
  return { image: canvas, repeat: "repeat", scaleX: 1 / ratio, scaleY: 1 / ratio };
}
export const hatch = (colour) => tile(5, (pen) => {
  pen.strokeStyle = colour;
  pen.lineWidth = 0.9;
  for (const shift of [-5, 0, 5]) { pen.moveTo(shift - 1, 6); pen.lineTo(shift + 6, -1); }
  pen.stroke();
});
export const dots = (colour) => tile(6, (pen) => {
  pen.fillStyle = colour;
  pen.fillRect(1, 1, 1, 1);
  pen.fillRect(4, 4, 1, 1);
});

/** Runs of equal characters: [[character, first, last], …]. */
export function runs(codes) {
  const found = [];
  for (let i = 0; i < codes.length; i++) {
    const last = found.at(-1);
    if (last && last[0] === codes[i]) last[2] = i;
    else found.push([codes[i], i, i]);
  }
  return found;
}

/** One lane of verdict cells as shapes; cells are `cell` px wide from `left` on, their edges on whole pixels. */
export function lane(codes, left, top, cell, height, colour, patterns) {
  const shapes = [];
  const gap = cell > 2 ? 1 : 0;
  for (const [code, first, last] of runs(codes)) {
    const edge = (index) => Math.round(left + index * cell);
    const x = edge(first), width = edge(last + 1) - x - gap;
    if (code === "c" || code === "-") {
      shapes.push(rect(x, top, width, height, { fill: code === "c" ? patterns.hatch : patterns.dots }));
      continue;
    }
    const fill = code >= "1" && code <= "5" ? `heat-${code}` : code === "n" ? "noise" : "quiet";
    for (let i = first; i <= last; i++) {
      const width = edge(i + 1) - edge(i) - gap, middle = edge(i) + width / 2;
      shapes.push(rect(edge(i), top, width, height, { fill: colour(fill) }));
      if (code === "s") shapes.push(disc(middle, top + height / 2, 1.4, colour("dot")));
      if (code === "f") shapes.push(segment(middle - 2, top + height / 2, middle + 2, top + height / 2, colour("text-3"), 1.2));
    }
  }
  return shapes;
}

/** A line that breaks where there is no value; `place(index, value)` gives its points. */
export function broken(values, place, style) {
  const shapes = [];
  let points = [];
  const close = () => {
    if (points.length > 1) shapes.push(line(points, style));
    else if (points.length === 1) shapes.push(disc(...points[0], 1, style.stroke));
    points = [];
  };
  values.forEach((value, index) => (value === null ? close() : points.push(place(index, value))));
  close();
  return shapes;
}

/** The area between two series wherever both are known. */
export function band(low, high, place, fill) {
  const shapes = [];
  let from = null;
  for (let i = 0; i <= low.length; i++) {
    const known = i < low.length && low[i] !== null && high[i] !== null;
    if (known && from === null) from = i;
    if (!known && from !== null) {
      const steps = Array.from({ length: i - from }, (_, k) => from + k);
      shapes.push(area([...steps.map((k) => place(k, high[k])), ...steps.reverse().map((k) => place(k, low[k]))], fill));
      from = null;
    }
  }
  return shapes;
}

/** Round steps that cover low to high: [first, step, count]. */
export function niceSteps(low, high, about) {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / about));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= span / about - 1e-12);
  const first = Math.floor(low / step + 1e-9) * step;
  return [first, step, Math.ceil((high - first) / step - 1e-9)];
}

/** Paint `layers` (arrays of shapes, back to front) into `holder` as one custom series. */
export function paint(holder, width, height, layers) {
  holder.hidden = false;
  const chart = echarts.getInstanceByDom(holder) ?? echarts.init(holder, null, { renderer: "canvas", width, height });
  chart.resize({ width, height, silent: true });
  chart.setOption({
    animation: false,
    series: [{
      type: "custom", coordinateSystem: "none", silent: true, data: layers.map((_, index) => [index]),
      renderItem: (params) => ({ type: "group", children: layers[params.dataIndex] }),
    }],
  }, true);
}

let tip = null;
/** Words beside the pointer over `holder`: `say(x, y)` answers with them or null, `open(x, y)` takes a click. */
export function hover(holder, say, open = null) {
  tip ??= document.body.appendChild(Object.assign(document.createElement("div"), { className: "tip", hidden: true }));
  const where = (event) => {
    const box = holder.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  holder.onmousemove = (event) => {
    const words = say(...where(event));
    tip.hidden = !words;
    if (!words) return;
    tip.textContent = words;
    const width = tip.offsetWidth;
    tip.style.left = `${Math.min(event.clientX + 14, document.documentElement.clientWidth - width - 8)}px`;
    tip.style.top = `${Math.max(4, event.clientY - tip.offsetHeight - 10)}px`;
  };
  holder.onmouseleave = () => { tip.hidden = true; };
  holder.onclick = open && ((event) => open(...where(event)));
}
export const hideTip = () => { if (tip) tip.hidden = true; };
