// What the reader does: select, step, filter, copy, link. Text from the trace only ever becomes text nodes.

const byId = id => document.getElementById(id);

function element(name, options = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(options)) made[key] = value;
  made.append(...children);
  return made;
}

const link = (step, text) => element('a', {href: '#step=' + step}, text ?? 'step ' + step);

// --- the selected step, in words -----------------------------------------------------------------------------------

function sourceExcerpt(file, line) {
  const lines = trace.sources[file];
  if (!lines) return null;
  const box = element('div', {className: 'source mono', tabIndex: 0, ariaLabel: file});
  for (const [number, text] of lines) {
    if (Math.abs(number - line) > 4) continue;
    const row = element('div', {className: number === line ? 'here' : ''}, element('span', {className: 'number'}, String(number)), text);
    if (number === line) row.setAttribute('aria-current', 'true');
    box.append(row);
  }
  return box;
}

function addPlace(to, stack) {
  const frame = userFrame(stack);
  if (!frame) return;
  to.append(element('p', {className: 'mono'}, tidyPath(frame[1]) + ':' + frame[2]));
  to.append(sourceExcerpt(frame[1], frame[2]) ?? element('p', {className: 'quiet'}, 'the source is not below the directory in which this report was made'));
}

function stackList(stack) {
  const list = element('ul', {className: 'mono'});
  for (const index of trace.stacks[stack] ?? []) {
    const [name, file, line, user, module] = trace.frames[index];
    const where = file ? tidyPath(file) + ':' + line : module;
    list.append(element('li', {className: user ? '' : 'quiet'}, (name || '?') + '  ' + where));
  }
  return element('details', {}, element('summary', {}, 'stack'), list);
}

function findingBlock() {
  const {finding} = trace;
  const block = element('div', {className: 'finding'});
  block.append(element('p', {className: 'what'}, finding.message),
               element('p', {className: 'quiet'}, finding.kind + ' after step ' + finding.after + ', at ' + timeText(finding.time)));
  for (const [task, role, stack] of finding.places) {
    block.append(element('h2', {}, taskText(task) + (role ? ': ' + role : '')));
    addPlace(block, stack);
    if (stack) block.append(stackList(stack));
  }
  if (finding.details) block.append(element('pre', {}, finding.details));
  return block;
}

function section(title, items) {
  return items.length ? [element('h2', {}, title), element('ul', {}, ...items.map(item => element('li', {}, ...[item].flat())))] : [];
}

function showDetail() {
  const detail = byId('detail'), step = view.selected, i = step - 1;
  detail.replaceChildren();
  detail.scrollTop = 0;
  if (step < 1) return;
  if (step === failingStep) detail.append(findingBlock());
  const task = events.task[i];
  const host = trace.hosts.length > 1 ? ' on ' + hostText(hostOf(task)) : '';
  detail.append(element('h2', {}, 'step ' + step + ' at ' + timeText(events.time[i]) + ', ' + taskText(task) + host),
                element('p', {className: 'what mono'}, stepText(step)));
  addPlace(detail, events.stack[i]);
  if (events.stack[i]) detail.append(stackList(events.stack[i]));
  const describe = other => [link(other), ' ', taskText(events.task[other - 1]) + ': ' + stepText(other)];
  detail.append(
      ...section('choices', (choicesAt.get(step) ?? []).slice(0, 200).map(choice =>
          element('span', {className: matters(choice) ? 'chosen' : 'quiet'}, choiceText(choice)))),
      ...section('knows, from here on, of', (ordersTo.get(step) ?? []).map(([from]) => describe(from))),
      ...section('is known to', (ordersFrom.get(step) ?? []).map(([, to]) => describe(to))),
      ...section('sends', (sentAt.get(step) ?? []).map(message =>
          [messageText(message), ...(message.readStep ? [', read in ', link(message.readStep)] : [])])),
      ...section('receives', (readAt.get(step) ?? []).map(message =>
          [messageText(message), ...(message.task >= 0 ? [', sent in ', link(message.sentStep)] : [])])),
      ...section('holds', holds.filter(bar => bar.lane === task && bar.from <= step && step < bar.to).map(bar => [bar.label, ', since ', link(bar.from)])),
      ...section('others wait', waits.filter(bar => bar.lane !== task && bar.from < step && step < bar.to).slice(0, 50).map(bar => taskText(bar.lane) + ': ' + bar.label)),
      ...section('faults', faults.filter(bar => bar.from <= step && step < bar.to).map(bar => bar.label)),
      ...section('states', states.filter(bar => bar.from <= step && step < bar.to).map(bar => trace.stateNames[bar.lane] + ' = ' + bar.label)));
}

// --- the same as a table -------------------------------------------------------------------------------------------

const tableRows = 200;
let tableStart = 0;

