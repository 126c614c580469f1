# What `foreseed replay --gdb` adds to gdb: it stops where the replay has reached its step, on the stack of the task that
# does it. `tasks` lists the simulated threads, `task N` goes to one's stack, `task` comes back.
import gdb

_kept = {}  # registers of the task that runs, while another is looked at
_registers = ['rsp', 'rip', 'rbp', 'rbx', 'r12', 'r13', 'r14', 'r15']


def _world():
    return gdb.parse_and_eval("'foreseed::detail::the_world'")


def _task(number):
    world = _world()
    if not 0 <= number < int(world['task_count_']):
        raise gdb.GdbError('there is no task %d; `tasks` lists them' % number)
    pointers = world['tasks_']['_M_impl']['_M_start']
    # A unique_ptr is as large as what it holds: a pointer.
    kind = gdb.lookup_type('foreseed::Task').pointer().pointer()
    return pointers.cast(kind)[number].dereference()


def _name(task):
    name = task['name'].string()
    return name or ('main' if int(task['id']) == 0 else 'T%d' % int(task['id']))


def _to_users_frame():
    """Selects the innermost frame outside the simulator, libc and the C++ library."""
    frame = gdb.newest_frame()
    while frame is not None:
        sal = frame.find_sal()
        library = gdb.solib_name(frame.pc()) or ''
        path = sal.symtab.filename if sal.symtab else ''
        if not any(part in library for part in ('libforeseed', 'libc.', 'libstdc++', 'libboost')) and path and '/c++/' not in path:
            frame.select()
            return
        frame = frame.older()


def _come_back():
    for name, value in _kept.items():
        gdb.execute('set var $%s = %d' % (name, value), to_string=True)
    _kept.clear()


class Tasks(gdb.Command):
    """List the simulated threads: number, name, what each does."""

    def __init__(self):
        super().__init__('tasks', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        world = _world()
        current = int(world['current_']['id'])
        for number in range(int(world['task_count_'])):
            task = _task(number)
            waiting = str(task['waiting_op']).rsplit('::', 1)[-1]
            state = ('ended' if task['finished'] else 'runs' if number == current else
                     'ready' if waiting == 'note' else 'waits: ' + waiting)
            print('%s %3d  %-16s %s' % ('*' if number == current else ' ', number, _name(task), state))


class Task(gdb.Command):
    """Go to the stack of a simulated thread: task N. Without a number: back to the one that runs."""

    def __init__(self):
        super().__init__('task', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        _come_back()
        current = int(_world()['current_']['id'])
        number = int(argument) if argument.strip() else current
        task = _task(number)
        if number != current:
            if task['finished']:
                raise gdb.GdbError('task %d has ended' % number)
            self.enter(task)
        _to_users_frame()
        gdb.execute('frame')

    def enter(self, task):
        # Boost.Context's jump_fcontext leaves a parked task's registers on its stack.
        saved = int(task['fiber'].dereference()['c_']['fctx_'])
        if saved == 0:
            raise gdb.GdbError('%s has not run yet' % _name(task))
        word = gdb.lookup_type('unsigned long').pointer()
        at = lambda offset: int(gdb.Value(saved + offset).cast(word).dereference())
        values = {'rsp': saved + 0x48, 'rip': at(0x40), 'rbp': at(0x38), 'rbx': at(0x30), 'r12': at(0x10), 'r13': at(0x18),
                  'r14': at(0x20), 'r15': at(0x28)}
        gdb.execute('frame 0', to_string=True)
        for name in _registers:
            _kept[name] = int(gdb.parse_and_eval('(unsigned long)$' + name))
        for name, value in values.items():
            gdb.execute('set var $%s = %d' % (name, value), to_string=True)


Tasks()
Task()
for step in ('continue', 'step', 'next', 'finish', 'stepi', 'nexti'):
    gdb.execute('define hook-%s\npython _come_back()\nend' % step)
for setting in ('pagination off', 'confirm off', 'debuginfod enabled off', 'breakpoint pending on', 'print frame-arguments none'):
    gdb.execute('set ' + setting, to_string=True)
gdb.execute('handle SIGSEGV SIGSYS nostop noprint pass', to_string=True)
gdb.execute('break foreseed_step_reached', to_string=True)
gdb.execute('run')
if gdb.selected_inferior().pid:
    _to_users_frame()
    print('\nThe step is done; `tasks` lists the tasks, `task N` goes to one.')
    gdb.execute('frame')
