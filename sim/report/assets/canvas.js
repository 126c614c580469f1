// Draws the lanes: rows are steps, columns are tasks, those of one host side by side. Only what is in sight is drawn, so the number of steps hardly matters.

const rowHeight = 22, headHeight = 40, gutterWidth = 106 + Math.ceil(String(count).length * 7.3), stateWidth = 84;

/** What is shown: which steps have a row, which is selected, whose past is bright. */
const view = {rows: [], selected: 0, past: new Uint8Array(count + 1)};

const steps = document.getElementById('steps');
const canvas = document.getElementById('lanes');
const spacer = document.getElementById('spacer');
const ink = canvas.getContext('2d');
let colours = {}, columnWidth = 240;
let columns = [];                                   // tasks, in the order of their columns
const columnOf = new Int32Array(taskCount).fill(-1);  // -1: none of its steps is shown

function layColumns() {
  const used = new Uint8Array(taskCount);
  for (const step of view.rows) used[events.task[step - 1]] = 1;
  columns = [...used.keys()].filter(task => used[task]).sort((a, b) => hostOf(a) - hostOf(b) || a - b);
  columnOf.fill(-1);
  columns.forEach((task, column) => { columnOf[task] = column; });
}

const palette = ['#3b7dd8', '#c2562e', '#2a9d6f', '#9a5fc4', '#b58a00', '#c0437f', '#4b8f9c', '#7a6f5d'];
const colourOf = number => palette[number % palette.length];
const fateColour = state => ({delivered: '#5b83b5', lost: '#d0382c', resent: '#d98218', late: '#d98218', duplicate: '#9a5fc4',
                              corrupt: '#d0382c', 'under way': '#8a8f96'})[state];

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ['ground', 'raised', 'ink', 'faint', 'line', 'accent', 'select', 'bad', 'bad-ground', 'mark', 'mark-ground']) {
    colours[name] = style.getPropertyValue('--' + name).trim();
  }
}

const lanesLeft = () => gutterWidth + trace.stateNames.length * stateWidth;
const columnLeft = task => lanesLeft() + columnOf[task] * columnWidth - steps.scrollLeft;
const shown = task => columnOf[task] >= 0;
const laneX = task => columnLeft(task) + 16;
/** The row at which a step is, or would be if it were shown. */
const rowOf = step => lowerBound(view.rows, step);
const rowY = row => headHeight + row * rowHeight - steps.scrollTop;
const stepY = step => rowY(rowOf(step)) + rowHeight / 2;

function resize() {
  const width = steps.clientWidth, height = steps.clientHeight, scale = window.devicePixelRatio || 1;
  columnWidth = Math.max(240, Math.floor((width - lanesLeft()) / Math.max(1, columns.length)));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = width + 'px';
  canvas.style.height = height + 'px';
  ink.setTransform(scale, 0, 0, scale, 0, 0);
  spacer.style.height = headHeight + view.rows.length * rowHeight + 'px';
  spacer.style.width = lanesLeft() + columns.length * columnWidth + 'px';
}

/** Text of at most `room` pixels, in a font of constant width. */
function fit(text, room) {
  const letters = Math.floor(room / 7.3);
  return text.length <= letters ? text : text.slice(0, Math.max(0, letters - 1)) + '…';
}

/** The same for what tells most at its end: a file and line. */
function fitEnd(text, room) {
  const letters = Math.floor(room / 7.3);
  return text.length <= letters ? text : '…' + text.slice(text.length - Math.max(0, letters - 1));
}

function write(text, x, y, colour, weight = '') {
  ink.font = weight + ' 12px ui-monospace, "DejaVu Sans Mono", monospace';
  ink.fillStyle = colour;
  ink.fillText(text, x, y);
}

/** Those of `list` that touch the rows from `first` to `last`, with where they begin and end on the canvas. */
function* inSight(list, first, last) {
  const top = view.rows[first], bottom = view.rows[last];
  for (const bar of list) {
    if (bar.from > bottom || bar.to < top) continue;
    const y0 = Math.max(stepY(bar.from), headHeight - 2);
    const y1 = bar.to === Infinity ? canvas.clientHeight + 2 : Math.min(stepY(bar.to), canvas.clientHeight + 2);
    if (y1 >= y0) yield [bar, y0, y1];
  }
}

