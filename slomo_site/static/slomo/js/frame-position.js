const SETTLE = 150; // milliseconds in which the callback for a painted frame should have come
const MOST_SEEKS = 10; // to one frame; a file shorter than its frame map has frames nobody can see

/**
 * Which frame a video shows, and how to go to another one exactly.
 *
 * The video has a constant rate R, so frame k is on screen from k/R to (k+1)/R. A seek to the
 * middle of that interval cannot land on a neighbour however the browser rounds; what really is on
 * screen is read back with requestVideoFrameCallback.
 */
export class FramePosition {
  #video;
  #rate;
  #count;
  #onChange;
  #target = null; // the frame to be on while paused; null once the video was played again
  #asked = null; // the frame of the latest seek
  #seeks = 0; // how often it has been sought in a row

  /** @param {{rate: number, count: number, onChange: (frame: number) => void}} options */
  constructor(video, { rate, count, onChange }) {
    this.#video = video;
    this.#rate = rate;
    this.#count = count;
    this.#onChange = onChange;
    this.current = 0;
    video.addEventListener("seeked", () => {
      if (this.#target === null) return;
      if (this.#target !== this.#asked) this.#seek();
      else setTimeout(() => this.#confirm(), SETTLE);
    });
    video.addEventListener("play", () => {
      if (!video.paused) this.#target = null;
    });
    video.addEventListener("pause", () => {
      if (this.#target === null) this.goTo(Math.floor(video.currentTime * rate));
    });
    if ("requestVideoFrameCallback" in video) {
      const shown = (_now, { mediaTime }) => {
        this.#report(Math.round(mediaTime * this.#rate));
        video.requestVideoFrameCallback(shown);
      };
      video.requestVideoFrameCallback(shown);
    } else {
      const estimate = () => this.#report(Math.floor(video.currentTime * this.#rate + 0.001));
      video.addEventListener("timeupdate", estimate);
      video.addEventListener("seeked", estimate);
    }
  }

  /**
   * Where the next step starts from: the frame asked for last, since the one on screen may still
   * be the one before; while the video plays, the frame on screen.
   */
  get target() {
    return this.#target ?? this.current;
  }

  /** Pauses on frame `index`, clamped to the clip. Quick calls merge: the last one wins. */
  goTo(index) {
    this.#video.pause();
    this.#target = this.#clamp(index);
    this.#seeks = 0;
    if (!this.#video.seeking) this.#seek();
  }

  /**
   * A frame painted between two frame callbacks is never reported: a browser under load would
   * leave the frame before named. So the seek is repeated until the frame has been reported.
   */
  #confirm() {
    const arrived = this.current === this.#asked || this.#seeks >= MOST_SEEKS;
    if (!arrived && this.#target === this.#asked && !this.#video.seeking) this.#seek();
  }

  #seek() {
    this.#seeks = this.#asked === this.#target ? this.#seeks + 1 : 1;
    this.#asked = this.#target;
    this.#video.currentTime = (this.#asked + 0.5) / this.#rate;
  }

  #report(frame) {
    this.current = this.#clamp(frame);
    this.#onChange(this.current);
  }

  #clamp(frame) {
    return Math.min(Math.max(frame, 0), this.#count - 1);
  }
}
