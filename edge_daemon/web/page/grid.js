// How many tiles stand side by side.

export const SIZES = { s: 124, m: 236, l: 420 };
const LARGEST = 640;
const GAP = 10;
const CAPTION = 32;
const PHONE = { s: 3, m: 2, l: 1 };

// Columns for tiles in a place of this many pixels. Few tiles of middle size grow, as long as all are in view.
export function columnsFor(count, width, height, size) {
  if (width <= 620) return PHONE[size];
  const most = Math.max(1, Math.floor((width + GAP) / (SIZES[size] + GAP)));
  if (size !== "m") return most;
  for (let columns = 1; columns < most; columns++) {
    const wide = Math.min(LARGEST, (width - GAP * (columns - 1)) / columns);
    if (Math.ceil(count / columns) * (wide * 9 / 16 + CAPTION + GAP) <= height) return columns;
  }
  return most;
}