function tableRow(step) {
  const i = step - 1, frame = userFrame(events.stack[i]);
  const made = (choicesAt.get(step) ?? []).filter(matters).map(choiceText).join('; ');
  const cell = (text, className = '') => element('td', {className}, text);
  const number = element('td', {className: 'number'}, link(step, String(step)));
  const row = element('tr', {}, number, cell(timeText(events.time[i]), 'number'), cell(hostText(hostOf(events.task[i]))), cell(taskText(events.task[i])),
                      cell(stepText(step)), cell(frame ? tidyPath(frame[1]) + ':' + frame[2] : ''), cell(made), cell(view.past[step] ? 'yes' : ''));
  if (isTurn[step]) row.classList.add('chose');
  if (step === view.selected) { row.classList.add('selected'); row.setAttribute('aria-current', 'true'); }
  return row;
}

function showTable() {
  if (!byId('table-box').open) return;
  tableStart = Math.max(0, Math.min(tableStart, view.rows.length - 1));
  const shown = view.rows.slice(tableStart, tableStart + tableRows);
  byId('table').replaceChildren(...Array.from(shown, tableRow));
  byId('table-range').textContent = shown.length ? 'rows ' + (tableStart + 1) + ' to ' + (tableStart + shown.length) + ' of ' + view.rows.length : 'no rows';
}

// --- selecting -----------------------------------------------------------------------------------------------------

function scrollTo(step) {
  const row = rowOf(step), top = row * rowHeight, room = steps.clientHeight - headHeight;
  if (top < steps.scrollTop + rowHeight || top > steps.scrollTop + room - 2 * rowHeight) steps.scrollTop = Math.max(0, top - room * 0.45);
  const left = Math.max(0, columnOf[events.task[step - 1]]) * columnWidth;
  const visible = steps.clientWidth - lanesLeft();
  if (left < steps.scrollLeft || left + columnWidth > steps.scrollLeft + visible) steps.scrollLeft = Math.max(0, left - visible / 3);
}

function select(step, {remember = true} = {}) {
  if (!(step >= 1 && step <= count)) return;
  view.selected = step;
  if (remember && location.hash !== '#step=' + step) history.replaceState(null, '', '#step=' + step);
  scrollTo(step);
  const turn = (choicesAt.get(step) ?? []).filter(matters).map(choiceText).join('; ');
  byId('live').textContent = 'step ' + step + ', ' + timeText(events.time[step - 1]) + ', ' + taskText(events.task[step - 1]) + ': ' +
      stepText(step) + ' ' + placeText(events.stack[step - 1]) + (turn ? ', ' + turn : '') + (step === failingStep ? ', the failing step' : '');
  tableStart = Math.floor(rowOf(step) / tableRows) * tableRows;
  showDetail();
  showTable();
  redraw();
  drawOverview();
}

function move(by) {
  const row = rowOf(view.selected), there = view.rows[row] === view.selected;
  const to = Math.max(0, Math.min(view.rows.length - 1, row + (by > 0 && !there ? by - 1 : by)));
  if (view.rows.length) select(view.rows[to]);
}

function moveIn(list, by) {
  const at = lowerBound(list, by > 0 ? view.selected + 1 : view.selected) - (by > 0 ? 0 : 1);
  if (at >= 0 && at < list.length) select(list[at]);
}

const selectFailure = () => select(failingStep || count);

// --- filtering -----------------------------------------------------------------------------------------------------

function searchable(step) {
  const i = step - 1, frame = userFrame(events.stack[i]);
  return (taskText(events.task[i]) + ' ' + hostText(hostOf(events.task[i])) + ' ' + stepText(step) + ' ' + (frame ? frame[0] + ' ' + frame[1] + ':' + frame[2] : '')).toLowerCase();
}

function filterRows() {
  const words = byId('filter').value.toLowerCase().split(/\s+/).filter(Boolean), onlyPast = byId('past').checked;
  const rows = [];
  for (let step = 1; step <= count; ++step) {
    if (onlyPast && !view.past[step]) continue;
    if (words.length && step !== failingStep) {
      const text = searchable(step);
      if (!words.every(word => text.includes(word))) continue;
    }
    rows.push(step);
  }
  view.rows = rows;
  byId('count').textContent = rows.length === count ? count + ' steps' : rows.length + ' of ' + count + ' steps';
  layColumns();
  resize();
  if (view.selected) scrollTo(view.selected);
  tableStart = 0;
  showTable();
  redraw();
}

function setPast(step) {
  view.past = pastOf(step);
  byId('past-of').textContent = step === failingStep && step ? 'the failure' : 'step ' + step;
  filterRows();
}

// --- keys, clicks, links -------------------------------------------------------------------------------------------

async function copyReplay() {
  const text = byId('replay').textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(byId('replay'));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand('copy');
  }
  byId('copy').textContent = 'copied';
  setTimeout(() => { byId('copy').textContent = 'copy'; }, 1500);
}

