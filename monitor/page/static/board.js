/* The board: golden strips and heat map on one time axis, laid over the rows that the server rendered. */
import { NARROW, area, band, broken, clock, colours, day, disc, dots, figure, hatch, hover, lane, line, paint, rect, segment, text, textWidth } from "./scene.js";

const HEAD = 54;
const WORSE = "q-cfns12345";

/** Two steps as one: the worse of them. */
function merged(codes) {
  let out = "";
  for (let i = 0; i < codes.length; i += 2) {
    const pair = [codes[i], codes[i + 1] ?? codes[i]];
    out += WORSE.indexOf(pair[0]) >= WORSE.indexOf(pair[1]) ? pair[0] : pair[1];
  }
  return out;
}

/** Where things are: the plot's place comes from the rows' empty column. */
function layout(board, data) {
  const gap = board.querySelector(".strip .gap, .row .gap");
  const join = NARROW.matches ? 2 : 1;
  const count = Math.ceil(data.axis.count / join);
  const cell = Math.max(2, Math.floor(gap.offsetWidth / count));
  const left = gap.offsetLeft;
  return { left, width: cell * count, right: gap.offsetLeft + gap.offsetWidth, height: board.clientHeight, cell, count, join };
}

function ticks(data, room, narrow) {
  const every = (narrow ? 6 : room.width > 560 ? 3 : 6) * 3600e3;
  const end = data.axis.start + data.axis.step * data.axis.count;
  const found = [];
  for (let at = Math.ceil(data.axis.start / every) * every; at < end; at += every) found.push(at);
  return [found, end];
}

function axis(data, room, x, colour, bottom) {
  const [marks, end] = ticks(data, room, NARROW.matches);
  const shapes = [], words = `${clock(end)}${NARROW.matches ? "" : " UTC"}`;
  const edge = x(end) - textWidth(words, 11, 600) - 8;
  let free = -Infinity;
  for (const at of marks) {
    const midnight = at % 86400e3 === 0;
    shapes.push(segment(x(at) + 0.5, HEAD, x(at) + 0.5, bottom, colour(midnight ? "line-2" : "line")));
    const label = midnight ? (NARROW.matches ? day(at).slice(4) : `00:00 ${day(at)}`) : clock(at);
    const half = textWidth(label, 11, 600) / 2;
    if (x(at) + half > edge || x(at) - half < free || x(at) - half < 0) continue;
    free = x(at) + half + 4;
    for (const y of [HEAD - 12, bottom + 12]) {
      shapes.push(text(label, x(at), y, colour(midnight ? "text" : "text-3"), { align: "center", weight: midnight ? 600 : 400 }));
    }
  }
  for (const y of [HEAD - 12, bottom + 12]) shapes.push(text(words, x(end), y, colour("text"), { align: "right", weight: 600 }));
  return shapes;
}

function markers(data, room, x, colour, bottom) {
  const shapes = [];
  let free = -Infinity;
  for (const marker of data.markers) {
    const at = x(marker.at);
    shapes.push(segment(at, HEAD - 22, at, bottom, colour("text-2"), 1, [2, 2]), area([[at - 4, HEAD - 34], [at + 4, HEAD - 34], [at, HEAD - 28]], colour("text-2")));
    const words = `${marker.text} from ${clock(marker.at)}`;
    const width = textWidth(words) + 8;
    const before = at - width > free;
    if (!NARROW.matches && (before || at + width < room.left + room.width)) {
      shapes.push(text(words, before ? at - 7 : at + 7, HEAD - 31, colour("text-2"), { align: before ? "right" : "left" }));
      free = before ? at : at + width;
    }
  }
  return shapes;
}

function strip(data, item, room, top, height, colour, patterns) {
  const [low, high] = item.range;
  const each = room.width / data.axis.count;
  const place = (index, value) => [
    room.left + (index + 0.5) * each, top + height - 5 - ((value - low) / (high - low || 1)) * (height - 10),
  ];
  const shapes = [segment(room.left, top + height + 0.5, room.left + room.width, top + height + 0.5, colour("line"))];
  item.values.forEach((value, i) => {
    if (value === null) shapes.push(rect(room.left + i * each, top, each, height, { fill: patterns.dots }));
  });
  shapes.push(...band(item.low, item.high, place, colour("ref-band")));
  shapes.push(...broken(item.values, place, { stroke: colour("accent"), lineWidth: 1.5, lineJoin: "round" }));
  const last = item.values.findLastIndex((value) => value !== null);
  if (last >= 0) shapes.push(disc(...place(last, item.values[last]), 2.4, colour("accent")));
  return shapes;
}