function drawBands(first, last) {
  for (const [bar, y0, y1] of inSight(faults, first, last)) {
    ink.fillStyle = 'rgba(217,130,24,0.13)';
    ink.fillRect(gutterWidth, y0, canvas.clientWidth, y1 - y0);
    const label = fit('fault: ' + bar.label, 420);
    write(label, canvas.clientWidth - label.length * 7.3 - 8, Math.max(y0, headHeight) + 13, colours.mark);
  }
  for (const [bar, y0, y1] of inSight(downs, first, last)) {
    ink.fillStyle = 'rgba(120,120,120,0.25)';
    for (const task of columns) {
      if (hostOf(task) === bar.lane) ink.fillRect(columnLeft(task), y0, columnWidth - 4, y1 - y0);
    }
  }
}

function drawStates(first, last) {
  for (const [bar, y0, y1] of inSight(states, first, last)) {
    const x = gutterWidth + bar.lane * stateWidth;
    ink.fillStyle = colourOf(stateNumber(bar.label)) + '44';
    ink.fillRect(x, y0, stateWidth - 6, y1 - y0);
    write(fit(bar.label, stateWidth - 12), x + 4, Math.max(y0 + 15, headHeight + 15), colours.ink);
  }
}

const stateNumbers = new Map();
function stateNumber(label) {
  if (!stateNumbers.has(label)) stateNumbers.set(label, stateNumbers.size);
  return stateNumbers.get(label);
}

function drawBars(first, last) {
  for (const task of columns) {
    const own = stepsOf[task];
    const y0 = Math.max(stepY(own[0]), headHeight), y1 = Math.min(stepY(own[own.length - 1]), canvas.clientHeight);
    ink.fillStyle = colours.line;
    if (y1 > y0) ink.fillRect(laneX(task) - 1, y0, 2, y1 - y0);
  }
  for (const [bar, y0, y1] of inSight(waits, first, last)) {
    if (!shown(bar.lane)) continue;
    ink.strokeStyle = bar.object ? colourOf(bar.object) : colours.faint;
    ink.lineWidth = 3;
    ink.setLineDash([2, 4]);
    ink.beginPath();
    ink.moveTo(laneX(bar.lane), y0);
    ink.lineTo(laneX(bar.lane), y1);
    ink.stroke();
    ink.setLineDash([]);
    // To the end of the trace: it never went on.
    if (bar.to === Infinity) write(fit('waits: ' + bar.label, columnWidth - 30), laneX(bar.lane) + 10, Math.min(y0 + rowHeight + 4, canvas.clientHeight - 6), bar.label === 'sleep' ? colours.faint : colours.bad);
  }
  for (const [bar, y0, y1] of inSight(holds, first, last)) {
    if (!shown(bar.lane)) continue;
    ink.fillStyle = colourOf(bar.object);
    ink.fillRect(laneX(bar.lane) - 9 - 5 * (bar.depth ?? 0), y0, 4, Math.max(3, y1 - y0));
  }
}

function arrow(x0, y0, x1, y1, colour, width, dashes) {
  ink.strokeStyle = ink.fillStyle = colour;
  ink.lineWidth = width;
  ink.setLineDash(dashes);
  ink.beginPath();
  ink.moveTo(x0, y0);
  ink.lineTo(x1, y1);
  ink.stroke();
  ink.setLineDash([]);
  const angle = Math.atan2(y1 - y0, x1 - x0);
  ink.beginPath();
  ink.moveTo(x1 - 3 * Math.cos(angle), y1 - 3 * Math.sin(angle));
  ink.lineTo(x1 - 10 * Math.cos(angle - 0.4), y1 - 10 * Math.sin(angle - 0.4));
  ink.lineTo(x1 - 10 * Math.cos(angle + 0.4), y1 - 10 * Math.sin(angle + 0.4));
  ink.fill();
}

function drawOrders(first, last) {
  const top = view.rows[first], bottom = view.rows[last];
  for (const [from, to] of orders) {
    if (from > bottom || to < top || !shown(events.task[from - 1]) || !shown(events.task[to - 1])) continue;
    const bright = view.past[to] && view.past[from];
    ink.globalAlpha = from === view.selected || to === view.selected ? 1 : bright ? 0.6 : 0.18;
    arrow(laneX(events.task[from - 1]), stepY(from), laneX(events.task[to - 1]), stepY(to), bright ? colours.accent : colours.faint, 1, []);
  }
  ink.globalAlpha = 1;
}

