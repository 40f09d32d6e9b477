// Masks in COCO's run-length encoding, painted on a canvas with their outlines.
import { kindOfClass, segmentsOf, shown } from "./findings.js";

const WIDEST = 640;
const FILL = 107; // of 255
const COLOURS = { person: [46, 230, 197], vehicle: [124, 196, 255], other: [255, 180, 92] };
const MORE = [[255, 180, 92], [192, 163, 255], [255, 157, 189], [255, 216, 77], [160, 220, 120], [120, 160, 255], [255, 130, 110]];

export function colourOf(one) {
  const kind = kindOfClass(one.class_name);
  return kind === "other" ? MORE[one.class_id % MORE.length] : COLOURS[kind];
}

export const css = (rgb) => `rgb(${rgb.join(" ")})`;

// Run lengths, zeros first, down the columns.
export function runs(counts) {
  const found = [];
  for (let at = 0; at < counts.length;) {
    let [value, shift, more] = [0, 0, true];
    while (more && at < counts.length) {
      const bits = counts.charCodeAt(at++) - 48;
      value |= (bits & 31) << shift;
      shift += 5;
      more = Boolean(bits & 32);
      if (!more && bits & 16) value |= -1 << shift;
    }
    found.push(found.length > 2 ? value + found[found.length - 2] : value);
  }
  return found;
}

export function masksOf(results) {
  return results.flatMap((result) => [...segmentsOf(result), ...shown(result).filter((one) => one.mask)]);
}

// Paints findings that have a `mask`, all of pictures of the same size.
export function paint(canvas, masked) {
  const [height, width] = masked[0].mask.size;
  const step = Math.max(1, Math.ceil(width / WIDEST));
  const [wide, tall] = [Math.ceil(width / step), Math.ceil(height / step)];
  const map = new Uint8Array(wide * tall);
  masked.slice(0, 255).forEach((one, index) => mark(map, wide, one.mask, step, index + 1));
  if (canvas.width !== wide || canvas.height !== tall) [canvas.width, canvas.height] = [wide, tall];
  const image = new ImageData(wide, tall);
  const colours = masked.map(colourOf);
  for (let at = 0; at < map.length; at++) {
    if (!map[at]) continue;
    const isEdge = map[at] !== map[at - 1] || map[at] !== map[at + 1] || map[at] !== map[at - wide] || map[at] !== map[at + wide];
    image.data.set([...colours[map[at] - 1], isEdge ? 255 : FILL], at * 4);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function mark(map, wide, { counts, size: [height] }, step, value) {
  let [at, isSet] = [0, false];
  for (const run of runs(counts)) {
    for (let from = at; isSet && from < at + run;) {
      const column = Math.floor(from / height);
      const to = Math.min(at + run, (column + 1) * height);
      if (column % step === 0) {
        for (let y = Math.ceil((from % height) / step); y * step < to - column * height; y++) map[y * wide + column / step] = value;
      }
      from = to;
    }
    [at, isSet] = [at + run, !isSet];
  }
}
