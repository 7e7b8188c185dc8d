// One line on stderr for each thing in progress: on a terminal with the seconds it has taken so far.

/** What is in progress right now, in the order in which it began; they share the line. */
const running = new Map();
let ticking;

/** @param {string} text what is being done */
export function startProgress(text) {
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const key = {};
  running.set(key, () => `${text}... ${seconds()} s`);
  if (process.stderr.isTTY) {
    draw();
    ticking ??= setInterval(draw, 1000);
  } else {
    process.stderr.write(`${text}...\n`);
  }
  const clear = () => {
    if (!running.delete(key) || !process.stderr.isTTY) return;
    process.stderr.write('\r\x1b[K');
    if (running.size === 0) {
      clearInterval(ticking);
      ticking = undefined;
    }
  };
  return {
    clear,
    done(result) {
      const took = seconds();
      clear();
      process.stderr.write(`${result} in ${took} s.\n`);
      if (process.stderr.isTTY && running.size > 0) draw();
    },
  };
}

function draw() {
  const line = [...running.values()].map((describe) => describe()).join('  ');
  process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
}
