#!/usr/bin/env python3
"""Makes the traces that the report's tests open: hostile names, and many events.
   make_traces.py DIRECTORY"""
import json
import sys

HOSTILE = ['<script>window.hacked=1</script>', '</script><script>window.hacked=2</script>', '"><img src=x onerror="window.hacked=3">',
           '<!--<script>', '@DATA@ @SCRIPT@', "';window.hacked=4;'", '\u202egnp.exe', '\x1b[31m\u0000', '&lt;b&gt;', '../../../etc/passwd']


def trace(tasks, hosts, task_hosts, objects, texts, events, **more):
    last = events[-1]
    result = {
        'format': 'foreseed-trace', 'version': 1, 'program': 'made', 'build_id': '', 'scenario': 'made', 'seed': '1',
        'steps_per_instant_max': 100000, 'fingerprint': '1', 'virtual_ns': last[0], 'steps': len(events), 'truncated': False,
        'finding': {'kind': 'check_failed', 'message': 'made to fail', 'time_ns': last[0], 'step': len(events), 'details': '',
                    'places': [{'task': last[2], 'role': 'here', 'stack': 1}]},
        'tasks': tasks, 'objects': objects, 'texts': texts, 'stacks': [[], [0]],
        'frames': [['', '4660', 'writer()', 'source.cc', 3, True]], 'choices': [], 'events': events,
        'hosts': hosts, 'task_hosts': task_hosts, 'choice_steps': [], 'waits': [], 'orders': [], 'messages': []}
    result.update(more)
    return result


def hostile():
    n = len(HOSTILE)
    events = [[str(i * 1000), i + 1, i % n, 'note', i % n, 0, 1, i % n] for i in range(1, 3 * n)]
    events = [[e[0], i + 1] + e[2:] for i, e in enumerate(events)]
    names = [''] + HOSTILE[1:]
    made = trace(HOSTILE, HOSTILE, list(range(n)), names, [''] + [h + ' = ' + h for h in HOSTILE[1:]], events,
                 messages=[['1000', 2, 0, 0, 1, HOSTILE[0], 7, 1, 0, None, 0, 0]])
    made['scenario'] = made['program'] = HOSTILE[0]
    made['finding']['message'] = made['finding']['details'] = HOSTILE[1]
    made['finding']['places'][0]['role'] = HOSTILE[2]
    made['frames'] = [['', '1', HOSTILE[2], '/etc/passwd', 1, True], ['', '2', HOSTILE[3], 'link.cc', 1, True]]
    made['stacks'] = [[], [0, 1]]
    return made


def everything():
    """Two hosts, a lock, a state, a fault, and a message of every fate."""
    ops = [('main', 'task_start'), ('main', 'thread_create'), ('server', 'task_start'), ('main', 'mutex_lock'),
           ('main', 'note'), ('main', 'sock_send'), ('main', 'sock_send'), ('main', 'fault'), ('server', 'sock_recv'),
           ('main', 'note'), ('main', 'mutex_unlock'), ('server', 'mutex_lock'), ('main', 'fault'), ('server', 'mutex_unlock')]
    texts = {5: 1, 8: 2, 10: 3, 13: 4}
    objects = {4: 1, 6: 2, 7: 2, 9: 3, 11: 1, 12: 1, 14: 1}
    events = [[str(i * 250000), i + 1, 0 if task == 'main' else 1, op, objects.get(i + 1, 0), 1 if op == 'thread_create' else 0,
               1, texts.get(i + 1, 0)] for i, (task, op) in enumerate(ops)]
    return trace(['main', 'server'], ['client', 'server'], [0, 1], ['', 'mutex#1', 'socket#2', 'socket#3'],
                 ['', 'breaker = closed', 'partition begins: client | server', 'breaker = open',
                  'partition ends: client | server'], events,
                 waits=[['500000', 3, 1, 'sock_recv', 3, 1], ['2250000', 9, 1, 'mutex_lock', 1, 1]],
                 orders=[[2, 3], [6, 9], [11, 12]],
                 choices=[['schedule', 1, 2, 5, 0], ['schedule', 0, 2, 5, 0], ['fault', 1, 1000000, 60, 0]], choice_steps=[3, 4, 7],
                 messages=[['1250000', 6, 0, 0, 1, 'data', 12, 0, 0, '1750000', 8, 3],
                           ['1500000', 7, 0, 0, 1, 'data', 5, 2, 0, None, 0, 0],
                           ['1500000', 7, 0, 0, 1, 'datagram', 5, 0, 1, '2000000', 8, 3],
                           ['1500000', 7, 0, 0, 1, 'data', 5, 1, 0, '2000000', 8, 3]])


def deadlock():
    """Two tasks, each holding the lock that the other waits for; the third joins the first."""
    ops = [(0, 'thread_create', 0), (1, 'task_start', 0), (2, 'task_start', 0), (1, 'mutex_lock', 1), (2, 'mutex_lock', 2)]
    events = [['0', i + 1, task, op, thing, 1 if op == 'thread_create' else 0, 1, 0] for i, (task, op, thing) in enumerate(ops)]
    return trace(['main', 'one', 'two'], ['client'], [0, 0, 0], ['', 'mutex#1', 'mutex#2'], [''], events,
                 waits=[['0', 5, 0, 'thread_join', 1, 1], ['0', 5, 1, 'mutex_lock', 2, 1], ['0', 5, 2, 'mutex_lock', 1, 1]],
                 orders=[[1, 2]])


def many(count):
    events, orders, waits, choices, steps = [], [], [], [], []
    names = ['mutex_lock', 'atomic_rmw', 'mutex_unlock', 'sock_send']
    for i in range(count):
        events.append([str(i // 10 * 1000), i + 1, i // 4 % 8, names[i % 4], 1 + i // 4 % 20 if i % 4 != 3 else 21, 0, 1, 0])
        if i % 4 == 0 and i > 8:
            orders.append([i - 1, i + 1])
            waits.append([events[-1][0], i - 3, i // 4 % 8, 'mutex_lock', 1 + i // 4 % 20, 1])
            choices.append(['schedule', i // 4 % 3, 8, 5, 0])
            steps.append(i + 1)
    return trace(['T%d' % i for i in range(8)], ['client', 'server'], [i % 2 for i in range(8)],
                 [''] + ['mutex#%d' % i for i in range(1, 21)] + ['socket#21'], [''], events, orders=orders, waits=waits,
                 choices=choices, choice_steps=steps)


if __name__ == '__main__':
    for name, made in [('hostile', hostile()), ('everything', everything()), ('deadlock', deadlock()), ('5000', many(5000)), ('100000', many(100000))]:
        with open(f'{sys.argv[1]}/{name}.json', 'w') as out:
            json.dump(made, out)
