// Plays what is recorded of a camera, from any instant: its segments, one after the other, by Media Source Extensions.
import { ask, get, recordingsPath } from "./api.js";
import { typeOf } from "./codecs.js";
import { make } from "./dom.js";

const AHEAD_S = 30; // of playing time
const BEHIND_S = 60;
const LOOK_MS = 600_000; // for segments at once
const DAY_MS = 86_400_000;
const WAIT_MS = 2000; // for what is not recorded yet
const APART_S = 0.5; // segments of a run that are nearer follow one another
const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const happens = (target, name) => new Promise((done) => target.addEventListener(name, done, { once: true }));

export class Player {
  // `said`: called with a sentence if it cannot play, and with "" once it does.
  constructor(said) {
    this.said = said;
    this.video = make("video", { class: "view", playsinline: true, muted: true, onended: () => this.video.pause() });
    [this.video.muted, this.video.disableRemotePlayback] = [true, true];
    this.video.addEventListener("error", () => said("This browser cannot play what is recorded. An export can be played elsewhere."));
  }

  // The instant that is shown, in ms.
  get at() {
    return this.base === undefined ? null : this.base + this.video.currentTime * 1000;
  }

  // Shows an instant; done when it is seen, or cannot be. `base`: the beginning of a day before it.
  async seek(camera, base, at) {
    const shown = (at - base) / 1000;
    const near = this.buffer && camera === this.camera && base === this.base && this.covers(shown);
    if (near) { this.video.currentTime = shown; return; }
    const turn = (this.turn = {});
    [this.camera, this.base] = [camera, base];
    await new Promise((done) => {
      this.fill(turn, at, done).catch((error) => { if (turn === this.turn) this.said(`${error.message}.`); }).finally(done);
    });
  }

  stop() {
    this.turn = null;
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
    this.buffer = null;
  }

  covers(at) {
    const { buffered } = this.video;
    return [...Array(buffered.length).keys()].some((index) => at >= buffered.start(index) - 0.1 && at < buffered.end(index));
  }

  // Fetches and appends segments from an instant on, as far as needed, until there is another turn. `shown`: called when it is seen.
  async fill(turn, at, shown) {
    let [segments, last, began] = [[], null, false];
    while (turn === this.turn) {
      if (!segments.length) segments = await this.after(last, at);
      const segment = segments.shift();
      if (!segment) {
        await pause(WAIT_MS);
        continue;
      }
      const bytes = new Uint8Array(await (await ask(`${recordingsPath(this.camera)}/${segment.name}`, { wait: 60_000 })).arrayBuffer());
      if (turn !== this.turn || !await this.open(turn, bytes, !began)) return;
      last = this.placed(segment, last);
      await this.append(bytes, last.offset);
      if (turn !== this.turn) return;
      if (!began) {
        const { buffered } = this.video;
        if (buffered.length) this.video.currentTime = Math.min(Math.max((at - this.base) / 1000, buffered.start(0)), buffered.end(0) - 0.05);
        this.said("");
        shown();
        began = true;
      }
      while (turn === this.turn && !this.needsMore()) await pause(200);
    }
  }

  // The segments after the last one, or from an instant on; of what is recorded next, if nothing is there.
  async after(last, at) {
    const found = await this.listed(last?.to ?? at);
    if (last || found.length) return found.filter(({ from, name }) => !last || (Date.parse(from) > last.from && name !== last.name));
    const times = { from: new Date(at).toISOString(), to: new Date(at + DAY_MS).toISOString(), step: "5min" };
    const next = (await get(`api/timeline/${encodeURIComponent(this.camera)}?${new URLSearchParams(times)}`)).find((one) => one.recorded_s);
    if (!next) throw new Error(`Nothing of ${this.camera} is recorded in the 24 hours after this time`);
    return this.listed(Date.parse(next.from));
  }

  async listed(from) {
    const times = { from: new Date(from).toISOString(), to: new Date(from + LOOK_MS).toISOString() };
    return (await get(`${recordingsPath(this.camera)}?${new URLSearchParams(times)}`)).segments;
  }

  // Has a buffer that takes these bytes; empties it for a new turn.
  async open(turn, bytes, isNew) {
    const type = typeOf(bytes);
    if (!Source || !type || !Source.isTypeSupported(type)) {
      this.said("This browser does not play the camera's codec. An export can be played elsewhere.");
      return false;
    }
    if (!this.buffer || this.video.error) {
      const source = new Source();
      this.video.src = URL.createObjectURL(source);
      await happens(source, "sourceopen");
      URL.revokeObjectURL(this.video.src);
      if (turn !== this.turn) return false;
      this.buffer = source.addSourceBuffer(type);
      [this.source, this.type] = [source, type];
      source.duration = 100_000;
    } else if (isNew) {
      if (this.buffer.updating) await happens(this.buffer, "updateend");
      this.buffer.abort();
      this.buffer.remove(0, Infinity);
      await happens(this.buffer, "updateend");
    }
    if (type !== this.type) this.buffer.changeType(type);
    this.type = type;
    return turn === this.turn;
  }

  // Where a segment lies on the time of the video. Names have the time of arrival, which jitters: those of a run follow one another.
  placed({ name, run, from, to }, last) {
    const [start, end] = [Date.parse(from), Date.parse(to)];
    const [own, next] = [(start - this.base) / 1000, last && last.offset + last.seconds];
    const offset = last && last.run === run && Math.abs(next - own) < APART_S ? next : own;
    return { name, run, offset, seconds: (end - start) / 1000, from: start, to: end };
  }

  async append(bytes, offset) {
    if (this.buffer.updating) await happens(this.buffer, "updateend");
    this.buffer.timestampOffset = offset;
    this.buffer.appendBuffer(bytes);
    await happens(this.buffer, "updateend");
    const old = this.video.currentTime - BEHIND_S;
    if (old > 0 && this.video.buffered.length && this.video.buffered.start(0) < old - BEHIND_S) {
      this.buffer.remove(0, old);
      await happens(this.buffer, "updateend");
    }
  }

  // True if little is left to play; leaps over what was not recorded.
  needsMore() {
    const { buffered, currentTime, paused, playbackRate } = this.video;
    if (!buffered.length) return true;
    for (let index = 0; index + 1 < buffered.length; index++) {
      const [end, next] = [buffered.end(index), buffered.start(index + 1)];
      if (!paused && currentTime >= end - 0.1 && currentTime < next) this.video.currentTime = next + 0.001;
    }
    return buffered.end(buffered.length - 1) - currentTime < AHEAD_S * Math.max(1, playbackRate);
  }
}
