// What an MP4 holds, as browsers name it (RFC 6381), by the boxes at its beginning; null if no browser plays it.
const HEAD = 1 << 14;
const hex = (number) => number.toString(16).padStart(2, "0");

export function typeOf(bytes) {
  const head = bytes.subarray(0, HEAD);
  const names = new TextDecoder("latin1").decode(head);
  const inside = (name) => { const at = names.indexOf(name); return at < 0 ? null : head.subarray(at + 4); };
  const [avc, hevc] = [inside("avcC"), inside("hvcC")];
  const video = avc ? `avc1.${hex(avc[1])}${hex(avc[2])}${hex(avc[3])}` : hevc ? h265(hevc) : null;
  return video && `video/mp4; codecs="${video}${names.includes("mp4a") ? ",mp4a.40.2" : ""}"`;
}

// ISO/IEC 14496-15, annex E: profile, compatibility in reverse order of bits, tier and level, constraints.
function h265(box) {
  const profile = `${["", "A", "B", "C"][box[1] >> 6]}${box[1] & 31}`;
  let [flags, reversed] = [(box[2] << 24 | box[3] << 16 | box[4] << 8 | box[5]) >>> 0, 0];
  for (let bit = 0; bit < 32; bit++, flags >>>= 1) reversed = (reversed << 1 | flags & 1) >>> 0;
  const constraints = [...box.subarray(6, 12)];
  while (constraints.length && !constraints.at(-1)) constraints.pop();
  return ["hvc1", profile, reversed.toString(16), `${box[1] & 32 ? "H" : "L"}${box[12]}`, ...constraints.map((one) => one.toString(16))].join(".");
}
