// The words for things.

function timeText(ns) {
  if (ns < 1e3) return ns + ' ns';
  if (ns < 1e6) return (ns / 1e3).toFixed(3) + ' µs';
  if (ns < 1e9) return (ns / 1e6).toFixed(3) + ' ms';
  return (ns / 1e9).toFixed(3) + ' s';
}

const taskText = task => trace.tasks[task] ?? 'T' + task;
const hostText = host => trace.hosts[host] ?? '';
const baseName = path => path.slice(path.lastIndexOf('/') + 1);

/** The innermost frame of a stack that is the user's: [function, file, line, user, module]. */
function userFrame(stack) {
  for (const index of trace.stacks[stack] ?? []) {
    const frame = trace.frames[index];
    if (frame[3] && frame[2] !== 0) return frame;
  }
  return null;
}

/** A path as compilers write it from within a build directory, without the way out of it. */
const tidyPath = path => path.replace(/^(\.\.\/)+/, '');

function placeText(stack) {
  const frame = userFrame(stack);
  return frame ? baseName(frame[1]) + ':' + frame[2] : '';
}

function stepText(step) {
  const i = step - 1, op = trace.ops[events.op[i]];
  let text = op;
  if (events.object[i]) text += ' ' + trace.objects[events.object[i]];
  if (events.text[i]) text += ' ' + trace.texts[events.text[i]];
  const result = events.result[i];
  if ((op === 'thread_create' || op === 'thread_join') && result > 0) return text + ' ' + taskText(result);
  // The results of atomics count stores, which their texts say better.
  if (op.startsWith('atomic_') && events.text[i]) return text;
  return result ? text + ' = ' + result : text;
}

function choiceText(choice) {
  const asked = taskText(choice.task) + ' at ' + (trace.ops[choice.op] ?? '?');
  const which = choice.value + ' in 0..' + (choice.bound - 1);
  if (choice.kind === 'schedule') {
    if (isPreemption(choice)) return 'preemption: ' + asked + ' had to give way (' + which + ')';
    return 'schedule: after ' + asked + (choice.value ? ', another out of turn' : ', the first in turn') + ' (' + which + ')';
  }
  return choice.kind + ': ' + asked + ' (' + which + ')';
}

function messageText(message) {
  const size = message.bytes ? ' of ' + message.bytes + ' bytes' : '';
  const state = fate(message);
  let text = message.what + size + ', ' + hostText(message.fromHost) + ' → ' + hostText(message.toHost) + ', sent at ' + timeText(message.sentNs);
  if (message.arrivedNs !== null) text += ', there after ' + timeText(message.arrivedNs - message.sentNs);
  if (message.losses) text += ', lost ' + message.losses + (message.losses === 1 ? ' time' : ' times');
  if (state !== 'delivered' && state !== 'resent') text += ': ' + state;
  return text;
}