function drawMessages(first, last) {
  const top = view.rows[first], bottom = view.rows[last];
  for (const message of messages) {
    const end = message.readStep || message.arrivedStep || message.sentStep + 2;
    if (message.sentStep > bottom || end < top) continue;
    const state = fate(message);
    const sender = message.task >= 0 ? message.task : firstTaskOf[message.fromHost];
    const receiver = message.readStep ? events.task[message.readStep - 1] : firstTaskOf[message.toHost];
    if (!shown(sender) || !shown(receiver)) continue;
    const x0 = laneX(sender), y0 = stepY(message.sentStep);
    let x1 = laneX(receiver), y1 = message.readStep ? stepY(message.readStep) : stepY(message.arrivedStep || message.sentStep + 1);
    const gone = message.arrivedNs === null;
    if (gone) { x1 = x0 + (x1 - x0) * 0.6 + (x0 === x1 ? 30 : 0); y1 = y0 + rowHeight * 0.8; }
    const colour = fateColour(state);
    ink.globalAlpha = message.what === 'data' || message.what === 'datagram' || state !== 'delivered' ? 0.95 : 0.45;
    arrow(x0, y0, x1, y1, colour, state === 'delivered' ? 1.5 : 2, state === 'duplicate' || state === 'late' || state === 'resent' ? [6, 4] : []);
    if (gone) write('✕ ' + state, x1 - 4, y1 + 5, colour, 'bold');
    else if (state !== 'delivered') write(state, (x0 + x1) / 2 + 4, (y0 + y1) / 2 - 4, colour);
  }
  ink.globalAlpha = 1;
}

/** Step numbers and times, over what has been scrolled to the left. */
function drawGutter(first, last) {
  ink.fillStyle = colours.raised;
  ink.fillRect(0, 0, lanesLeft(), canvas.clientHeight);
  drawStates(first, last);
  let lastTime = first > 0 ? events.time[view.rows[first - 1] - 1] : -1;
  for (let row = first; row <= last; ++row) {
    const step = view.rows[row], i = step - 1, y = rowY(row) + rowHeight / 2 + 4;
    if (step === view.selected) { ink.fillStyle = colours.select; ink.fillRect(0, rowY(row), gutterWidth, rowHeight); }
    if (events.time[i] !== lastTime) {
      if (lastTime >= 0) { ink.fillStyle = colours.line; ink.fillRect(0, rowY(row), canvas.clientWidth, 1); }
      write(timeText(events.time[i]).padStart(11), 2, y, colours.ink);
      lastTime = events.time[i];
    }
    const number = String(step), special = step === failingStep ? colours.bad : isTurn[step] ? colours.mark : '';
    write(number, gutterWidth - 12 - number.length * 7.3, y, special || colours.faint, special ? 'bold' : '');
  }
}

function drawRows(first, last) {
  for (let row = first; row <= last; ++row) {
    const step = view.rows[row], i = step - 1, y = rowY(row) + rowHeight / 2 + 4, task = events.task[i];
    const bright = view.past[step] === 1, turn = isTurn[step] === 1, failing = step === failingStep;
    ink.globalAlpha = bright || !failingStep ? 1 : 0.55;
    const x = laneX(task);
    ink.fillStyle = failing ? colours.bad : turn ? colours.mark : bright ? colours.accent : colours.faint;
    ink.beginPath();
    if (turn) { ink.moveTo(x, y - 10); ink.lineTo(x + 6, y - 4); ink.lineTo(x, y + 2); ink.lineTo(x - 6, y - 4); }
    else ink.arc(x, y - 4, failing ? 6 : 3.5, 0, 7);
    ink.fill();
    const room = columnWidth - 34, text = stepText(step), place = placeText(events.stack[i]);
    const words = fit(text, room);
    write(words, x + 10, y, failing ? colours.bad : colours.ink, turn || failing ? 'bold' : '');
    const left = room - words.length * 7.3 - 12;
    if (left > 50 && place) write(fitEnd(place, left), x + 10 + words.length * 7.3 + 10, y, colours.faint);
    ink.globalAlpha = 1;
  }
}

