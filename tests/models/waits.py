#!/usr/bin/env python3
"""No wait in models/ is without a bound: every wait has a time-out, or a comment `// bounded: ..` on its line or the one before,
which says what ends it.

    waits.py ROOT          exit 1 where a wait has neither, each named by file and line
    waits.py --self-test   the known-bad twins: each of these lines must be told, each of the good ones not
"""

# S2-17
import pathlib
import re
import sys

WAITS = [
    r'(\.|->)wait\(',  # of a condition variable, a future, an atomic, a latch, a barrier
    r'(\.|->)join\(\)',
    r'\bstd::(latch|barrier|counting_semaphore|binary_semaphore|future|shared_future|async)\b',
    r'\b(pthread_cond_wait|pthread_join|sem_wait|sigwait|sigwaitinfo|sigsuspend|pause|wait|wait3|waitpid|epoll_wait|select|flock|lockf)\(\s*[^)]',
    r'\b(poll|epoll_wait)\(.*,\s*-1\s*\)',
    r'\bF_SETLKW\b',
    r'(?<![\w.>])::(accept4?|connect|recv|recvfrom|recvmsg|read|send|sendto|sendmsg|write)\((?!.*MSG_DONTWAIT)',
]

BAD = ['arrived_.wait(lock, [this] { return !queue_.empty(); });', 'arrived_.wait(lock, stop, [&] { return done; });',
       'answer->wait();', 'flag.wait(false);', 'worker.join();', 'std::future<int> answer;', 'std::latch all(3);',
       'pthread_cond_wait(&c, &m);', 'sem_wait(&s);', 'sigwait(&signals, &signal);', '::poll(&d, 1, -1);', 'waitpid(pid, &status, 0);',
       'fcntl(fd, F_SETLKW, &region);', 'n = ::recv(socket, data, size, 0);', 'n = ::send(socket, data, size, MSG_NOSIGNAL);',
       'const int peer = ::accept(listener, nullptr, nullptr);', 'worker.join();  // quickly']
GOOD = ['arrived_.wait_for(lock, look_every, [this] { return done; });', 'landed_.wait_until(lock, stop, deadline, [&] { return done; });',
        'worker.join();  // bounded: it was told to stop', '// bounded: by the handler\nworker.join();', '// then worker.join();',
        'n = ::recv(socket, data, size, MSG_DONTWAIT);', '::poll(&d, 1, left);', 'wait_in_line(lock, deadline, stop);',
        'const std::int64_t wait = 3;']


def untimed(text):
    """The lines of a source that wait without a bound."""
    found = []
    lines = text.splitlines()
    for i, line in enumerate(lines):
        code = line.split('//')[0]
        told = '// bounded: ' in line or (i > 0 and re.match(r'\s*// bounded: ', lines[i - 1]))
        if not told and any(re.search(wait, code) for wait in WAITS):
            found.append((i + 1, line.strip()))
    return found


def main():
    if sys.argv[1] == '--self-test':
        missed = [line for line in BAD if not untimed(line)] + [line for line in GOOD if untimed(line)]
        print('\n'.join(missed) or f'{len(BAD)} bad lines told, {len(GOOD)} good ones not')
        return 1 if missed else 0
    root = pathlib.Path(sys.argv[1])
    sources = sorted([*root.glob('models/**/*.h'), *root.glob('models/**/*.cc')])
    found = [f'{path.relative_to(root)}:{number}: {line}' for path in sources for number, line in untimed(path.read_text())]
    print('\n'.join(found) or f'{len(sources)} files: no wait without a bound')
    return 1 if found or not sources else 0


if __name__ == '__main__':
    sys.exit(main())
