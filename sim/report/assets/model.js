'use strict';
// The trace as the page uses it: columns of numbers by position (step - 1), what lasts, and what happens before what.

const trace = JSON.parse(document.getElementById('data').textContent);
const events = trace.events;
const count = events.time.length;
const taskCount = trace.tasks.length;
const hostOf = task => trace.taskHosts[task] ?? 0;
const failingStep = trace.finding ? Math.min(trace.finding.step, count) : 0;

/** Reads [[lane, from, to, fromNs, toNs, label, object], ..]; an end of 0 is the end of the trace. */
const bars = list => list.map(([lane, from, to, fromNs, toNs, label, object]) =>
  ({lane, from, to: to || Infinity, fromNs, toNs, label, object}));
const holds = bars(trace.holds), waits = bars(trace.waits), states = bars(trace.states);
const faults = bars(trace.faults), downs = bars(trace.downs);

/** Groups things by one of their members: Map of key to list. */
function grouped(list, key) {
  const map = new Map();
  for (const item of list) {
    const k = key(item);
    if (!map.has(k)) map.set(k, []);
    map.get(k).push(item);
  }
  return map;
}

const choices = trace.choices.map(([step, kind, value, bound, task, op]) => ({step, kind: trace.kinds[kind], value, bound, task, op}));
const choicesAt = grouped(choices, choice => choice.step);
/** What a task draws from the random number generator decides little; everything else that is not 0 was a turn taken. */
const matters = choice => choice.value !== 0 && choice.kind !== 'entropy';
const turns = [...new Set(choices.filter(matters).map(choice => choice.step))].filter(step => step >= 1 && step <= count).sort((a, b) => a - b);
const isTurn = new Uint8Array(count + 1);
for (const step of turns) isTurn[step] = 1;

const waitsAt = grouped(waits, wait => wait.lane + ':' + wait.from);
/** The task could have gone on, and another did. */
const isPreemption = choice => choice.kind === 'schedule' && choice.value !== 0 &&
  !waitsAt.has(choice.task + ':' + (choice.step - 1)) && trace.ops[choice.op] !== 'task_exit';

const orders = trace.orders.filter(([from, to]) => from >= 1 && from < to && to <= count);
const ordersTo = grouped(orders, ([, to]) => to), ordersFrom = grouped(orders, ([from]) => from);

/** Of every task, its steps. */
const stepsOf = Array.from({length: taskCount}, () => []);
for (let i = 0; i < count; ++i) stepsOf[events.task[i]].push(i + 1);

/** The position of the first entry of a rising list that is not below `value`. */
function lowerBound(list, value) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

/** By step, whether it happens before step `to` or is it. */
function pastOf(to) {
  const past = new Uint8Array(count + 1);
  if (to < 1 || to > count) return past;
  const last = new Uint32Array(taskCount);
  last[events.task[to - 1]] = to;
  for (let step = to; step >= 1; --step) {
    if (last[events.task[step - 1]] < step) continue;
    past[step] = 1;
    for (const [from] of ordersTo.get(step) ?? []) {
      const task = events.task[from - 1];
      if (from < step) last[task] = Math.max(last[task], from);
    }
  }
  return past;
}

const messages = trace.messages.map(([sentNs, sentStep, task, fromHost, toHost, what, bytes, losses, marks, arrivedNs, arrivedStep, object]) =>
  ({sentNs, sentStep, task, fromHost, toHost, what, bytes, losses, marks, arrivedNs, arrivedStep, object}));
const firstTaskOf = trace.hosts.map((_, host) => Math.max(0, trace.taskHosts.indexOf(host)));
{
  // A message is read in the first step after its arrival that takes something from that socket.
  const takes = new Set(['sock_recv', 'sock_accept', 'sock_connect', 'read', 'epoll_wait', 'poll'].map(name => trace.ops.indexOf(name)));
  const readsOf = new Map();
  for (let i = 0; i < count; ++i) {
    if (!takes.has(events.op[i]) || events.object[i] === 0) continue;
    if (!readsOf.has(events.object[i])) readsOf.set(events.object[i], []);
    readsOf.get(events.object[i]).push(i + 1);
  }
  for (const message of messages) {
    message.readStep = 0;
    if (message.arrivedNs === null) continue;
    const reads = readsOf.get(message.object) ?? [];
    message.readStep = reads[lowerBound(reads, message.arrivedStep + 1)] ?? 0;
  }
}
const sentAt = grouped(messages.filter(message => message.task >= 0), message => message.sentStep);
const readAt = grouped(messages.filter(message => message.readStep), message => message.readStep);

/** lost, resent, duplicate, late, corrupt, or delivered. */
function fate(message) {
  if (message.arrivedNs === null) return message.losses ? 'lost' : 'under way';
  if (message.marks & 1) return 'duplicate';
  if (message.marks & 4) return 'corrupt';
  if (message.marks & 2) return 'late';
  return message.losses ? 'resent' : 'delivered';
}
