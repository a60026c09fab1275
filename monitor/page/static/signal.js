/* The drawings of one signal: its course with lanes and n, and reference against now. */
import { NARROW, area, band, broken, clock, colours, day, disc, dots, figure, hatch, hover, lane, line, niceSteps, paint, rect, segment, text, textWidth } from "./scene.js";

const TOP = 26, LANE = 17, COUNTS = 42, FOOT = 24;

function courseRoom(holder, data) {
  const narrow = NARROW.matches;
  const left = narrow ? 58 : 78, right = narrow ? 12 : 124;
  const width = holder.clientWidth - left - right;
  const height = holder.parentElement.clientHeight;
  const bottom = height - FOOT - COUNTS - data.lanes.length * LANE - 14;
  return { left, width, height, bottom, right: left + width, each: width / data.axis.count };
}

function scale(data, room) {
  const known = [...data.values, ...data.low, ...data.high].filter((value) => value !== null);
  if (!known.length) return null;
  const [first, step, count] = niceSteps(Math.min(...known), Math.max(...known), 4);
  const last = first + step * Math.max(count, 1);
  return { first, step, last, y: (value) => room.bottom - ((value - first) / (last - first)) * (room.bottom - TOP) };
}

function grid(data, room, axis, colour) {
  const shapes = [text(`${data.unit ? `${data.unit}, ` : ""}${data.statistic}, every ${data.step}`, NARROW.matches ? 0 : 4, 8, colour("text-3"))];
  for (let value = axis.first; value <= axis.last + axis.step / 2; value += axis.step) {
    const y = Math.round(axis.y(value)) + 0.5;
    shapes.push(segment(room.left, y, room.right, y, colour("line")), text(figure(value), room.left - 7, y, colour("text-3"), { align: "right" }));
  }
  return shapes;
}

function times(data, room, x, colour) {
  const span = data.axis.step * data.axis.count, end = data.axis.start + span;
  const hours = [1, 3, 6, 24, 48, 120, 168].find((h) => (span / (h * 3600e3)) * 62 < room.width) ?? 240;
  const shapes = [], every = hours * 3600e3;
  for (let at = Math.ceil(data.axis.start / every) * every; at < end; at += every) {
    const midnight = at % 86400e3 === 0;
    shapes.push(segment(x(at) + 0.5, TOP, x(at) + 0.5, room.height - FOOT, colour("line")));
    const words = midnight ? day(at) : clock(at);
    if (x(at) + textWidth(words) / 2 < room.right + 8) shapes.push(text(words, x(at), room.height - 10, colour("text-3"), { align: "center" }));
  }
  return shapes;
}

function tints(data, room, x, colour) {
  const shapes = [];
  for (const period of data.periods) {
    const from = room.left + period.first * room.each, width = Math.max(2, (period.last - period.first + 1) * room.each);
    const critical = period.severity === "critical";
    shapes.push(rect(from, TOP, width, room.bottom - TOP, { fill: colour(critical ? "critical-tint" : "warning-tint") }));
    shapes.push(rect(from, TOP - 2, width, 2.4, { fill: colour(critical ? "critical" : "warning-mark") }));
    const after = from + width + textWidth(period.label, 11, 600) + 6 < room.right;
    const words = { align: after ? "left" : "right", weight: 600 };
    if (!NARROW.matches) shapes.push(text(period.label, after ? from + width + 5 : from - 5, TOP + 8, colour(critical ? "critical" : "warning"), words));
  }
  return shapes;
}

function nowLabels(data, room, axis, colour) {
  const last = data.values.findLastIndex((value) => value !== null);
  if (last < 0) return [];
  const shapes = [disc(room.left + (last + 0.5) * room.each, axis.y(data.values[last]), 2.8, colour("accent"))];
  if (NARROW.matches) return shapes;
  const y = axis.y(data.values[last]);
  shapes.push(text(`${figure(data.values[last])} ${data.unit} now`, room.right + 8, y, colour("accent"), { weight: 600, width: 112, overflow: "truncate" }));
  const usual = data.usual[last];
  if (usual !== null && usual !== undefined) {
    const beside = axis.y(usual), at = Math.abs(beside - y) < 20 ? y + (beside >= y ? 18 : -30) : beside;
    shapes.push(text(`${figure(usual)} usual`, room.right + 8, at, colour("text-2")), text(`(band ${data.band})`, room.right + 8, at + 13, colour("text-3")));
  }
  return shapes;
}