function outlines(row, room, top, height, colour) {
  const shapes = [];
  for (const period of row.periods) {
    const first = Math.floor(period.first / room.join), last = Math.floor(period.last / room.join);
    const x = room.left + first * room.cell, width = (last - first + 1) * room.cell;
    shapes.push(rect(x - 1, top - 1, width + 1, height + 2, {
      fill: "none", stroke: colour("text"), lineWidth: 1.6, lineDash: period.state === "pending" ? [3, 2] : null,
    }));
    if (period.label && !NARROW.matches) {
      const wide = textWidth(period.label) + 6;
      const after = x + width + wide < room.left + room.width;
      const words = text(period.label, after ? x + width + 6 : x - 6, top + height / 2, colour("text-2"), { align: after ? "left" : "right" });
      const ground = rect(after ? x + width + 2 : x - wide - 4, top, wide + 2, height, { fill: colour("surface") });
      shapes.push(ground, words);
    }
  }
  return shapes;
}

function answer(board, data, room, places, rows) {
  const find = (y) => places.find((place) => y >= place.top && y < place.top + place.height);
  const say = (x, y) => {
    const index = Math.floor((x - room.left) / room.cell);
    const place = find(y);
    if (!place || index < 0 || index >= room.count) return null;
    const first = index * room.join;
    const from = data.axis.start + first * data.axis.step;
    const span = `${clock(from)}–${clock(from + data.axis.step * room.join)}`;
    if (place.strip) return `${place.strip.title}, ${span}\n${figure(place.strip.values[first])} ${place.strip.unit}`;
    const words = rows.get(place.row.signal).words.slice(first, first + room.join).find(Boolean);
    return `${place.row.title}, ${span}\n${words || "quiet"}`;
  };
  const open = (x, y) => {
    const place = find(y);
    if (place && x >= room.left && x <= room.left + room.width) window.location.assign(place.href);
  };
  return [say, open];
}

/** Draw the board; `data` is charts.board_data. */
export function drawBoard(board, data) {
  const room = layout(board, data), colour = colours();
  const patterns = { hatch: hatch(colour("hatch")), dots: dots(colour("hatch")) };
  const span = data.axis.step * data.axis.count;
  const x = (at) => Math.round(room.left + ((at - data.axis.start) / span) * room.width);
  const rows = new Map(data.rows.map((row) => [row.signal, row]));
  const layers = [], places = [];
  const box = board.getBoundingClientRect().top + board.clientTop;
  for (const element of board.querySelectorAll(".strip, .row")) {
    if (!element.offsetHeight) continue;
    const top = Math.round(element.getBoundingClientRect().top - box), height = element.offsetHeight;
    const href = element.querySelector("a.name").href;
    if (element.classList.contains("strip")) {
      const item = data.strips[Number(element.dataset.strip)];
      places.push({ top, height, href, strip: item });
      layers.push(strip(data, item, room, top, height, colour, patterns));
    } else {
      const row = rows.get(element.dataset.signal);
      const inset = NARROW.matches ? 3 : 1;
      const codes = NARROW.matches ? merged(row.codes) : row.codes;
      places.push({ top, height, href, row });
      layers.push(lane(codes, room.left, top + inset, room.cell, height - 2 * inset, colour, patterns));
      layers.push(outlines(row, room, top + inset, height - 2 * inset, colour));
    }
  }
  const lowest = places.at(-1);
  const bottom = lowest ? lowest.top + lowest.height : HEAD;
  layers.unshift(axis(data, room, x, colour, bottom));
  layers.push(markers(data, room, x, colour, bottom));
  const holder = board.querySelector(".plot");
  paint(holder, board.clientWidth, Math.max(bottom + 24, 40), layers);
  hover(holder, ...answer(board, data, room, places, rows));
}