function drawHead() {
  ink.fillStyle = colours.raised;
  ink.fillRect(0, 0, canvas.clientWidth, headHeight);
  let host = -1;
  for (const task of columns) {
    const x = columnLeft(task);
    if (x + columnWidth < lanesLeft()) continue;
    if (hostOf(task) !== host || x <= lanesLeft()) {
      host = hostOf(task);
      if (trace.hosts.length > 1) write(fit(hostText(host), columnWidth - 10), Math.max(x, lanesLeft()) + 8, 15, colours.accent, 'bold');
    }
    write(fit(taskText(task), columnWidth - 14), x + 8, 32, colours.ink, 'bold');
  }
  ink.fillStyle = colours.raised;
  ink.fillRect(0, 0, lanesLeft(), headHeight);
  trace.stateNames.forEach((name, k) => write(fit(name, stateWidth - 8), gutterWidth + k * stateWidth + 2, 32, colours.faint, 'bold'));
  write('time', 54, 32, colours.faint);
  write('#', gutterWidth - 19, 32, colours.faint);
  ink.fillStyle = colours.line;
  ink.fillRect(0, headHeight - 1, canvas.clientWidth, 1);
}

/** Numbers the locks that a task holds at a time, so that their bars stand side by side. */
for (const list of grouped(holds, bar => bar.lane).values()) {
  const open = [];
  for (const bar of list) {
    let depth = open.findIndex(other => other === null || other.to <= bar.from);
    if (depth < 0) depth = open.length;
    open[depth] = bar;
    bar.depth = Math.min(depth, 2);
  }
}

function draw() {
  ink.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  const first = Math.max(0, Math.floor(steps.scrollTop / rowHeight) - 1);
  const last = Math.min(view.rows.length - 1, Math.ceil((steps.scrollTop + canvas.clientHeight) / rowHeight) + 1);
  ink.save();
  if (last >= first && view.rows.length) {
    const selectedRow = rowOf(view.selected);
    if (view.rows[selectedRow] === view.selected) {
      ink.fillStyle = colours.select;
      ink.fillRect(0, rowY(selectedRow), canvas.clientWidth, rowHeight);
    }
    drawBands(first, last);
    drawBars(first, last);
    drawOrders(first, last);
    drawMessages(first, last);
    drawRows(first, last);
    drawGutter(first, last);
  } else {
    write('no step fits the filter', gutterWidth + 20, headHeight + 24, colours.faint);
  }
  drawHead();
  ink.restore();
}

let drawing = false;
function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}

/** The whole run over virtual time: a line for each task, faults as bands, the failure and the selected step. */
const overview = document.getElementById('overview');
function drawOverview() {
  const scale = window.devicePixelRatio || 1, width = overview.parentElement.clientWidth;
  const shownTasks = Math.min(taskCount, 12), lane = 9, height = shownTasks * lane + 24;
  overview.style.height = height + 'px';
  overview.width = Math.round(width * scale);
  overview.height = Math.round(height * scale);
  const pen = overview.getContext('2d');
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  const x = timeToX(width);
  for (const bar of faults) {
    pen.fillStyle = 'rgba(217,130,24,0.25)';
    pen.fillRect(x(bar.fromNs), 2, Math.max(2, x(bar.toNs) - x(bar.fromNs)), shownTasks * lane);
  }
  for (let task = 0; task < shownTasks; ++task) {
    const y = 3 + task * lane;
    pen.fillStyle = colours.line;
    pen.fillRect(8, y + 3, width - 16, 1);
    pen.fillStyle = colourOf(hostOf(task));
    let drawn = -1;
    for (const step of stepsOf[task]) {
      const at = Math.round(x(events.time[step - 1]));
      if (at === drawn) continue;
      drawn = at;
      pen.fillRect(at, y, 2, lane - 2);
    }
  }
  const mark = (step, colour) => {
    if (step < 1) return;
    pen.fillStyle = colour;
    pen.fillRect(x(events.time[step - 1]) - 1, 0, 3, shownTasks * lane + 4);
  };
  mark(view.selected, colours.accent);
  mark(failingStep, colours.bad);
  pen.font = '11px system-ui, sans-serif';
  pen.fillStyle = colours.faint;
  for (let k = 0; k <= 4; ++k) {
    const text = timeText(Math.round(trace.virtualNs * k / 4)), at = x(trace.virtualNs * k / 4);
    pen.textAlign = k === 0 ? 'left' : k === 4 ? 'right' : 'center';
    if (trace.virtualNs || k === 0) pen.fillText(text, at, height - 6);
  }
}
const timeToX = width => ns => 8 + (width - 16) * (trace.virtualNs ? ns / trace.virtualNs : 0);