function lanes(data, room, colour, patterns) {
  const shapes = [];
  data.lanes.forEach((item, index) => {
    const top = room.bottom + 10 + index * LANE;
    shapes.push(...lane(item.codes, room.left, top, room.each, 13, colour, patterns));
    shapes.push(text(item.title, room.left - 7, top + 7, colour("text-2"), { align: "right" }));
    if (!NARROW.matches) shapes.push(text(item.baseline, room.right + 8, top + 7, colour("text-3"), { width: 112, overflow: "truncate" }));
  });
  return shapes;
}

function counts(data, room, colour) {
  const base = room.height - FOOT - 1, most = Math.max(1, ...data.n), shapes = [];
  data.n.forEach((n, index) => {
    const tall = (n / most) * (COUNTS - 10);
    const from = Math.round(room.left + index * room.each), to = Math.round(room.left + (index + 1) * room.each);
    shapes.push(rect(from, base - tall, Math.max(to - from - (room.each > 3 ? 1 : 0), 1), tall, { fill: colour("ref") }));
  });
  shapes.push(text("n", room.left - 7, base - 12, colour("text-2"), { align: "right" }));
  if (!NARROW.matches) {
    shapes.push(text(`${figure(data.n.at(-1))} now`, room.right + 8, base - COUNTS + 14, colour("text-3")), text("0", room.right + 8, base - 4, colour("text-3")));
  }
  return shapes;
}

/** Draw the course; `data` is charts.course_data. */
export function drawCourse(drawing, data) {
  const holder = drawing.querySelector(".plot");
  holder.hidden = false;
  const room = courseRoom(holder, data), colour = colours(), axis = scale(data, room);
  const patterns = { hatch: hatch(colour("hatch")), dots: dots(colour("hatch")) };
  const x = (at) => Math.round(room.left + ((at - data.axis.start) / data.axis.step) * room.each);
  const place = (index, value) => [room.left + (index + 0.5) * room.each, axis.y(value)];
  const layers = [];
  if (axis) {
    const missing = data.values.flatMap((value, i) => value === null
      ? [rect(room.left + i * room.each, TOP, room.each, room.bottom - TOP, { fill: patterns.dots })] : []);
    layers.push(tints(data, room, x, colour), grid(data, room, axis, colour), times(data, room, x, colour));
    layers.push(band(data.low, data.high, place, colour("ref-band")), missing);
    layers.push(broken(data.usual, place, { stroke: colour("ref"), lineWidth: 1, lineDash: [4, 3] }));
    layers.push(broken(data.values, place, { stroke: colour("accent"), lineWidth: 1.6, lineJoin: "round" }));
    layers.push(nowLabels(data, room, axis, colour));
  } else {
    layers.push([text("no data yet", room.left, room.bottom - 20, colour("text-3"))], times(data, room, x, colour));
  }
  layers.push(lanes(data, room, colour, patterns), counts(data, room, colour));
  paint(holder, holder.clientWidth, room.height, layers);
  hover(holder, (px, py) => {
    const index = Math.floor((px - room.left) / room.each);
    if (index < 0 || index >= data.axis.count) return null;
    const at = data.axis.start + index * data.axis.step;
    const row = Math.floor((py - room.bottom - 10) / LANE);
    const verdict = row >= 0 && row < data.lanes.length ? `\n${data.lanes[row].title}: ${data.lanes[row].words[index]}` : "";
    return `${day(at)} ${clock(at)}\n${figure(data.values[index])} ${data.unit}, usual ${figure(data.usual[index])}, n ${figure(data.n[index])}${verdict}`;
  });
}

function centreLabels(data, room, x, colour) {
  const shapes = [], centres = [];
  if (data.reference_centre !== null) centres.push(["reference", data.reference_centre, "text", [3, 3]]);
  if (data.now_centre !== null) centres.push(["now", data.now_centre, "accent", null]);
  let stacked = false;
  const flip = centres.length === 2 && data.reference_centre > data.now_centre;
  centres.forEach(([name, value, tone, dash], index) => {
    const at = Math.round(x(value)) + 0.5, words = `${name}, ${data.statistic} ${figure(value)}`;
    const wide = textWidth(words, 11, 600) + 6;
    const wanted = (index === 0) !== flip;
    const before = wanted ? at - wide > 0 : at + wide > room.right;
    stacked ||= before !== wanted;
    const y = stacked && index === 1 ? 23 : 10;
    shapes.push(segment(at, y - 6, at, room.bottom, colour(tone), 1.2, dash));
    shapes.push(text(words, before ? at - 5 : at + 5, y, colour(tone), { align: before ? "right" : "left", weight: 600 }));
  });
  return shapes;
}