const page = () => Math.max(1, Math.floor((steps.clientHeight - headHeight) / rowHeight) - 2);
const ownSteps = () => stepsOf[events.task[view.selected - 1] ?? 0];
const keys = {
  ArrowDown: () => move(1), j: () => move(1), ArrowUp: () => move(-1), k: () => move(-1),
  ArrowRight: () => moveIn(ownSteps(), 1), l: () => moveIn(ownSteps(), 1),
  ArrowLeft: () => moveIn(ownSteps(), -1), h: () => moveIn(ownSteps(), -1),
  ']': () => moveIn(turns, 1), '[': () => moveIn(turns, -1),
  PageDown: () => move(page()), PageUp: () => move(-page()), Home: () => move(-count), End: () => move(count),
  f: selectFailure, c: copyReplay, '/': () => byId('filter').focus(), '?': () => byId('help').showModal(),
  p: () => { byId('past').checked = !byId('past').checked; filterRows(); },
  b: () => setPast(byId('past-of').textContent === 'step ' + view.selected ? failingStep : view.selected),
  Escape: () => { if (byId('filter').value) { byId('filter').value = ''; filterRows(); } },
};

addEventListener('keydown', event => {
  if (event.ctrlKey || event.altKey || event.metaKey || byId('help').open) return;
  const typing = event.target.matches('input[type=search]');
  if (typing) {
    if (event.key === 'Escape') { steps.focus(); event.preventDefault(); }
    if (event.key === 'Enter') { steps.focus(); move(1); }
    return;
  }
  // Where an arrow scrolls something of its own, it does that.
  if (event.target.closest('#detail, #table-box') && /^(Arrow|Page|Home|End)/.test(event.key)) return;
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

canvas.addEventListener('click', event => {
  const row = Math.floor((event.offsetY - headHeight + steps.scrollTop) / rowHeight);
  if (event.offsetY > headHeight && row >= 0 && row < view.rows.length) select(view.rows[row]);
});
overview.addEventListener('click', event => {
  const width = overview.clientWidth, time = (event.offsetX - 8) / (width - 16) * trace.virtualNs;
  move(0);
  if (count) select(Math.min(count, lowerBound(events.time, time) + 1));
});
byId('previous').addEventListener('click', () => move(-1));
byId('next').addEventListener('click', () => move(1));
byId('failure').addEventListener('click', selectFailure);
byId('choice-back').addEventListener('click', () => moveIn(turns, -1));
byId('choice-on').addEventListener('click', () => moveIn(turns, 1));
byId('copy').addEventListener('click', copyReplay);
byId('past').addEventListener('change', filterRows);
byId('filter').addEventListener('input', filterRows);
byId('help-button').addEventListener('click', () => byId('help').showModal());
byId('table-box').addEventListener('toggle', () => { showTable(); resize(); redraw(); });
byId('table-back').addEventListener('click', () => { tableStart -= tableRows; showTable(); });
byId('table-on').addEventListener('click', () => { if (tableStart + tableRows < view.rows.length) tableStart += tableRows; showTable(); });
steps.addEventListener('scroll', redraw, {passive: true});

const linked = () => Number(/^#step=(\d{1,10})$/.exec(location.hash)?.[1] ?? 0);
addEventListener('hashchange', () => select(linked()));
new ResizeObserver(() => { resize(); redraw(); drawOverview(); }).observe(steps);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { readColours(); redraw(); drawOverview(); });

// --- start ---------------------------------------------------------------------------------------------------------

function addLegend() {
  const entry = (colour, text) => {
    const swatch = element('span', {className: 'swatch'});
    swatch.style.background = colour;
    byId('legend').append(element('li', {}, swatch, text));
  };
  entry(colours.mark, 'a diamond, bold: a choice other than the benign one (a preemption, a delay, a fault) led here');
  entry(colours.bad, 'the failing step');
  entry(colours.accent, 'a step that happens before the failure, and the orders between tasks; others are faint');
  entry(palette[0], 'beside a lane: a lock held; dots on it: waiting, in the colour of what for');
  for (const state of ['delivered', 'resent', 'duplicate', 'lost']) entry(fateColour(state), 'a message: ' + state);
  entry('rgba(217,130,24,0.3)', 'a fault of the plan lasts');
}

readColours();
addLegend();
byId('identity').textContent = trace.program + ', seed ' + trace.seed + ', ' + trace.steps + ' steps in ' + timeText(trace.virtualNs) + ' of virtual time' +
    (trace.truncated ? '; only the first ' + count + ' steps were kept' : '') + (choices.length ? '; ' + turns.length + ' of ' + new Set(choices.map(choice => choice.step)).size + ' steps with choices took a turn' : '');
setPast(failingStep || count);
select(linked() || failingStep || count, {remember: false});
document.documentElement.dataset.ready = String(Math.round(performance.now()));