function numericLayers(data, room, colour) {
  const cells = data.cells, first = cells[0].low, last = cells.at(-1).high;
  const x = (value) => room.left + ((Math.min(Math.max(value, first), last) - first) / (last - first)) * (room.right - room.left);
  const most = Math.max(...cells.flatMap((cell) => [cell.reference, cell.now]), 1e-9) * 100;
  const [, step, count] = niceSteps(0, most, 4);
  const y = (share) => room.bottom - ((share * 100) / (step * count)) * (room.bottom - room.top);
  const frame = [], bars = [], outline = [];
  for (let i = 0; i <= count; i++) {
    const at = Math.round(y((i * step) / 100)) + 0.5;
    frame.push(segment(room.left, at, room.right, at, colour("line")));
    frame.push(text(`${figure(i * step)}${i === count ? " %" : ""}`, room.left - 7, at, colour("text-3"), { align: "right" }));
  }
  const every = Math.ceil((cells.length * 42) / (room.right - room.left));
  cells.forEach((cell, i) => {
    bars.push(rect(x(cell.low), y(cell.reference), x(cell.high) - x(cell.low) - 1, room.bottom - y(cell.reference), { fill: colour("ref"), opacity: 0.55 }));
    outline.push([x(cell.low), y(cell.now)], [x(cell.high), y(cell.now)]);
    if (i % every === 0) frame.push(text(figure(cell.low), x(cell.low), room.bottom + 11, colour("text-3"), { align: "center" }));
  });
  const end = cells.at(-1).label.endsWith("+") ? cells.at(-1).label : figure(last);
  const marked = x(cells[Math.floor((cells.length - 1) / every) * every].low) + 16;
  if (marked + textWidth(end) < room.right) frame.push(text(end, room.right, room.bottom + 11, colour("text-3"), { align: "right" }));
  const filled = { ...area([[room.left, room.bottom], ...outline, [room.right, room.bottom]], colour("accent-soft")) };
  filled.style.opacity = 0.5;
  return [frame, bars, [filled], [line(outline, { stroke: colour("accent"), lineWidth: 1.6 })], centreLabels(data, room, x, colour)];
}

const categoryHeight = (data, room) => Math.min(34, (room.bottom - room.top) / Math.min(11, data.cells.length));

function categoryLayers(data, room, colour) {
  const shown = data.cells.slice(0, 11), tall = categoryHeight(data, room);
  const most = Math.max(...shown.flatMap((cell) => [cell.reference, cell.now]), 1e-9);
  const left = NARROW.matches ? 96 : 140, wide = room.right - left - 100;
  return shown.map((cell, i) => {
    const top = room.top + i * tall;
    return [
      text(cell.label, left - 8, top + tall / 2, colour("text-2"), { align: "right", width: left - 10, overflow: "truncate" }),
      rect(left, top + 2, (cell.reference / most) * wide, tall - 5, { fill: colour("ref"), opacity: 0.55 }),
      rect(left + 0.5, top + 2.5, Math.max((cell.now / most) * wide, 0.5), tall - 6, { fill: "none", stroke: colour("accent"), lineWidth: 1.5 }),
      text(`${figure(cell.reference * 100)} → ${figure(cell.now * 100)} %`, room.right, top + tall / 2, colour("text-2"), { align: "right" }),
    ];
  });
}

/** Draw reference and now; `data` is charts.distribution_data. */
export function drawDistribution(drawing, data) {
  const holder = drawing.querySelector(".plot");
  holder.hidden = false;
  const height = drawing.clientHeight, colour = colours();
  const room = { left: 40, right: holder.clientWidth - 8, top: 34, bottom: height - 40 };
  const unit = data.unit ? `, ${data.unit}` : "";
  const layers = data.numeric ? numericLayers(data, room, colour) : categoryLayers(data, room, colour);
  const foot = data.numeric ? `share of interactions by value${unit}` : "share of interactions by value";
  layers.push([text(foot, (room.left + room.right) / 2, height - 10, colour("text-3"), { align: "center" })]);
  paint(holder, holder.clientWidth, height, layers);
  hover(holder, (px, py) => {
    const index = data.numeric
      ? Math.floor(((px - room.left) / (room.right - room.left)) * data.cells.length)
      : Math.floor((py - room.top) / categoryHeight(data, room));
    const cell = data.cells[index];
    return cell ? `${cell.label}\nreference ${figure(cell.reference * 100)} %, now ${figure(cell.now * 100)} %` : null;
  });
}
